"""A trace becomes the objects that it led to."""

import json
from typing import Any

import pytest

from gateway.config import Settings
from gateway.errors import SettingsError
from gateway.flows.trace import CUT, TEXT_LIMIT
from gateway.ocpp.versions import find_version
from gateway.replay.outcome import render_outcome
from gateway.replay.replay import replay
from gateway.replay.telling import tell_outcome
from tests.unit.replay.traces import (
    INVENTORY,
    OCPI,
    START,
    STOP,
    VISIT,
    called,
    line,
    outcome_of,
    written,
)

METERED = {
    "connectorId": 1,
    "transactionId": 17,
    "meterValue": [{"timestamp": "2026-03-01T12:30:00Z", "sampledValue": [{"value": "6000"}]}],
}


async def test_a_visit_becomes_its_session_and_its_cdr() -> None:
    outcome = await outcome_of(VISIT)

    (session,) = outcome["ocpi"]["sessions"]
    (cdr,) = outcome["ocpi"]["cdrs"]
    assert (session["status"], session["kwh"]) == ("COMPLETED", 10)
    assert cdr["session_id"] == session["id"]
    assert (cdr["total_energy"], cdr["total_cost"]) == (10, {"excl_vat": 3, "incl_vat": 3.6})
    assert outcome["differences"] == []
    assert outcome["trace"]["answers_compared"] == 2


async def test_the_same_trace_gives_the_same_bytes() -> None:
    given = written(VISIT), json.dumps(INVENTORY).encode(), Settings()

    one, other = [await replay(*given, ocpi=OCPI) for _ in range(2)]

    assert render_outcome(one) == render_outcome(other)
    assert tell_outcome(one) == tell_outcome(other)


async def test_frames_after_a_start_find_it_by_the_recorded_transaction_id() -> None:
    lines = [*VISIT[:3], *called(31, "5", "MeterValues", METERED, {}), *VISIT[3:]]

    (session,) = (await outcome_of(lines))["sessions"]

    assert session["transaction_id"] == "17"


async def test_a_start_without_a_recorded_answer_gets_a_number_that_no_other_has() -> None:
    unanswered = called(0, "0", "StartTransaction", {**START, "connectorId": 2}) + called(
        1, "9", "StartTransaction", {**START, "connectorId": 3}, {"transactionId": 1, "idTagInfo": {}}
    )

    sessions = (await outcome_of([VISIT[0], *unanswered]))["sessions"]

    assert [session["transaction_id"] for session in sessions] == ["2", "1"]


async def test_an_answer_that_is_another_now_is_shown_beside_the_recorded_one() -> None:
    blocked = {"transactionId": 17, "idTagInfo": {"status": "Blocked"}}
    lines = [VISIT[0], *called(0, "1", "StartTransaction", START, blocked)]

    (difference,) = (await outcome_of(lines))["differences"]

    assert difference["line"] == 2
    assert json.loads(difference["recorded"])[2] == blocked
    assert json.loads(difference["now"])[2] == {"transactionId": 17, "idTagInfo": {"status": "Accepted"}}


async def test_the_time_in_an_answer_is_no_difference() -> None:
    lines = [VISIT[0], *called(0, "1", "Heartbeat", {}, {"currentTime": "2020-01-01T00:00:00Z"})]

    outcome = await outcome_of(lines)

    assert (outcome["trace"]["answers_compared"], outcome["differences"]) == (1, [])


async def test_the_array_that_the_operators_api_answers_is_a_trace_too() -> None:
    entries = [
        {"at": one["at"], "direction": one["direction"], "station_id": one["station"], "text": one["frame"]}
        for one in VISIT
    ]

    outcome = await outcome_of(json.dumps(entries).encode())

    assert len(outcome["ocpi"]["cdrs"]) == 1


