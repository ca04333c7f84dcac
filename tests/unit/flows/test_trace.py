from datetime import timedelta

import pytest

from gateway.flows import trace
from gateway.flows.trace import TraceRing
from gateway.ports import SaveIncident, TraceEntry
from tests.unit.flows.stage import FakeClock
from tests.unit.flows.words import NOON


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ring(clock: FakeClock) -> TraceRing:
    return TraceRing(clock)


def texts(ring: TraceRing, station_id: str | None = None, limit: int = 100) -> list[str]:
    return [entry.text for entry in ring.entries(station_id, limit=limit)]


def test_the_newest_entries_are_given_oldest_first(ring: TraceRing) -> None:
    for number in range(5):
        ring.frame("CS1", "in", str(number))

    assert texts(ring, limit=3) == ["2", "3", "4"]
    assert ring.entries(None, limit=1) == [TraceEntry(NOON, "CS1", "in", "4")]


def test_a_stations_entries_are_found_in_any_spelling(ring: TraceRing) -> None:
    ring.frame("CS1", "in", "a")
    ring.frame("CS2", "in", "b")
    ring.event("cs1", "refused", "c")

    assert texts(ring, "Cs1") == ["a", "c"]


def test_the_ring_is_bounded_by_number(ring: TraceRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "FRAMES", 3)
    for number in range(5):
        ring.frame("CS1", "in", str(number))

    assert texts(ring) == ["2", "3", "4"]


def test_the_ring_is_bounded_by_size(ring: TraceRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "BYTES", 10)
    for text in ("a" * 6, "b" * 4, "c" * 3, "d"):
        ring.frame("CS1", "in", text)

    assert texts(ring) == ["bbbb", "ccc", "d"]


def test_a_frame_of_a_mebibyte_is_cut(ring: TraceRing) -> None:
    ring.frame("CS1", "in", "x" * (1 << 20))

    (text,) = texts(ring)
    assert len(text) == trace.TEXT_LIMIT + 1
    assert text.endswith("…")


def test_events_are_to_be_kept_on_disk_and_frames_are_not(ring: TraceRing) -> None:
    ring.frame("CS1", "in", "[2,…]")
    ring.event("CS1", "handshake", "wrong password")

    assert ring.take_incidents() == [SaveIncident("CS1", NOON, "handshake", "wrong password")]
    assert ring.take_incidents() == []


def test_the_same_failure_again_and_again_is_kept_once_in_ten_seconds(ring: TraceRing, clock: FakeClock) -> None:
    for seconds in (0, 4, 9.9, 10, 15):
        clock.at = NOON + timedelta(seconds=seconds)
        ring.event("CS1", "handshake", "wrong password")

    assert [incident.at for incident in ring.take_incidents()] == [NOON, NOON + timedelta(seconds=10)]
    assert len(texts(ring)) == 5


def test_another_failure_or_another_station_is_kept_at_once(ring: TraceRing) -> None:
    ring.event("CS1", "handshake", "wrong password")
    ring.event("CS1", "handshake", "unknown station")
    ring.event("CS1", "refused", "unknown station")
    ring.event("CS2", "refused", "unknown station")

    assert len(ring.take_incidents()) == 4


def test_failures_without_end_fill_no_memory(ring: TraceRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "KNOWN_LIMIT", 10)
    monkeypatch.setattr(trace, "INCIDENT_LIMIT", 20)
    for number in range(100):
        ring.event(f"invented-{number}", "handshake", "unknown station")

    assert len(ring.take_incidents()) == 20


def test_incidents_given_back_come_first_and_leave_the_newest_out(
    ring: TraceRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "INCIDENT_LIMIT", 2)
    ring.event("CS1", "handshake", "a")
    taken = ring.take_incidents()
    ring.event("CS2", "handshake", "b")
    ring.event("CS3", "handshake", "c")

    ring.give_back(taken)

    assert [incident.station_id for incident in ring.take_incidents()] == ["CS1", "CS2"]
