"""Charging profiles of a 2.0.1 charging station (OCPP 2.0.1 K01, K08, K10)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from ..clock import render_time
from ..message import Answer, Payload
from ..smart import Profile, Purpose, Schedule, Unit, number_of

if TYPE_CHECKING:
    from ..remote import Remote

PURPOSES: dict[str, Purpose] = {"ChargingStationMaxProfile": "Max", "TxDefaultProfile": "TxDefault", "TxProfile": "Tx"}


def on_set(remote: Remote, _: Any, payload: Payload) -> Answer:
    evse_no, told = payload["evseId"], payload["chargingProfile"]
    purpose = PURPOSES.get(told["chargingProfilePurpose"])
    running = remote.transaction_at(evse_no)
    if purpose is None or (evse_no != 0 and not remote.has_evse(evse_no)):
        return _rejected("InvalidProfile")  # K01.FR.22, .28
    if purpose == "Tx" and (running is None or told.get("transactionId") != running.transaction_id):
        return _rejected("TxNotFound")  # K01.FR.09, .33
    schedule = told["chargingSchedule"][0]
    start = schedule.get("startSchedule")
    begun = running.started_at if running is not None else remote.now
    profile = Profile(
        id=told["id"],
        stack_level=told["stackLevel"],
        purpose=purpose,
        evse_no=evse_no,
        transaction_id=running.transaction_id if running is not None and purpose == "Tx" else None,
        schedule=Schedule(
            unit=schedule["chargingRateUnit"],
            start_at=begun if start is None else datetime.fromisoformat(start),
            duration_s=schedule.get("duration"),
            periods=tuple(
                (period["startPeriod"], Decimal(str(period["limit"]))) for period in schedule["chargingSchedulePeriod"]
            ),
        ),
    )
    if not remote.smart.install(profile):
        return _rejected("InvalidSchedule")
    return Answer({"status": "Accepted"}, remote.follow_limits)


def on_clear(remote: Remote, _: Any, payload: Payload) -> Answer:
    criteria = payload.get("chargingProfileCriteria", {})
    purpose = criteria.get("chargingProfilePurpose")
    is_cleared = remote.smart.remove(
        id_=payload.get("chargingProfileId"),
        evse_no=criteria.get("evseId"),
        purpose=PURPOSES.get(purpose) if purpose is not None else None,
        stack_level=criteria.get("stackLevel"),
    )
    return Answer({"status": "Accepted" if is_cleared else "Unknown"}, remote.follow_limits)


def on_compose(remote: Remote, _: Any, payload: Payload) -> Answer:
    evse_no = payload["evseId"]
    if not remote.has_evse(evse_no):
        return _rejected("UnknownEvse")  # K08.FR.05
    unit, now = cast(Unit, payload.get("chargingRateUnit", "A")), remote.now
    schedule = {
        "evseId": evse_no,
        "duration": payload["duration"],
        "scheduleStart": render_time(now),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": start_s, "limit": number_of(limit)}
            for start_s, limit in remote.compose(evse_no, payload["duration"], unit)
        ],
    }
    return Answer({"status": "Accepted", "schedule": schedule})


def _rejected(reason: str) -> Answer:
    return Answer({"status": "Rejected", "statusInfo": {"reasonCode": reason}})