async def test_a_frame_may_stand_in_the_trace_as_json() -> None:
    lines = [{**one, "frame": json.loads(one["frame"])} if one["direction"] != "event" else one for one in VISIT]

    assert len((await outcome_of(lines))["ocpi"]["cdrs"]) == 1


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (b"{not json", "is not JSON"),
        (b"17", "is not a JSON object"),
        (b'{"at": "yesterday", "direction": "in", "station": "S", "frame": "x"}', "is no time of our days"),
        (b'{"at": "2026-03-01T12:00:00", "direction": "in", "station": "S", "frame": "x"}', "with a zone"),
        (b'{"at": "9999-12-31T23:59:59Z", "direction": "in", "station": "S", "frame": "x"}', "of our days"),
        (b'{"at": "9999-12-31T23:59:59-12:00", "direction": "in", "station": "S", "frame": "x"}', "of our days"),
        (b'{"at": "0001-01-01T00:00:00+12:00", "direction": "in", "station": "S", "frame": "x"}', "of our days"),
        (b'{"at": "2026-03-01T12:00:00Z", "direction": "up", "station": "S", "frame": "x"}', "not one of in, out"),
        (b'{"at": "2026-03-01T12:00:00Z", "direction": "in", "frame": "x"}', "station is missing"),
        (b'{"at": "2026-03-01T12:00:00Z", "direction": "in", "station": "", "frame": "x"}', "station is missing"),
        (b'{"at": "2026-03-01T12:00:00Z", "direction": "in", "station": "S"}', "frame is missing"),
    ],
)
async def test_a_line_that_cannot_be_read_is_named_and_the_others_count(bad: bytes, what: str) -> None:
    trace = written(VISIT[:1]) + bad + b"\n\n" + written(VISIT[1:])

    outcome = await outcome_of(trace)

    (unread,) = outcome["unread"]
    assert unread["line"] == 2
    assert what in unread["what"]
    assert unread["remedy"]
    assert len(outcome["ocpi"]["cdrs"]) == 1


async def test_a_cut_frame_is_reported_and_never_guessed() -> None:
    cut = json.dumps([2, "7", "MeterValues", METERED])[:30].ljust(TEXT_LIMIT, " ") + CUT
    lines = [*VISIT[:3], line(31, "in", cut), *VISIT[3:]]

    outcome = await outcome_of(lines)

    assert [(one["line"], "beginning" in one["what"]) for one in outcome["unread"]] == [(4, True)]
    assert (outcome["quarantined"], len(outcome["ocpi"]["cdrs"])) == ([], 1)


async def test_without_a_line_there_is_nothing_to_replay() -> None:
    with pytest.raises(SettingsError, match="no line that can be read; line 1 is not JSON"):
        await outcome_of(b"hello\n")


async def test_without_an_inventory_no_card_is_known_and_the_outcome_says_so() -> None:
    outcome = await outcome_of(VISIT, None)

    assert outcome["sessions"][0]["status"] == "INVALID"
    assert outcome["ocpi"]["cdrs"] == []
    assert "no inventory was given" in outcome["notes"][-1]
    assert "station DEMO-16 is not in the inventory: taken as accepted" in outcome["notes"]
    assert json.loads(outcome["differences"][0]["now"])[2]["idTagInfo"] == {"status": "Invalid"}


async def test_what_holds_a_cdr_is_told() -> None:
    outcome = await outcome_of(VISIT, {**INVENTORY, "locations": []})

    assert "no location has connector 1" in outcome["sessions"][0]["hold"]
    assert [one["kind"] for one in outcome["withheld"]] == ["session"]


