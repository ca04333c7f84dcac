"""What happens at the station, said in OCPP 2.0.1."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from ocpp.v201 import call, datatypes  # type: ignore[import-untyped, unused-ignore]

from ..clock import render_time
from ..dialect import BootReason, Trigger
from ..message import Answer, BootReply, Letter, Message, Payload
from ..metering import ENERGY, Metering, Sample, measure, meter_value, render_value, shown_unit
from ..polite import is_known, render_call
from ..signing import SigningMeter
from ..station import (
    Authorization,
    ChargingState,
    Evse,
    Identity,
    Reading,
    StopCause,
    Token,
    Transaction,
)
from . import answers
from .settings import DeviceModel, availability_of

if TYPE_CHECKING:
    from ..remote import Remote

# The trigger of the last event and the reason of the stop (OCPP 2.0.1 3.82, 3.67).
REASONS: dict[StopCause, tuple[str, str]] = {
    StopCause.LOCAL: ("StopAuthorized", "Local"),
    StopCause.REMOTE: ("RemoteStop", "Remote"),
    StopCause.EV_DISCONNECTED: ("EVDeparted", "EVDisconnected"),
    StopCause.DEAUTHORIZED: ("Deauthorized", "DeAuthorized"),
    StopCause.EMERGENCY: ("AbnormalCondition", "EmergencyStop"),
    StopCause.FAULT: ("AbnormalCondition", "Other"),
    StopCause.POWER_LOSS: ("AbnormalCondition", "PowerLoss"),
    StopCause.REBOOT: ("AbnormalCondition", "Reboot"),
    StopCause.SOFT_RESET: ("ResetCommand", "ImmediateReset"),
    StopCause.HARD_RESET: ("ResetCommand", "ImmediateReset"),
    StopCause.UNLOCK: ("UnlockCommand", "Other"),
    StopCause.OTHER: ("AbnormalCondition", "Other"),
}


class Dialect201:
    """OCPP 2.0.1: EVSEs with connectors, the station names its transactions and numbers their events."""

    version = "2.0.1"
    subprotocol = "ocpp2.0.1"

    def __init__(self, *, evses: Sequence[Evse], identity: Identity, sample_interval_s: int) -> None:
        self.settings = DeviceModel(evses=evses, identity=identity, sample_interval_s=sample_interval_s)
        self.metering = Metering()
        self.is_terse = False
        self.signing_meters: dict[int, SigningMeter] = {}
        self._event_ids = count(1)

    def boot(self, identity: Identity, reason: BootReason) -> Message:
        return self._say(
            call.BootNotification(
                charging_station=datatypes.ChargingStationType(
                    vendor_name=identity.vendor,
                    model=identity.model,
                    serial_number=identity.serial_number,
                    firmware_version=identity.firmware_version,
                ),
                reason=reason.value,
            )
        )

    def heartbeat(self) -> Message:
        return self._say(call.Heartbeat())

    def station_status(self, at: datetime) -> None:
        """2.0.1 has no StatusNotification for the whole station."""

    def status(self, evse: Evse, connector_no: int, at: datetime) -> Message:
        return self._say(
            call.StatusNotification(
                timestamp=render_time(at),
                connector_status=availability_of(evse.state_of(connector_no)),
                evse_id=evse.no,
                connector_id=connector_no,
            )
        )

    def authorize(self, token: Token) -> Message:
        return self._say(call.Authorize(id_token=_token(token)))

    def firmware_status(self, status: str) -> Message:
        # L01.FR.20: anything but Idle belongs to a request.
        request_id = None if status == "Idle" else 1
        return self._say(call.FirmwareStatusNotification(status=status, request_id=request_id))

    def log_status(self, status: str) -> Message:
        request_id = None if status == "Idle" else 1
        return self._say(call.LogStatusNotification(status=status, request_id=request_id))

    def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> Message:
        return self._say(call.DataTransfer(vendor_id=vendor_id, message_id=message_id, data=data))

    def security_event(self, kind: str, info: str | None, at: datetime) -> Message:
        return self._say(call.SecurityEventNotification(type=kind, timestamp=render_time(at), tech_info=info))

    def notify_event(self, evse: Evse, connector_no: int, at: datetime) -> Message:
        """The connector's state as an event of its component (G01, the other way beside StatusNotification)."""
        event = datatypes.EventDataType(
            event_id=next(self._event_ids),
            timestamp=render_time(at),
            trigger="Delta",
            actual_value=availability_of(evse.state_of(connector_no)),
            event_notification_type="HardWiredNotification",
            component=datatypes.ComponentType(
                name="Connector", evse=datatypes.EVSEType(id=evse.no, connector_id=connector_no)
            ),
            variable=datatypes.VariableType(name="AvailabilityState"),
        )
        return self._say(call.NotifyEvent(generated_at=render_time(at), seq_no=0, event_data=[event]))

    def notify_report(
        self, request_id: int, seq_no: int, entries: list[Payload], at: datetime, *, is_last: bool
    ) -> Message:
        message = self._say(
            call.NotifyReport(request_id=request_id, generated_at=render_time(at), seq_no=seq_no, tbc=not is_last)
        )
        return Message(message.action, {**message.payload, "reportData": entries})

    def meter_values(self, evse: Evse, reading: Reading, context: str) -> Message:
        value = self._meter_value(reading, self.settings.measurands("Updated"), context)
        return self._say(call.MeterValues(evse_id=evse.no, meter_value=[value]), is_checked=self.metering.is_valid)

    def open_transaction(self, evse: Evse, at: datetime) -> Transaction:
        authorized = evse.authorized
        return Transaction(
            evse_no=evse.no,
            connector_no=evse.plugged or 1,
            token=authorized.token if authorized is not None else None,
            started_at=at,
            meter_start_wh=evse.meter.energy_wh,
            transaction_id=str(uuid.uuid4()),
            remote_start_id=authorized.remote_start_id if authorized is not None else None,
        )

    def start(self, evse: Evse, tx: Transaction, reading: Reading) -> Letter:
        if tx.remote_start_id is not None:
            trigger = "RemoteStart"
        elif tx.token is not None:
            trigger = "Authorized"
        else:
            trigger = "CablePluggedIn"
        value = self._meter_value(reading, self.settings.measurands("Started"), "Transaction.Begin", tx)
        return self._event("Started", trigger, evse, tx, reading.at, value=value, token=tx.token)

    def update(self, evse: Evse, tx: Transaction, reading: Reading, trigger: Trigger) -> Letter | None:
        """Nothing unless the charging state changed or the trigger is more than that."""
        if trigger is Trigger.CHARGING_STATE_CHANGED and tx.reported_state is evse.charging_state:
            return None
        is_authorization = trigger in (Trigger.AUTHORIZED, Trigger.REMOTE_START)
        value = self._meter_value(reading, self.settings.measurands("Updated"), "Other", tx)
        return self._event(
            "Updated",
            trigger.value,
            evse,
            tx,
            reading.at,
            value=value,
            token=tx.token if is_authorization else None,
        )

    def deauthorize(self, evse: Evse, tx: Transaction, reading: Reading, token: Token | None) -> Letter | None:
        """The authorisation ended, the transaction goes on until the cable is out (E07.FR.02)."""
        value = self._meter_value(reading, self.settings.measurands("Updated"), "Other", tx)
        return self._event("Updated", "StopAuthorized", evse, tx, reading.at, value=value, token=token)

    def sample(self, evse: Evse, tx: Transaction, reading: Reading, context: str) -> Letter:
        trigger = {"Sample.Clock": "MeterValueClock", "Trigger": "Trigger"}.get(context, "MeterValuePeriodic")
        value = self._meter_value(reading, self.settings.measurands("Updated"), context, tx)
        return self._event("Updated", trigger, evse, tx, reading.at, value=value)

    def stop(self, evse: Evse, tx: Transaction, reading: Reading, cause: StopCause, token: Token | None) -> Letter:
        trigger, reason = REASONS[cause]
        value = self._meter_value(reading, self.settings.measurands("Ended"), "Transaction.End", tx)
        return self._event(
            "Ended",
            trigger,
            evse,
            tx,
            reading.at,
            begin=self._signed_begin(tx),
            value=value,
            token=token,
            stopped_reason=reason,
        )

    def mark_offline(self, message: Message) -> Message:
        """Every message that waits while there is no connection says so (E11.FR.02, E11.FR.07)."""
        if message.action != "TransactionEvent":
            return message
        return Message(message.action, {**message.payload, "offline": True})

    def parse_boot(self, reply: Payload) -> BootReply:
        return BootReply(reply["status"], reply["interval"], reply["currentTime"])

    def parse_authorize(self, reply: Payload) -> Authorization:
        return parse_id_token_info(reply["idTokenInfo"])

    def is_known(self, action: str) -> bool:
        return is_known(call, action)

    def answer(self, remote: Remote, action: str, payload: Payload) -> Answer | None:
        return answers.answer(remote, self, action, payload)

    def _say(self, message: Any, *, is_checked: bool = True) -> Message:
        return render_call(self.version, message, is_checked=is_checked)

    def _tell_reservation(self, tx: Transaction) -> int | None:
        """Once, in the first event after the driver was known (E03.FR.03)."""
        no, tx.reservation_no = tx.reservation_no, None
        return no

    def reservation_ended(self, no: int, why: str) -> Message:
        """H04.FR.01, H01.FR.16"""
        return self._say(call.ReservationStatusUpdate(reservation_id=no, reservation_update_status=why))

    def _event(
        self,
        event_type: Literal["Started", "Updated", "Ended"],
        trigger: str,
        evse: Evse,
        tx: Transaction,
        at: datetime,
        *,
        value: Payload | None,
        begin: Payload | None = None,
        token: Token | None = None,
        stopped_reason: str | None = None,
    ) -> Letter:
        """A TransactionEvent; its seqNo counts from 0 in each transaction (E01.FR.07)."""
        is_first_on_evse = evse.plugged is not None and not tx.has_told_evse
        names_evse = is_first_on_evse or not self.is_terse
        names_token = token is not None and (event_type == "Started" or not self.is_terse)
        state = ChargingState.EV_CONNECTED if event_type == "Ended" and evse.plugged else evse.charging_state
        message = self._say(
            call.TransactionEvent(
                event_type=event_type,
                timestamp=render_time(at),
                trigger_reason=trigger,
                seq_no=tx.seq_no,
                transaction_info=datatypes.TransactionType(
                    transaction_id=tx.transaction_id,
                    charging_state=str(state),
                    stopped_reason=stopped_reason,
                    remote_start_id=tx.remote_start_id if trigger == "RemoteStart" else None,
                ),
                meter_value=[each for each in (begin, value) if each is not None] or None,
                evse=_evse(evse, tx) if names_evse else None,
                id_token=_token(token) if token is not None and names_token else None,
                reservation_id=self._tell_reservation(tx),
            ),
            is_checked=self.metering.is_valid,
        )
        tx.seq_no += 1
        tx.reported_state = state
        tx.has_told_evse = tx.has_told_evse or is_first_on_evse
        return Letter(message=message, transaction=tx, on_reply=lambda reply: _learn(tx, reply))

    def _meter_value(
        self, reading: Reading, measurands: Sequence[str], context: str, tx: Transaction | None = None
    ) -> Payload | None:
        """A signature stands beside the total energy."""
        if not measurands:
            return None
        samples = measure(reading, measurands, self.metering)
        meter = self.signing_meters.get(tx.evse_no) if tx is not None else None
        signed = meter.sign(tx, reading, context) if meter is not None and tx is not None else None
        sampled = []
        for sample in samples:
            value = self._sampled(sample, context)
            is_total = sample.measurand == ENERGY and sample.phase is None
            sampled.append({**value, "signedMeterValue": signed} if signed is not None and is_total else value)
        return meter_value(render_time(reading.at), sampled)

    def _signed_begin(self, tx: Transaction) -> Payload | None:
        """The signed begin is told again with the end (OCA, Signed Meter Values in OCPP 4.1.2)."""
        meter = self.signing_meters.get(tx.evse_no)
        if meter is None:
            return None
        sampled = self._sampled(Sample(ENERGY, Decimal(tx.meter_start_wh), "Wh"), "Transaction.Begin")
        return meter_value(render_time(tx.started_at), [{**sampled, "signedMeterValue": meter.sign_begin(tx)}])

    def _sampled(self, sample: Sample, context: str) -> Payload:
        sampled: Payload = {"value": render_value(sample.value, self.metering, is_text=False)}
        if not self.metering.is_bare:
            sampled |= {"context": context, "measurand": sample.measurand}
        if sample.phase is not None:
            sampled["phase"] = sample.phase
        unit = shown_unit(sample, self.metering)
        if unit is not None:
            sampled["unitOfMeasure"] = {"unit": unit}
        return sampled


def parse_id_token_info(info: Payload) -> Authorization:
    group = info.get("groupIdToken")
    return Authorization(info["status"], group["idToken"] if group else None)


def _learn(tx: Transaction, reply: Payload) -> None:
    if "idTokenInfo" in reply:
        tx.authorization = parse_id_token_info(reply["idTokenInfo"])


def _token(token: Token) -> Any:
    return datatypes.IdTokenType(id_token=token.uid, type=token.kind)


def _evse(evse: Evse, tx: Transaction) -> Any:
    # E01.FR.16: the connector is named as soon as the cable is in it.
    is_plugged = evse.plugged is not None or tx.has_told_evse
    return datatypes.EVSEType(id=evse.no, connector_id=tx.connector_no if is_plugged else None)
