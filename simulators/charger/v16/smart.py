"""Charging profiles of a 1.6 charge point (OCPP 1.6 5.4, 5.7, 5.16)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from ..clock import render_time
from ..message import Answer, Payload
from ..smart import Profile, Purpose, Schedule, Unit, number_of

if TYPE_CHECKING:
    from ..remote import Remote

PURPOSES: dict[str, Purpose] = {"ChargePointMaxProfile": "Max", "TxDefaultProfile": "TxDefault", "TxProfile": "Tx"}


def on_set(remote: Remote, _: Any, payload: Payload) -> Answer:
    connector, told = payload["connectorId"], payload["csChargingProfiles"]
    purpose = PURPOSES[told["chargingProfilePurpose"]]
    running = remote.transaction_at(connector)
    if connector != 0 and not remote.has_evse(connector):
        return Answer({"status": "Rejected"})
    # 3.13.1: a TxProfile without its transaction is discarded.
    if purpose == "Tx" and (
        running is None or told.get("transactionId", running.transaction_id) != running.transaction_id
    ):
        return Answer({"status": "Rejected"})
    schedule = told["chargingSchedule"]
    start = schedule.get("startSchedule")
    begun = running.started_at if running is not None else remote.now
    profile = Profile(
        id=told["chargingProfileId"],
        stack_level=told["stackLevel"],
        purpose=purpose,
        evse_no=connector,
        transaction_id=running.transaction_id if running is not None and purpose == "Tx" else None,
        schedule=Schedule(
            unit=schedule["chargingRateUnit"],
            start_at=begun if start is None else datetime.fromisoformat(start),
            duration_s=schedule.get("duration"),
            periods=read_periods(schedule),
        ),
    )
    if not remote.smart.install(profile):
        return Answer({"status": "Rejected"})
    return Answer({"status": "Accepted"}, remote.follow_limits)


def on_clear(remote: Remote, _: Any, payload: Payload) -> Answer:
    purpose = payload.get("chargingProfilePurpose")
    is_cleared = remote.smart.remove(
        id_=payload.get("id"),
        evse_no=payload.get("connectorId"),
        purpose=None if purpose is None else PURPOSES[purpose],
        stack_level=payload.get("stackLevel"),
    )
    return Answer({"status": "Accepted" if is_cleared else "Unknown"}, remote.follow_limits)


def on_compose(remote: Remote, _: Any, payload: Payload) -> Answer:
    connector = payload["connectorId"]
    if not remote.has_evse(connector):
        return Answer({"status": "Rejected"})
    unit, now = cast(Unit, payload.get("chargingRateUnit", "A")), remote.now
    periods = remote.compose(connector, payload["duration"], unit)
    return Answer(
        {
            "status": "Accepted",
            "connectorId": connector,
            "scheduleStart": render_time(now),
            "chargingSchedule": {
                "duration": payload["duration"],
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": render_periods(periods),
            },
        }
    )


def read_periods(schedule: Payload) -> tuple[tuple[int, Decimal], ...]:
    return tuple(
        (period["startPeriod"], Decimal(str(period["limit"]))) for period in schedule["chargingSchedulePeriod"]
    )


def render_periods(periods: list[tuple[int, Decimal]]) -> list[Payload]:
    return [{"startPeriod": start_s, "limit": number_of(limit)} for start_s, limit in periods]
