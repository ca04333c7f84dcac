from collections.abc import Collection
from dataclasses import replace

import pytest

from gateway.core.commands import NOT_SUPPORTED, REJECTED, Refusal
from gateway.core.reservations import (
    Choice,
    choose_plug,
    decide_renewal,
    find_for_card,
    find_for_token,
    find_for_transaction,
    find_known,
    judge_driver,
)
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.partners import Partner, PartnerStatus
from gateway.domain.reservations import Booking, Reservation, ReservationState
from gateway.domain.tokens import AuthMethod, Authorization, AuthStatus, IdToken, Question, Token, Whitelist
from tests.unit.core.test_cdrs import CONNECTOR, LOCATION
from tests.unit.core.test_sessions import NOON, after

PARTY = PartyId(country_code="NL", party_id="EMS")
EMSP = Partner(id="P", name="EMS", role="EMSP", status=PartnerStatus.REGISTERED, created_at=NOON, last_updated=NOON)
TOKEN = Token(
    partner_id="P",
    party=PARTY,
    uid="04AABBCC",
    type="RFID",
    contract_id="C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOON,
    group_id="Family",
)
OTHER = replace(TOKEN, uid="04DDEEFF", contract_id="C2")
CARD, OTHER_CARD = IdToken(value="04aabbcc"), IdToken(value="04DDEEFF")


def key(evse_no: int, connector_no: int | None = None, station_id: str = "CS1") -> ConnectorKey:
    number = evse_no if connector_no is None else connector_no
    return ConnectorKey(station_id=station_id, evse_no=evse_no, connector_no=number)


BOOKING = Booking(
    response_url="https://ems/1",
    version="v",
    token=TOKEN,
    id_token=IdToken(value=TOKEN.uid),
    expires_at=after(60),
    evse_uid="E1",
    key=key(1),
    authorization_reference="REF",
)
KEPT = Reservation(
    id="r",
    no=7,
    partner_id="P",
    reservation_id="R-1",
    location_id="L1",
    session_id="S",
    booking=BOOKING,
    asked_at=NOON,
    state=ReservationState.ACTIVE,
)
LISTED = Authorization(status=AuthStatus.ACCEPTED, reason="listed", token=TOKEN, group_id="Family")
UNKNOWN = Authorization(status=AuthStatus.UNKNOWN, reason="unknown")
ASKED = Question(uid="x", type="RFID", fallback=UNKNOWN)


def plug(id_: str, at: ConnectorKey) -> Connector:
    return replace(CONNECTOR, id=id_, key=at)


def evse(uid: str, *keys: ConnectorKey, capabilities: tuple[str, ...] = ("RESERVABLE",)) -> Evse:
    plugs = tuple(plug(str(number), at) for number, at in enumerate(keys, 1))
    return Evse(uid=uid, status=EvseStatus.AVAILABLE, connectors=plugs, last_updated=NOON, capabilities=capabilities)


SITE = replace(LOCATION, evses=(evse("E1", key(1)), evse("E2", key(2)), evse("E3", key(1, station_id="CS2"))))


def choose(
    evse_uid: str | None = None,
    *,
    site: Location = SITE,
    near: Collection[str] = ("CS1", "CS2"),
    busy: Collection[int] = (),
) -> Choice | Refusal:
    return choose_plug(
        site, evse_uid, is_connected=lambda station: station in near, is_free=lambda at: at.evse_no not in busy
    )


def reason(chosen: Choice | Refusal) -> tuple[str, str]:
    assert isinstance(chosen, Refusal)
    return chosen.result, chosen.reason


def chosen_key(chosen: Choice | Refusal) -> ConnectorKey:
    assert isinstance(chosen, Choice)
    return chosen.key


# --- which plug


def test_of_a_location_the_first_free_evse_is_kept() -> None:
    assert chosen_key(choose()) == key(1)
    assert chosen_key(choose(busy=(1,))) == key(2)
    assert chosen_key(choose(near=("CS2",))) == key(1, station_id="CS2")


def test_an_evse_that_is_named_is_asked_for_even_if_it_seems_taken() -> None:
    assert chosen_key(choose("e2", busy=(2,))) == key(2)


def test_of_an_evse_with_several_plugs_the_driver_chooses_one() -> None:
    shared = replace(LOCATION, evses=(evse("E1", key(1, 1), key(1, 2)),))
    apart = replace(LOCATION, evses=(evse("E1", key(1), key(2)),))

    assert chosen_key(choose("E1", site=shared)) == key(1, 0)
    assert chosen_key(choose("E1", site=apart, busy=(1,))) == key(2)


