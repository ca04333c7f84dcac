"""OCPP 1.6, edition 2, with the security whitepaper."""

from typing import Final

from gateway.domain.calls import PLAIN_TOKENS
from gateway.ocpp import frames
from gateway.ocpp.frames import Fault
from gateway.ocpp.rpc import WireRules
from gateway.ocpp.v16.inbound import HANDLERS, REPORTS, render_quarantined
from gateway.ocpp.v16.metering import ask_statuses, read_meter_keys, set_metering
from gateway.ocpp.v16.outbound import TRIGGER_BOOT, find_solicited, render_call
from gateway.ocpp.v16.profiles import READERS
from gateway.ocpp.validation import load_schemas
from gateway.ocpp.version import Version

# OCPP-J 1.6 4.2.3.  FormationViolation and OccurenceConstraintViolation are odd there and stay so (errata 5.1, 5.2).
CODES: Final = {
    Fault.NOT_JSON: "FormationViolation",
    Fault.NOT_A_CALL: "FormationViolation",
    Fault.UNKNOWN_ACTION: "NotImplemented",
    Fault.UNSUPPORTED_ACTION: "NotSupported",
    Fault.BAD_PAYLOAD: "FormationViolation",
    Fault.MISSING_FIELD: "ProtocolError",
    Fault.BAD_COUNT: "OccurenceConstraintViolation",
    Fault.BAD_TYPE: "TypeConstraintViolation",
    Fault.BAD_VALUE: "PropertyConstraintViolation",
    Fault.UNKNOWN_MESSAGE_TYPE: "GenericError",  # never sent: such messages are ignored (OCPP-J 1.6 4.1.3)
    Fault.NOT_ACCEPTED: "SecurityError",
    Fault.INTERNAL: "InternalError",
}

RULES: Final = WireRules(
    codes=CODES,
    message_types=frozenset({frames.CALL, frames.CALL_RESULT, frames.CALL_ERROR}),
    answers_unknown_type=False,
)

VERSION: Final = Version(
    name="1.6",
    subprotocol="ocpp1.6",
    rules=RULES,
    schemas=load_schemas("v16", "", REPORTS),
    handlers=HANDLERS,
    reports=REPORTS,
    station_actions=frozenset(HANDLERS) - {"DataTransfer"} | {"SignCertificate"},
    transaction_actions=frozenset({"StartTransaction", "StopTransaction", "MeterValues"}),
    start_stop_actions=frozenset({"RemoteStartTransaction", "RemoteStopTransaction"}),
    render_quarantined=render_quarantined,
    solicited_by=find_solicited,
    large_answers=frozenset({"GetConfiguration", "GetInstalledCertificateIds"}),
    trigger_boot=TRIGGER_BOOT,
    id_tokens=PLAIN_TOKENS,
    render_call=render_call,
    readers=READERS,
    set_metering=set_metering,
    read_meter_keys=read_meter_keys,
    ask_statuses=ask_statuses,
)
