"""What partners order: saved before it is answered, done once, its result told once, and the session that follows."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from gateway.domain.calls import CallOutcomeKind, CallReply, StartCall, StopCall, UnlockCall
from gateway.domain.commands import StopOrder, UnlockOrder
from gateway.domain.locations import EvseStatus
from gateway.domain.partners import Partner
from gateway.domain.sessions import SessionStatus
from gateway.domain.tokens import AuthMethod, AuthStatus, IdToken
from gateway.errors import StoreDownError, WireError
from tests.unit.flows.office import PARTNER, START, URL, Office, opened_office
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import (
    LOCATION,
    OTHER_CARD,
    STATION,
    TOKEN,
    after,
    ended,
    metered,
    start,
    started,
    stop,
    updated,
)

LONG = replace(TOKEN, uid="0123456789ABCDEF01234", type="APP_USER")
REJECTED = CallReply(outcome=CallOutcomeKind.ANSWERED, status="Rejected")
STRANGER = replace(PARTNER, id="P2", roles=())
HUB_PARTNER = replace(PARTNER, roles=(replace(PARTNER.roles[0], role="HUB"),))
UNLOCK = UnlockOrder(response_url=URL, location_id=LOCATION.id, evse_uid=f"{STATION}-1", connector_id="1")


@pytest_asyncio.fixture
async def office(stage: Stage) -> AsyncIterator[Office]:
    async with opened_office(stage) as office:
        yield office


async def test_an_accepted_start_is_a_pending_session_that_its_transaction_takes_over(office: Office) -> None:
    answer = await office.order(replace(START, authorization_reference="REF"))
    await office.reply()
    (pending,) = await office.sessions()
    await office.stage.send(start())
    (active,) = await office.sessions()

    assert (answer.result, answer.timeout_s) == ("ACCEPTED", 30)
    assert await office.results() == ["ACCEPTED"]
    assert (pending.status, pending.transaction_id, pending.partner_id) == (SessionStatus.PENDING, None, "P1")
    assert (active.id, active.status, active.transaction_id) == (pending.id, SessionStatus.ACTIVE, "2")
    assert active.terms.auth_method is AuthMethod.COMMAND
    assert active.terms.authorization_reference == "REF"
    assert active.ledger.started_at == after(0)


async def test_a_transaction_before_the_reply_makes_no_second_session(office: Office) -> None:
    await office.order(START)
    await office.stage.send(start())
    await office.reply()

    (session,) = await office.sessions()
    assert session.status is SessionStatus.ACTIVE
    assert session.terms.auth_method is AuthMethod.COMMAND
    assert await office.results() == ["ACCEPTED"]


async def test_what_the_station_is_told_is_a_name_that_only_this_start_has(office: Office) -> None:
    await office.order(replace(START, token=LONG))
    (call,) = office.stations.calls
    assert isinstance(call, StartCall)
    alias = call.id_token.value
    await office.reply()

    assert alias != LONG.uid
    assert len(alias) <= 20
    assert (await office.stage.authorize(alias)).status is AuthStatus.ACCEPTED
    await office.stage.send(start(card=alias))
    (session,) = await office.sessions()
    assert session.terms.token == LONG

    await office.pass_s(30 + 120 + 1)
    assert (await office.stage.authorize(alias)).status is not AuthStatus.ACCEPTED


async def test_the_driver_of_an_order_ends_the_session_under_the_same_name(office: Office) -> None:
    await office.order(replace(START, token=LONG))
    (call,) = office.stations.calls
    assert isinstance(call, StartCall)
    await office.reply()
    await office.stage.send(start(card=call.id_token.value))

    answer = await office.stage.send(stop(5, 2000, "2", card=call.id_token.value))

    assert answer.authorization.status is AuthStatus.ACCEPTED


async def test_a_card_that_its_emsp_has_marked_invalid_starts_by_order(office: Office) -> None:
    """OCPI 2.2.1 mod_commands 13.3.3: the token of the order is not to be judged."""
    blocked = replace(TOKEN, uid="04FFFF", valid=False)
    await office.order(replace(START, token=blocked))
    await office.reply()

    answer = await office.stage.send(start(card="04FFFF"))

    assert answer.authorization.status is AuthStatus.ACCEPTED


async def test_another_card_at_the_plug_is_not_the_order(office: Office) -> None:
    await office.order(START)
    await office.reply()

    await office.stage.send(start(card=OTHER_CARD))

    pending, other = await office.sessions()
    assert (pending.status, other.status) == (SessionStatus.PENDING, SessionStatus.ACTIVE)
    assert other.terms.auth_method is AuthMethod.WHITELIST


async def test_a_session_that_never_starts_is_invalid_and_does_not_come_back(office: Office) -> None:
    await office.order(START)
    await office.reply()
    await office.pass_s(30 + 120 + 1)
    (given_up,) = await office.sessions()

    await office.stage.send(start(3))

    first, second = await office.sessions()
    assert given_up.status is first.status is SessionStatus.INVALID
    assert given_up.ledger.ended_at is not None
    assert (second.status, second.terms.auth_method) == (SessionStatus.ACTIVE, AuthMethod.COMMAND)
    assert second.id != first.id


async def test_a_pending_session_is_given_up_after_a_restart_too(office: Office) -> None:
    await office.order(START)
    await office.reply()
    await office.reopen()

    await office.pass_s(30 + 120 + 1)

    assert [session.status for session in await office.sessions()] == [SessionStatus.INVALID]


async def test_a_transaction_finds_its_order_after_a_restart(office: Office) -> None:
    await office.order(START)
    await office.reopen()
    await office.stage.send(start())

    (session,) = await office.sessions()
    assert session.terms.auth_method is AuthMethod.COMMAND


async def test_readings_of_the_plug_are_not_those_of_a_session_that_waits(office: Office) -> None:
    await office.order(START)
    await office.reply()
    await office.stage.send(metered(1, 1005, None))

    (pending,) = await office.sessions()
    assert pending.ledger.fact_count == 0


async def test_no_reply_is_a_timeout_and_a_late_reply_changes_nothing(office: Office) -> None:
    await office.order(START)
    await office.pass_s(30)
    assert await office.results() == ["TIMEOUT"]

    await office.reply(REJECTED)

    assert await office.results() == ["TIMEOUT"]
    assert len(await office.told()) == 1


async def test_a_late_yes_is_a_session_all_the_same(office: Office) -> None:
    """The session is the truth, whatever the result said."""
    await office.order(START)
    await office.pass_s(30)
    await office.reply()

    assert await office.results() == ["TIMEOUT"]
    assert [session.status for session in await office.sessions()] == [SessionStatus.PENDING]


async def test_what_was_open_at_a_crash_is_a_timeout_at_its_deadline(office: Office) -> None:
    await office.order(START)
    await office.reopen()
    assert await office.results() == [None]

    await office.pass_s(30)

    assert await office.results() == ["TIMEOUT"]
    assert len(await office.told()) == 1
    assert office.stations.calls == [], "nothing is sent to a station twice"


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (REJECTED, "FAILED"),
        (CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="NotSupported"), "NOT_SUPPORTED"),
        (CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="InternalError"), "FAILED"),
        (CallReply(outcome=CallOutcomeKind.OFFLINE), "TIMEOUT"),
    ],
)
async def test_what_a_station_makes_of_a_start(office: Office, reply: CallReply, result: str) -> None:
    await office.order(START)
    await office.reply(reply)

    assert await office.results() == [result]
    assert await office.sessions() == []


async def test_a_station_that_will_not_start_because_it_is_broken_says_so(office: Office) -> None:
    await office.change_evses(status=EvseStatus.OUTOFORDER)
    await office.order(START)
    await office.reply(REJECTED)

    assert await office.results() == ["EVSE_INOPERATIVE"]


async def test_an_evse_at_which_somebody_charges_is_occupied_and_not_asked(office: Office) -> None:
    await office.stage.send(start(card=OTHER_CARD))

    answer = await office.order(START)

    assert answer.result == "ACCEPTED"
    assert await office.results() == ["EVSE_OCCUPIED"]
    assert office.stations.calls == []


async def test_a_second_order_at_the_same_evse_takes_the_place_of_the_first(office: Office) -> None:
    for _ in range(2):
        await office.order(START)
        await office.reply()

    first, second = await office.sessions()
    assert (first.status, second.status) == (SessionStatus.INVALID, SessionStatus.PENDING)

    await office.stage.send(start())
    assert [session.status for session in await office.sessions()] == [SessionStatus.INVALID, SessionStatus.ACTIVE]


async def test_nothing_is_answered_that_is_not_saved(office: Office) -> None:
    office.stage.store.is_down = True

    with pytest.raises(StoreDownError):
        await office.order(START)

    assert office.stations.calls == []


@pytest.mark.parametrize("url", ["https://elsewhere.example/1", "https://ems.example/private"])
async def test_a_result_goes_only_where_the_partner_is(office: Office, url: str) -> None:
    with pytest.raises(WireError, match=r"\$\.response_url"):
        await office.order(replace(START, response_url=url))

    assert await office.results() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"token": replace(TOKEN, party=replace(TOKEN.party, party_id="XXX"))}, "not yours"),
        ({"location_id": "nowhere"}, "no such location"),
        ({"evse_uid": "nowhere"}, "no EVSE"),
        ({"evse_uid": None, "connector_id": "1"}, "needs the evse_uid"),
        ({"connector_id": "9"}, "no connector"),
    ],
)
async def test_what_cannot_be_ordered_is_refused(office: Office, changes: dict[str, object], reason: str) -> None:
    answer = await office.order(replace(START, **changes))  # type: ignore[arg-type]

    assert answer.result == "REJECTED"
    assert reason in (answer.message or "")
    assert answer.is_location_known is (reason not in ("no such location", "no EVSE", "no connector"))


async def test_an_evse_that_needs_its_connector_named_is_not_started_without(office: Office) -> None:
    await office.change_evses(capabilities=("START_SESSION_CONNECTOR_REQUIRED",))

    assert (await office.order(START)).result == "REJECTED"
    assert (await office.order(replace(START, connector_id="1"))).result == "ACCEPTED"


async def test_a_station_that_is_not_there_is_told_at_once(office: Office) -> None:
    office.stations.connected.clear()

    answer = await office.order(START)

    assert (answer.result, await office.results()) == ("REJECTED", [])
    assert "not connected" in (answer.message or "")


async def test_a_free_evse_is_chosen_where_none_is_named(office: Office) -> None:
    await office.stage.send(start(card=OTHER_CARD))

    await office.order(replace(START, evse_uid=None))

    (call,) = office.stations.calls
    assert isinstance(call, StartCall)
    assert call.evse_no == 2


async def test_a_transaction_that_waited_for_its_driver_is_the_ordered_session(office: Office) -> None:
    """OCPP 2.0.1 F01: the cable was plugged in first, and the station says so."""
    await office.stage.send(started(card=None))
    await office.order(START)
    (call,) = office.stations.calls
    assert isinstance(call, StartCall)
    await office.reply(CallReply(outcome=CallOutcomeKind.ANSWERED, status="Accepted", transaction_id="tx-1"))
    (before,) = await office.sessions()

    by_order = {"id_token": call.id_token, "remote_start_id": str(call.remote_start_id)}
    answer = await office.stage.send(updated(1, 1, 1000, **by_order))

    (session,) = await office.sessions()
    assert before.partner_id is None
    assert (session.status, session.partner_id) == (SessionStatus.ACTIVE, "P1")
    assert session.terms.auth_method is AuthMethod.COMMAND
    assert answer.authorization.status is AuthStatus.ACCEPTED


# --- stop and unlock --------------------------------------------------------------------------------------------------


async def test_a_session_is_stopped_by_its_transaction(office: Office) -> None:
    await office.stage.send(start())
    (session,) = await office.sessions()

    answer = await office.order(StopOrder(response_url=URL, session_id=session.id))
    await office.reply()

    assert answer.result == "ACCEPTED"
    assert office.stations.calls == [StopCall(transaction_id="1")]
    assert await office.results() == ["ACCEPTED"]


@pytest.mark.parametrize(("partner", "result"), [(STRANGER, "REJECTED"), (PARTNER, "ACCEPTED")])
async def test_only_the_owner_stops(office: Office, partner: Partner, result: str) -> None:
    await office.stage.send(start())
    (session,) = await office.sessions()

    assert (await office.order(StopOrder(response_url=URL, session_id=session.id), partner)).result == result


async def test_a_session_that_is_not_known_or_over_is_not_stopped(office: Office) -> None:
    await office.stage.send_all(start(), stop(5, 2000))
    (session,) = await office.sessions()

    over = await office.order(StopOrder(response_url=URL, session_id=session.id))
    unknown = await office.order(StopOrder(response_url=URL, session_id="nobody"))

    assert (over.result, unknown.result) == ("REJECTED", "UNKNOWN_SESSION")


async def test_a_pending_session_is_stopped_before_it_starts(office: Office) -> None:
    await office.order(START)
    await office.reply()
    (pending,) = await office.sessions()

    await office.order(StopOrder(response_url=URL, session_id=pending.id))
    answer = await office.stage.send(start())

    assert await office.results() == ["ACCEPTED", "ACCEPTED"]
    assert len(office.stations.calls) == 1, "there is nothing to be said to the station"
    assert answer.authorization.status is AuthStatus.INVALID
    assert [session.status for session in await office.sessions()] == [SessionStatus.INVALID, SessionStatus.INVALID]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("Unlocked", "ACCEPTED"),
        ("UnlockFailed", "FAILED"),
        ("NotSupported", "NOT_SUPPORTED"),
        ("OngoingAuthorizedTransaction", "REJECTED"),
        ("UnknownConnector", "FAILED"),
    ],
)
async def test_a_plug_is_unlocked(office: Office, status: str, result: str) -> None:
    await office.order(UNLOCK)
    await office.reply(CallReply(outcome=CallOutcomeKind.ANSWERED, status=status))

    assert office.stations.calls == [UnlockCall(evse_no=1, connector_no=1)]
    assert await office.results() == [result]


async def test_no_partner_unlocks_the_plug_of_anothers_driver(office: Office) -> None:
    await office.stage.send(start())
    stranger = replace(STRANGER, roles=PARTNER.roles)

    answer = await office.order(UNLOCK, stranger)

    assert answer.result == "REJECTED"
    assert (await office.order(UNLOCK)).result == "ACCEPTED"


async def test_a_cable_that_comes_before_its_driver_is_the_session_that_was_told_pending(office: Office) -> None:
    """OCPP 2.0.1 E01: the transaction begins with the cable, and who charges is told later."""
    await office.order(START)
    (call,) = office.stations.calls
    assert isinstance(call, StartCall)
    await office.reply()
    await office.stage.send(started(card=None))
    pending, cable = await office.sessions()

    await office.stage.send(updated(1, 1, 1000, id_token=call.id_token, remote_start_id=str(call.remote_start_id)))

    running, left = await office.sessions()
    assert (running.id, running.status, running.transaction_id) == (pending.id, SessionStatus.ACTIVE, "tx-1")
    assert (left.id, left.status, left.partner_id) == (cable.id, SessionStatus.INVALID, None)
    assert running.ledger.seq_count == 2


async def test_an_order_that_the_station_refused_takes_nothing_from_the_one_before(office: Office) -> None:
    """A driver who taps twice: the station refuses the second, and the transaction follows the first."""
    await office.order(replace(START, authorization_reference="FIRST"))
    await office.reply()
    (pending,) = await office.sessions()
    await office.order(replace(START, authorization_reference="SECOND"))
    await office.reply(REJECTED)

    await office.stage.send(start())

    (session,) = await office.sessions()
    assert (session.id, session.status) == (pending.id, SessionStatus.ACTIVE)
    assert session.terms.authorization_reference == "FIRST"


async def test_the_card_of_an_order_that_the_station_refused_is_still_authorised(office: Office) -> None:
    """OCPI 2.2.1 mod_commands 13.3.5: for 15 minutes, because the app may not be working."""
    blocked = replace(TOKEN, uid="04FFFF", valid=False)
    await office.order(replace(START, token=blocked))
    await office.reply(REJECTED)

    answer = await office.stage.send(start(card="04FFFF"))

    assert answer.authorization.status is AuthStatus.ACCEPTED


async def test_a_card_whose_order_was_stopped_is_judged_as_any_other_once_the_start_can_come_no_more(
    office: Office,
) -> None:
    await office.order(START)
    await office.reply()
    (pending,) = await office.sessions()
    await office.order(StopOrder(response_url=URL, session_id=pending.id))
    assert (await office.stage.authorize(TOKEN.uid)).status is AuthStatus.INVALID

    await office.pass_s(30 + 120 + 1)
    answer = await office.stage.send(start(3))

    assert answer.authorization.status is AuthStatus.ACCEPTED
    session = (await office.sessions())[-1]
    assert (session.status, session.terms.auth_method) == (SessionStatus.ACTIVE, AuthMethod.WHITELIST)


async def test_no_party_behind_a_hub_unlocks_the_plug_of_anothers_driver(office: Office) -> None:
    await office.stage.send(start())
    other = replace(TOKEN.party, party_id="OTH")

    answer = await office.order(UNLOCK, HUB_PARTNER, sender=other)

    assert answer.result == "REJECTED"
    assert (await office.order(UNLOCK, HUB_PARTNER, sender=TOKEN.party)).result == "ACCEPTED"


async def test_what_is_told_late_of_a_visit_before_takes_no_order_for_itself(office: Office) -> None:
    """A station that was offline tells of a visit of the same driver while it waits for his next one."""
    card = IdToken(value=TOKEN.uid)
    await office.stage.send(started(0, 0, 1000, id_token=card))
    await office.stage.send(ended(2, 3, 1500, id_token=card))
    await office.order(START)
    await office.reply()

    await office.stage.send(updated(1, 1, 1200, id_token=card))

    earlier, pending = await office.sessions()
    assert (earlier.status, pending.status) == (SessionStatus.COMPLETED, SessionStatus.PENDING)
    await office.stage.send(start(4))
    assert [session.id for session in await office.sessions()] == [earlier.id, pending.id]