@pytest.mark.parametrize(
    ("chosen", "result", "words"),
    [
        (choose("E9"), REJECTED, "has no EVSE E9"),
        (choose(near=()), REJECTED, "not connected"),
        (choose(busy=(1, 2)), REJECTED, "is free"),
        (choose("E1", site=replace(LOCATION, evses=(evse("E1", key(1), capabilities=()),))), NOT_SUPPORTED, "reserved"),
        (choose(site=replace(LOCATION, evses=(evse("E1", key(1), capabilities=()),))), NOT_SUPPORTED, "reserved"),
        (
            choose(site=replace(LOCATION, evses=(replace(evse("E1", key(1)), override=EvseStatus.INOPERATIVE),))),
            NOT_SUPPORTED,
            "reserved",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(chosen: Choice | Refusal, result: str, words: str) -> None:
    assert reason(chosen)[0] == result
    assert words in reason(chosen)[1]


# --- the same again


def test_an_id_is_the_partners_own_and_compared_without_case() -> None:
    assert find_known([KEPT], EMSP, None, "r-1") is KEPT
    assert find_known([KEPT], replace(EMSP, id="Q"), None, "R-1") is None


def test_the_same_id_at_the_same_station_may_replace_a_reservation() -> None:
    assert decide_renewal(KEPT, "l1", Choice(evse=SITE.evses[1], key=key(2))) is None


@pytest.mark.parametrize(
    ("known", "location_id", "at"),
    [
        (KEPT, "L2", key(1)),
        (KEPT, "L1", key(1, station_id="CS2")),
        (replace(KEPT, state=ReservationState.ASKED), "L1", key(1)),
        (replace(KEPT, renewal=BOOKING), "L1", key(1)),
    ],
)
def test_another_place_or_an_open_question_cannot_be_replaced(
    known: Reservation, location_id: str, at: ConnectorKey
) -> None:
    assert decide_renewal(known, location_id, Choice(evse=SITE.evses[0], key=at)) is not None


# --- what uses it


def test_a_transaction_is_known_by_the_number_wherever_it_runs() -> None:
    assert find_for_transaction([KEPT], key(2), "7", after(5), CARD) is KEPT
    assert find_for_transaction([KEPT], key(2), "8", after(5), CARD) is None


def test_a_transaction_without_number_is_known_by_the_plug() -> None:
    whole = replace(KEPT, booking=replace(BOOKING, key=key(1, 0)))

    assert find_for_transaction([KEPT], key(1), None, after(5), CARD) is KEPT
    assert find_for_transaction([whole], key(1, 2), None, after(5), CARD) is whole
    assert find_for_transaction([KEPT], key(2), None, after(5), CARD) is None


def test_a_transaction_from_before_the_reservation_does_not_use_it() -> None:
    assert find_for_transaction([KEPT], key(1), None, after(-30), CARD) is None


def test_what_a_station_never_confirmed_is_used_only_where_it_says_so() -> None:
    unanswered = replace(KEPT, state=ReservationState.UNANSWERED)

    assert find_for_transaction([unanswered], key(1), None, after(5), CARD) is None
    assert find_for_transaction([unanswered], key(1), "7", after(5), CARD) is unanswered


def test_a_card_is_let_in_until_the_reservation_ends() -> None:
    assert find_for_card([KEPT], 0, CARD, after(59)) is KEPT
    assert find_for_card([KEPT], 1, CARD, after(61)) is None
    assert find_for_card([KEPT], 2, CARD, after(5)) is None
    assert find_for_card([KEPT], 0, OTHER_CARD, after(5)) is None


def test_a_start_is_ordered_for_the_driver_who_has_the_plug() -> None:
    assert find_for_token([KEPT], "P", TOKEN, key(1)) is KEPT
    assert find_for_token([KEPT], "P", OTHER, key(1)) is KEPT, "one of his group"
    assert find_for_token([KEPT], "P", replace(OTHER, group_id=None), key(1)) is None
    assert find_for_token([KEPT], "P", TOKEN, key(2)) is None


@pytest.mark.parametrize(
    ("card", "verdict", "method", "uid", "reference"),
    [
        pytest.param(CARD, LISTED, AuthMethod.WHITELIST, TOKEN.uid, "REF", id="listed"),
        pytest.param(CARD, UNKNOWN, AuthMethod.COMMAND, TOKEN.uid, "REF", id="unknown"),
        pytest.param(CARD, ASKED, AuthMethod.COMMAND, TOKEN.uid, "REF", id="never asked"),
        pytest.param(
            CARD,
            replace(LISTED, token=replace(TOKEN, partner_id="Q")),
            AuthMethod.COMMAND,
            TOKEN.uid,
            "REF",
            id="somebody else's token with this uid",
        ),
        pytest.param(
            OTHER_CARD,
            replace(LISTED, token=OTHER, authorization_reference="NEW"),
            AuthMethod.WHITELIST,
            OTHER.uid,
            "NEW",
            id="of the group",
        ),
        pytest.param(
            OTHER_CARD,
            replace(ASKED, token=OTHER),
            AuthMethod.COMMAND,
            OTHER.uid,
            "REF",
            id="of the group, never asked",
        ),
    ],
)
def test_the_last_method_and_reference_count(
    card: IdToken, verdict: Authorization | Question, method: AuthMethod, uid: str, reference: str
) -> None:
    decided = judge_driver(KEPT, card, verdict)

    assert decided is not None
    assert decided.status is AuthStatus.ACCEPTED
    assert decided.token is not None
    assert (decided.auth_method, decided.token.uid, decided.authorization_reference) == (method, uid, reference)


@pytest.mark.parametrize(
    "verdict",
    [
        UNKNOWN,
        replace(LISTED, token=replace(OTHER, group_id=None)),
        replace(LISTED, token=replace(OTHER, partner_id="Q")),
        replace(LISTED, token=OTHER, status=AuthStatus.BLOCKED),
    ],
)
def test_a_plug_is_not_kept_for_strangers(verdict: Authorization) -> None:
    assert judge_driver(KEPT, OTHER_CARD, verdict) is None


def test_an_alias_was_never_on_a_list() -> None:
    aliased = replace(KEPT, booking=replace(BOOKING, id_token=IdToken(value="ALIAS")))
    decided = judge_driver(aliased, IdToken(value="alias"), LISTED)

    assert decided is not None
    assert decided.auth_method is AuthMethod.COMMAND
