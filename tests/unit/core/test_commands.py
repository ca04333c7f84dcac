"""Who may order what of which plug."""

from dataclasses import replace

import pytest

from gateway.core.commands import (
    REMOTE_START,
    Refusal,
    Standing,
    check_owner,
    choose_evse,
    find_place,
    read_result,
)
from gateway.domain.callbacks import CallbackKind
from gateway.domain.calls import CallOutcomeKind, CallReply
from gateway.domain.ids import PartyId
from gateway.domain.locations import Evse, EvseStatus, Place
from gateway.domain.partners import HUB, PartnerRole
from gateway.domain.stations import ConnectorState
from tests.unit.flows.office import PARTNER
from tests.unit.flows.words import EMSP, STATION, TOKEN, make_evse, make_location

OTHER = PartyId(country_code="BE", party_id="OTH")
FREE = Standing(is_connected=True, is_taken=False)
HUB_PARTNER = replace(PARTNER, roles=(PartnerRole(party=OTHER, role=HUB, name="Hub"),))


def evse(no: int, status: EvseStatus = EvseStatus.AVAILABLE, **changes: object) -> Evse:
    made = replace(make_evse(no), status=status, capabilities=(REMOTE_START,))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_partner_orders_with_tokens_of_its_own_parties() -> None:
    assert check_owner(TOKEN, PARTNER, None, "P1") is None
    assert check_owner(replace(TOKEN, party=OTHER), PARTNER, None, None) is not None


@pytest.mark.parametrize(
    ("sender", "owner_id", "is_refused"),
    [(EMSP, None, False), (None, None, False), (OTHER, None, True), (EMSP, "another", True), (EMSP, "P1", False)],
)
def test_a_hub_speaks_for_who_is_behind_it(sender: PartyId | None, owner_id: str | None, is_refused: bool) -> None:
    assert (check_owner(TOKEN, HUB_PARTNER, sender, owner_id) is not None) is is_refused


def test_a_hub_that_does_not_name_itself_one_speaks_for_who_is_behind_it_too() -> None:
    assert check_owner(TOKEN, replace(PARTNER, role=HUB, roles=()), EMSP, None) is None


def test_one_role_of_a_platform_orders_nothing_for_the_drivers_of_another() -> None:
    roles = tuple(PartnerRole(party=party, role="EMSP", name="eMSP") for party in (EMSP, OTHER))
    shared = replace(PARTNER, roles=roles)

    assert check_owner(TOKEN, shared, EMSP, "P1") is check_owner(TOKEN, shared, None, "P1") is None
    assert check_owner(TOKEN, shared, OTHER, "P1") is not None


def test_a_free_evse_comes_before_one_with_a_car_and_that_before_an_unknown_one() -> None:
    unknown, plugged, free = evse(1, EvseStatus.UNKNOWN), evse(2, EvseStatus.CHARGING), evse(3)

    assert choose_evse(make_location(unknown, plugged, free), lambda _: FREE) == free
    assert choose_evse(make_location(unknown, plugged), lambda _: FREE) == plugged
    assert choose_evse(make_location(unknown), lambda _: FREE) == unknown


def test_of_alike_evses_the_first_is_chosen() -> None:
    assert choose_evse(make_location(evse(2), evse(1)), lambda _: FREE) == evse(2)


@pytest.mark.parametrize(
    "unfit",
    [
        evse(1, EvseStatus.OUTOFORDER),
        evse(1, EvseStatus.RESERVED),
        evse(1, override=EvseStatus.PLANNED),
        evse(1, capabilities=()),
    ],
)
def test_an_evse_that_cannot_start_is_not_chosen(unfit: Evse) -> None:
    assert choose_evse(make_location(unfit), lambda _: FREE) is None


@pytest.mark.parametrize(("is_connected", "is_taken"), [(False, False), (True, True)])
def test_an_evse_that_is_taken_or_gone_is_not_chosen(is_connected: bool, is_taken: bool) -> None:
    standing = Standing(is_connected=is_connected, is_taken=is_taken)

    assert choose_evse(make_location(evse(1)), lambda _: standing) is None


def test_of_several_plugs_that_with_a_car_at_it_is_meant() -> None:
    location = make_location(make_evse(1, connector_nos=(1, 2), uid="E"))

    place = find_place(
        location, "e", None, lambda plug: ConnectorState.OCCUPIED if plug.id == "2" else ConnectorState.AVAILABLE
    )

    assert isinstance(place, Place)
    assert place.connector.id == "2"


@pytest.mark.parametrize("override", [EvseStatus.REMOVED, EvseStatus.PLANNED, EvseStatus.INOPERATIVE])
def test_the_operators_word_forbids(override: EvseStatus) -> None:
    refusal = find_place(make_location(evse(1, override=override)), f"{STATION}-1", None, lambda _: None)

    assert isinstance(refusal, Refusal)
    assert override in refusal.reason


def test_a_plug_that_no_station_has_cannot_be_ordered() -> None:
    bare = evse(1)
    bare = replace(bare, connectors=tuple(replace(plug, key=None) for plug in bare.connectors))

    assert isinstance(find_place(make_location(bare), bare.uid, None, lambda _: None), Refusal)


def test_a_word_that_no_station_should_say_is_a_failure() -> None:
    reply = CallReply(outcome=CallOutcomeKind.ANSWERED, status="Perhaps", reason="NoIdea")

    assert read_result(CallbackKind.STOP_SESSION, reply) == ("FAILED", "the station answered Perhaps (NoIdea)")
