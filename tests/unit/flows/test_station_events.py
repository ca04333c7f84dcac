from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.status import StatusRules
from gateway.domain.events import MessageQuarantined, NoticeKind, NoticeReported
from gateway.domain.locations import EvseStatus
from gateway.domain.stations import Admission, Deviation, Station
from gateway.domain.tokens import AuthStatus, LocalStatus
from gateway.errors import StoreDownError
from gateway.flows import station_events
from gateway.ports import DeleteStation, SaveDeviation, SaveStation
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import CARD, NOON, STATION, metered, receipt, start, status, stop

DEVIATION = Deviation(
    station_id=STATION,
    action="StatusNotification",
    path="$.info",
    problem="is longer than 50",
    example="…",
    first_at=NOON,
    last_at=NOON,
)
SECOND = timedelta(seconds=1)


def deviation(seconds: float, **changes: Any) -> Deviation:
    at = NOON + seconds * SECOND
    return replace(DEVIATION, first_at=at, last_at=at, **changes)


# --- boot ------------------------------------------------------------------------------------------------------------


async def test_a_boot_is_noted_and_answered_with_the_interval(stage: Stage) -> None:
    answer = await stage.boot(STATION.lower())

    assert (answer.admission, answer.interval_s, answer.now) == (Admission.ACCEPTED, 300, NOON)
    (station,) = await stage.store.real.load_stations()
    assert (station.id, station.model, station.last_boot_at, station.boot_version) == (STATION, "M", NOON, "1.6")


async def test_a_station_in_quarantine_is_told_to_wait(stage: Stage) -> None:
    await stage.provide(SaveStation(Station(id="NEW", admission=Admission.PENDING, created_at=NOON)))

    answer = await stage.boot("NEW")

    assert (answer.admission, answer.interval_s) == (Admission.PENDING, 60)
    assert stage.events.admission_of("new") is Admission.PENDING


async def test_a_station_deleted_while_connected_is_rejected(stage: Stage) -> None:
    stage.events.on_connected(STATION)
    await stage.provide(DeleteStation(STATION))
    stage.store.commits.clear()

    answer = await stage.boot()

    assert answer.admission is Admission.REJECTED
    assert stage.events.admission_of(STATION) is Admission.REJECTED
    assert stage.events.find_station(STATION) is None
    assert stage.store.commits == []


async def test_what_a_deleted_station_still_tells_of_a_transaction_is_kept(stage: Stage) -> None:
    await stage.send(start())
    await stage.provide(DeleteStation(STATION))

    await stage.send_all(metered(10, 2000), stop(20, 3000), status(21, "Available"))

    assert (await stage.load_session()).ledger.energy_wh == 2000


# --- cards -----------------------------------------------------------------------------------------------------------


async def test_a_card_is_decided_on_by_what_the_store_knows_now(stage: Stage) -> None:
    assert (await stage.authorize(CARD.lower())).status is AuthStatus.ACCEPTED

    await stage.provide_local(CARD, LocalStatus.BLOCKED)

    assert (await stage.authorize(CARD)).status is AuthStatus.BLOCKED
    assert (await stage.authorize("nobody")).status is AuthStatus.UNKNOWN


# --- news and what cannot be used ------------------------------------------------------------------------------------


async def test_a_notice_is_kept(stage: Stage) -> None:
    notice = NoticeReported(
        receipt=receipt("FirmwareStatusNotification"), kind=NoticeKind.FIRMWARE, summary="Installed", at=NOON, body="{}"
    )

    await stage.events.on_notice(notice)

    assert await stage.store.real.list_notices(STATION, limit=9) == [notice]


def quarantined(action: str) -> MessageQuarantined:
    return MessageQuarantined(receipt=receipt(action), reason="$.idTag: is missing", frame="[2,…]")


