"""OCPP 2.0.1, edition 3."""

from typing import Final

from gateway.domain.calls import IdTokenRules
from gateway.ocpp import frames
from gateway.ocpp.frames import Fault
from gateway.ocpp.rpc import WireRules
from gateway.ocpp.v201.inbound import HANDLERS, REPORTS, render_quarantined
from gateway.ocpp.v201.metering import ask_statuses, read_meter_keys, set_metering
from gateway.ocpp.v201.outbound import TRIGGER_BOOT, find_solicited, render_call
from gateway.ocpp.v201.profiles import READERS
from gateway.ocpp.validation import load_schemas
from gateway.ocpp.version import Version

# OCPP 2.0.1 part 4 4.3.
CODES: Final = {
    Fault.NOT_JSON: "RpcFrameworkError",
    Fault.NOT_A_CALL: "RpcFrameworkError",
    Fault.UNKNOWN_ACTION: "NotImplemented",
    Fault.UNSUPPORTED_ACTION: "NotSupported",
    Fault.BAD_PAYLOAD: "FormatViolation",
    Fault.MISSING_FIELD: "OccurrenceConstraintViolation",
    Fault.BAD_COUNT: "OccurrenceConstraintViolation",
    Fault.BAD_TYPE: "TypeConstraintViolation",
    Fault.BAD_VALUE: "PropertyConstraintViolation",
    Fault.UNKNOWN_MESSAGE_TYPE: "MessageTypeNotSupported",
    Fault.NOT_ACCEPTED: "SecurityError",
    Fault.INTERNAL: "InternalError",
}

RULES: Final = WireRules(
    codes=CODES,
    message_types=frozenset({frames.CALL, frames.CALL_RESULT, frames.CALL_ERROR}),
    answers_unknown_type=True,  # part 4 4.4
)

# What stations may send and nobody serves here yet: answered NotSupported.
UNSERVED: Final = frozenset(
    {
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyMonitoringReport",
        "PublishFirmwareStatusNotification",
        "SignCertificate",
    }
)

VERSION: Final = Version(
    name="2.0.1",
    subprotocol="ocpp2.0.1",
    rules=RULES,
    schemas=load_schemas("v201", "Request", REPORTS),
    handlers=HANDLERS,
    reports=REPORTS,
    station_actions=frozenset(HANDLERS) - {"DataTransfer"} | UNSERVED,
    transaction_actions=frozenset({"TransactionEvent", "MeterValues"}),
    start_stop_actions=frozenset({"RequestStartTransaction", "RequestStopTransaction"}),
    render_quarantined=render_quarantined,
    solicited_by=find_solicited,
    large_answers=frozenset(
        {"GetBaseReport", "GetReport", "GetMonitoringReport", "CustomerInformation", "GetInstalledCertificateIds"}
    ),
    trigger_boot=TRIGGER_BOOT,
    # OCPP 2.0.1 IdTokenEnumType; what has no reader of its own is of the central system
    id_tokens=IdTokenRules(longest=36, types={"RFID": "ISO14443", "EMAID": "eMAID", "OTHER": "Central"}),
    render_call=render_call,
    readers=READERS,
    set_metering=set_metering,
    read_meter_keys=read_meter_keys,
    ask_statuses=ask_statuses,
)