@pytest.mark.parametrize(
    ("inventory", "what"),
    [
        ({"sites": []}, "must be an object with some of"),
        ({"locations": {}}, "locations of the inventory must be an array"),
        ({"locations": [{"id": "L1"}]}, r"locations\[0\] L1 of the inventory: "),
        ({"stations": [{}]}, r"\$.station_id: is missing"),
        ({"stations": [{"station_id": "S", "ocpp_version": "9"}]}, "is not one of"),
        ({"stations": [{"station_id": "S", "admission": "MAYBE"}]}, "is not one of"),
        ({"emsp_tokens": [{"uid": "A"}]}, "whose token is it"),
        ({"tokens": [{"uid": "A"}]}, "give either status"),
        ({"tariffs": [{"id": "T"}]}, r"tariffs\[0\] T of the inventory"),
    ],
)
async def test_a_fault_of_the_inventory_names_the_object(inventory: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        await outcome_of(VISIT, inventory)


async def test_a_connection_that_began_before_the_trace_speaks_what_its_frames_fit() -> None:
    outcome = await outcome_of(VISIT[1:])

    assert len(outcome["ocpi"]["cdrs"]) == 1
    assert "its frames fit 1.6" in outcome["notes"][0]


async def test_a_version_that_nothing_tells_is_asked_for() -> None:
    lines = called(0, "1", "Heartbeat", {})

    (unread,) = (await outcome_of(lines))["unread"]

    assert unread["remedy"] == "give it with --ocpp"
    assert (await outcome_of(lines, ocpp=find_version("1.6")))["trace"]["messages_served"] == 1


async def test_the_operators_word_about_the_version_comes_before_a_guess() -> None:
    pinned = {**INVENTORY, "stations": [{"station_id": "DEMO-16", "ocpp_version": "2.0.1"}]}

    outcome = await outcome_of(VISIT[1:], pinned)

    assert outcome["trace"]["stations"] == {"DEMO-16": "2.0.1"}
    assert [one["kind"] for one in outcome["refused"]] == ["refused", "refused"]


async def test_a_version_that_is_not_spoken_here_is_named() -> None:
    (unread,) = (await outcome_of([line(0, "event", "connected: ocpp9.9 from 10.0.0.1:1")]))["unread"]

    assert "'ocpp9.9' is not spoken here" in unread["what"]


async def test_a_message_that_cannot_be_used_is_quarantined_as_it_was() -> None:
    bad = called(60, "2", "StopTransaction", {**STOP, "meterStop": "much"}, {})

    outcome = await outcome_of([*VISIT[:3], *bad])

    assert [(one["action"], one["message_id"]) for one in outcome["quarantined"]] == [("StopTransaction", "2")]
    assert outcome["refused"][0]["line"] == 4
    assert outcome["sessions"][0]["ended_at"] is None


async def test_a_session_that_never_ends_is_given_up_once_time_has_run_out() -> None:
    (session,) = (await outcome_of([*VISIT[:3], VISIT[-1]]))["sessions"]

    assert (session["status"], session["flags"]) == ("COMPLETED", ["abandoned"])
    assert session["cdr_id"] is not None


async def test_a_session_stays_open_while_its_station_is_connected() -> None:
    outcome = await outcome_of(VISIT[:3])

    assert outcome["sessions"][0]["status"] == "ACTIVE"
    assert "still open where the trace ends" in tell_outcome(outcome)


async def test_a_stop_that_comes_again_after_the_seal_is_late() -> None:
    other = {**STOP, "meterStop": 12000}

    outcome = await outcome_of([*VISIT[:5], *called(65, "3", "StopTransaction", other, {})])

    assert [one["reason"] for one in outcome["late_facts"]] == ["the session was billed already"]
    assert outcome["ocpi"]["cdrs"][0]["total_energy"] == 10


async def test_the_same_call_on_the_same_connection_is_answered_as_before_and_counted_once() -> None:
    outcome = await outcome_of([*VISIT[:3], *VISIT[1:3], *VISIT[3:]])

    assert (len(outcome["sessions"]), outcome["differences"]) == (1, [])


async def test_text_that_is_no_message_is_refused_as_on_the_wire() -> None:
    outcome = await outcome_of([VISIT[0], line(0, "in", "hello")])

    assert "not JSON" in outcome["refused"][0]["text"]


async def test_answers_to_calls_of_the_recorded_gateway_are_passed_over() -> None:
    lines = [
        VISIT[0],
        line(0, "out", [2, "g1", "TriggerMessage", {"requestedMessage": "BootNotification"}]),
        line(0, "in", [3, "g1", {"status": "Accepted"}]),
    ]

    outcome = await outcome_of(lines)

    assert (outcome["trace"]["messages_served"], outcome["refused"]) == (0, [])


async def test_a_station_in_quarantine_may_send_what_it_was_asked_for() -> None:
    waiting = {**INVENTORY, "stations": [{"station_id": "DEMO-16", "admission": "PENDING"}]}
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    trigger = line(0, "out", [2, "g1", "TriggerMessage", {"requestedMessage": "StatusNotification"}])
    asked = called(0, "1", "StatusNotification", status, {})

    assert len((await outcome_of([VISIT[0], *asked], waiting))["refused"]) == 1
    assert (await outcome_of([VISIT[0], trigger, *asked], waiting))["refused"] == []


async def test_locations_are_shown_as_they_stood_at_the_last_line() -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    lines = [VISIT[0], *called(0, "1", "StatusNotification", status, {}), VISIT[-1]]

    (site,) = (await outcome_of(lines))["ocpi"]["locations"]

    assert [evse["status"] for evse in site["evses"]] == ["AVAILABLE", "UNKNOWN"]