async def test_a_start_that_cannot_be_used_gets_an_id_that_nobody_else_has(stage: Stage) -> None:
    first = await stage.events.on_quarantined(quarantined("StartTransaction"))
    begun = await stage.send(start())

    assert first is not None
    assert first != begun.transaction_id
    assert await stage.events.on_quarantined(quarantined("StopTransaction")) is None
    assert len(await stage.store.real.list_quarantined(limit=9)) == 2


async def test_what_follows_a_start_that_could_not_be_used_is_kept(stage: Stage) -> None:
    transaction_id = await stage.events.on_quarantined(quarantined("StartTransaction"))
    assert transaction_id is not None

    await stage.send_all(metered(10, 2000, transaction_id), stop(20, 3000, transaction_id))

    assert [late.session_id for late in await stage.load_late()] == [None, None]


@pytest.mark.parametrize("action", ["StartTransaction", "MeterValues"])
async def test_a_message_that_cannot_even_be_kept_is_not_acknowledged(stage: Stage, action: str) -> None:
    stage.store.is_down = True

    with pytest.raises(StoreDownError):
        await stage.events.on_quarantined(quarantined(action))


# --- deviations ------------------------------------------------------------------------------------------------------


async def load_deviations(stage: Stage) -> list[Deviation]:
    return list(await stage.store.real.list_deviations(STATION))


def written_counts(stage: Stage) -> list[int]:
    return [one.deviation.count for work in stage.store.commits for one in work if isinstance(one, SaveDeviation)]


async def test_the_first_of_a_kind_is_written_at_once(stage: Stage) -> None:
    await stage.events.on_deviation(deviation(0))

    assert await load_deviations(stage) == [DEVIATION]


async def test_repetitions_are_written_by_the_minute_and_all_counted(stage: Stage) -> None:
    for seconds in (0, 1, 30, 59):
        await stage.events.on_deviation(deviation(seconds))
    assert [one.count for one in await load_deviations(stage)] == [1]

    await stage.events.on_deviation(deviation(60, example="the latest"))

    assert written_counts(stage) == [1, 4]
    (stored,) = await load_deviations(stage)
    assert (stored.first_at, stored.last_at, stored.example) == (NOON, NOON + 60 * SECOND, "the latest")


async def test_other_problems_are_counted_apart(stage: Stage) -> None:
    await stage.events.on_deviation(deviation(0))
    await stage.events.on_deviation(deviation(1, path="$.vendorId"))

    assert sorted(one.path for one in await load_deviations(stage)) == ["$.info", "$.vendorId"]


async def test_a_deviation_that_could_not_be_written_is_not_lost(stage: Stage) -> None:
    stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await stage.events.on_deviation(deviation(0))
    stage.store.is_down = False
    await stage.events.on_deviation(deviation(1))
    await stage.events.on_deviation(deviation(2))
    stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await stage.events.on_deviation(deviation(70))
    stage.store.is_down = False

    await stage.events.on_deviation(deviation(71))

    # what was not acknowledged comes again: it counts when it is
    assert written_counts(stage) == [1, 2]


async def test_endlessly_new_problems_fill_no_memory(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station_events, "DEVIATION_LIMIT", 3)

    for number in range(5):
        await stage.events.on_deviation(deviation(number, path=f"$.{number}"))
    await stage.events.on_deviation(deviation(6, path="$.0"))

    assert written_counts(stage) == [1] * 6
    assert len(await load_deviations(stage)) == 5


# --- the published status follows the session ------------------------------------------------------------------------

AVAILABLE_IF_PLUGGED = StatusRules(preparing_is=EvseStatus.AVAILABLE)


async def test_begin_and_end_of_a_session_change_what_is_published_of_its_plug(stage: Stage) -> None:
    stage.availability._rules = AVAILABLE_IF_PLUGGED
    await stage.send(status(0, "Preparing", occupied_by=None))
    assert stage.status_of() is EvseStatus.AVAILABLE

    await stage.send(start())
    assert stage.status_of() is EvseStatus.CHARGING

    await stage.send(stop(20, 3000))
    assert stage.status_of() is EvseStatus.AVAILABLE
