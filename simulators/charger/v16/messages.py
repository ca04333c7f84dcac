"""What happens at the station, said in OCPP 1.6."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ocpp.v16 import call  # type: ignore[import-untyped, unused-ignore]

from ..clock import render_time
from ..dialect import BootReason
from ..message import Answer, BootReply, Letter, Message, Payload
from ..metering import ENERGY, Metering, Sample, measure, meter_value, render_value, shown_unit
from ..polite import is_known, render_call
from ..signing import SigningMeter
from ..station import Authorization, Evse, Identity, Reading, StopCause, Token, Transaction
from . import answers
from .settings import Configuration

if TYPE_CHECKING:
    from ..remote import Remote

# OCPP 1.6 7.36; None: the field is left out, which means Local (6.49).
REASONS: dict[StopCause, str | None] = {
    StopCause.LOCAL: None,
    StopCause.REMOTE: "Remote",
    StopCause.EV_DISCONNECTED: "EVDisconnected",
    StopCause.DEAUTHORIZED: "DeAuthorized",
    StopCause.EMERGENCY: "EmergencyStop",
    StopCause.FAULT: "Other",
    StopCause.POWER_LOSS: "PowerLoss",
    StopCause.REBOOT: "Reboot",
    StopCause.SOFT_RESET: "SoftReset",
    StopCause.HARD_RESET: "HardReset",
    StopCause.UNLOCK: "UnlockCommand",
    StopCause.OTHER: "Other",
}
# The charge point never got an id for its transaction (OCPP 1.6 errata 3.18).
UNKNOWN_TRANSACTION = -1


class Dialect16:
    """OCPP 1.6: every EVSE is a connector, the central system numbers the transactions."""

    version = "1.6"
    subprotocol = "ocpp1.6"

    def __init__(self, *, evses: Sequence[Evse], sample_interval_s: int) -> None:
        self.settings = Configuration(connectors=len(evses), sample_interval_s=sample_interval_s)
        self.metering = Metering()
        self.is_terse = False
        self.signing_meters: dict[int, SigningMeter] = {}

    def boot(self, identity: Identity, reason: BootReason) -> Message:  # noqa: ARG002 1.6 gives no reason
        return self._say(
            call.BootNotification(
                charge_point_vendor=identity.vendor,
                charge_point_model=identity.model,
                charge_point_serial_number=identity.serial_number,
                firmware_version=identity.firmware_version,
            )
        )

    def heartbeat(self) -> Message:
        return self._say(call.Heartbeat())

    def station_status(self, at: datetime) -> Message:
        """Connector 0 is the charge point as a whole (OCPP 1.6 4.9)."""
        return self._say(
            call.StatusNotification(connector_id=0, error_code="NoError", status="Available", timestamp=render_time(at))
        )

    def status(self, evse: Evse, connector_no: int, at: datetime) -> Message:
        return self._say(
            call.StatusNotification(
                connector_id=evse.no,
                error_code=evse.fault or "NoError",
                status=str(evse.state_of(connector_no)),
                timestamp=render_time(at),
            )
        )

    def authorize(self, token: Token) -> Message:
        return self._say(call.Authorize(id_tag=token.uid))

    def firmware_status(self, status: str) -> Message:
        return self._say(call.FirmwareStatusNotification(status=status))

    def log_status(self, status: str) -> Message:
        return self._say(call.DiagnosticsStatusNotification(status=status))

    def data_transfer(self, vendor_id: str, message_id: str | None, data: str | None) -> Message:
        return self._say(call.DataTransfer(vendor_id=vendor_id, message_id=message_id, data=data))

    def meter_values(self, evse: Evse, reading: Reading, context: str) -> Message:
        transaction_id = evse.transaction.transaction_id if evse.transaction is not None else None
        return self._say(
            call.MeterValues(
                connector_id=evse.no,
                transaction_id=transaction_id,
                meter_value=[self._meter_value(reading, context)],
            ),
            is_checked=self.metering.is_valid,
        )

    def open_transaction(self, evse: Evse, at: datetime) -> Transaction:
        return Transaction(
            evse_no=evse.no,
            connector_no=1,
            token=evse.authorized.token if evse.authorized is not None else None,
            started_at=at,
            meter_start_wh=evse.meter.energy_wh,
        )

    def start(self, evse: Evse, tx: Transaction, reading: Reading) -> Letter:
        if tx.token is None:
            raise ValueError("a 1.6 transaction starts with a token")
        message = self._say(
            call.StartTransaction(
                connector_id=evse.no,
                id_tag=tx.token.uid,
                meter_start=reading.energy_wh,
                timestamp=render_time(reading.at),
                reservation_id=tx.reservation_no,
            )
        )
        return Letter(message=message, transaction=tx, on_reply=lambda reply: _learn(tx, reply))

    def update(self, *_: object) -> None:
        """1.6 tells state changes by StatusNotification alone."""

    def deauthorize(self, *_: object) -> None:
        """1.6 knows no transaction that outlives its authorisation."""

    def sample(self, evse: Evse, tx: Transaction, reading: Reading, context: str) -> Letter:
        message = self._say(
            call.MeterValues(connector_id=evse.no, meter_value=[self._meter_value(reading, context, tx)]),
            is_checked=self.metering.is_valid,
        )
        return Letter(
            message=message,
            transaction=tx,
            bind=lambda payload: _with_id(payload, tx) if tx.transaction_id is not None else payload,
        )

    def stop(
        self,
        evse: Evse,  # noqa: ARG002 the transaction tells
        tx: Transaction,
        reading: Reading,
        cause: StopCause,
        token: Token | None,
    ) -> Letter:
        message = self._say(
            call.StopTransaction(
                transaction_id=UNKNOWN_TRANSACTION,
                meter_stop=reading.energy_wh,
                timestamp=render_time(reading.at),
                reason=REASONS[cause],
                id_tag=token.uid if token is not None else None,
                transaction_data=self._stop_data(reading, tx),
            ),
            is_checked=self.metering.is_valid,
        )
        return Letter(message=message, transaction=tx, bind=lambda payload: _with_id(payload, tx))

    def reservation_ended(self, *_: object) -> None:
        """1.6 tells that a connector is available again, and no more."""

    def mark_offline(self, message: Message) -> Message:
        """A 1.6 message does not say that it is late."""
        return message

    def parse_boot(self, reply: Payload) -> BootReply:
        return BootReply(reply["status"], reply["interval"], reply["currentTime"])

    def parse_authorize(self, reply: Payload) -> Authorization:
        return parse_id_tag_info(reply["idTagInfo"])

    def is_known(self, action: str) -> bool:
        return is_known(call, action)

    def answer(self, remote: Remote, action: str, payload: Payload) -> Answer | None:
        return answers.answer(remote, self.settings, action, payload)

    def _say(self, message: Any, *, is_checked: bool = True) -> Message:
        return render_call(self.version, message, is_checked=is_checked)

    def _stop_data(self, reading: Reading, tx: Transaction) -> list[Payload] | None:
        """What was signed at begin and end goes with the stop (OCA, Signed Meter Values in OCPP 3.1.4)."""
        measurands = self.settings.value("StopTxnSampledData")
        samples = measure(reading, measurands.split(",") if measurands else [], self.metering)
        sampled = [self._sampled(sample, "Transaction.End") for sample in samples]
        meter = self.signing_meters.get(tx.evse_no)
        if meter is None:
            return [meter_value(render_time(reading.at), sampled)] if sampled else None
        begin = _signed(meter.sign_begin(tx), "Transaction.Begin")
        end = _signed(meter.sign(tx, reading, "Transaction.End"), "Transaction.End")
        return [
            meter_value(render_time(tx.started_at), [begin]),
            meter_value(render_time(reading.at), [*sampled, end]),
        ]

    def _meter_value(self, reading: Reading, context: str, tx: Transaction | None = None) -> Payload:
        samples = measure(reading, self.settings.sampled_measurands, self.metering)
        sampled = [self._sampled(sample, context) for sample in samples]
        meter = self.signing_meters.get(tx.evse_no) if tx is not None else None
        if tx is not None and meter is not None:
            sampled.append(_signed(meter.sign(tx, reading, context), context))
        return meter_value(render_time(reading.at), sampled)

    def _sampled(self, sample: Sample, context: str) -> Payload:
        sampled: Payload = {"value": render_value(sample.value, self.metering, is_text=True)}
        if not self.metering.is_bare:
            sampled |= {"context": context, "measurand": sample.measurand}
        if sample.phase is not None:
            sampled["phase"] = sample.phase
        unit = shown_unit(sample, self.metering)
        if unit is not None:
            sampled["unit"] = unit
        return sampled


def _signed(value: Payload, context: str) -> Payload:
    """SignedMeterValueType as text in place of the number (OCA, Signed Meter Values in OCPP 3.2.1)."""
    written = json.dumps(value, separators=(",", ":"))
    return {"value": written, "context": context, "format": "SignedData", "measurand": ENERGY, "unit": "Wh"}


def parse_id_tag_info(info: Payload) -> Authorization:
    return Authorization(info["status"], info.get("parentIdTag"))


def _learn(tx: Transaction, reply: Payload) -> None:
    tx.authorization = parse_id_tag_info(reply["idTagInfo"])
    if tx.transaction_id is None:
        tx.transaction_id = reply["transactionId"]


def _with_id(payload: Payload, tx: Transaction) -> Payload:
    known = tx.transaction_id if tx.transaction_id is not None else UNKNOWN_TRANSACTION
    return {**payload, "transactionId": known}
