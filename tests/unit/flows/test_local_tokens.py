from dataclasses import replace

import pytest

from gateway.domain.ids import PartyId
from gateway.domain.tokens import LocalStatus, LocalToken, Token, Whitelist
from gateway.errors import NotFoundError, WireError
from tests.fakes.console_world import NOW, World

LOCAL = LocalToken(uid="CARD1", last_updated=NOW, status=LocalStatus.ACCEPTED)
PUSHED = Token(
    partner_id="P1",
    party=PartyId(country_code="DE", party_id="EMS"),
    uid="card1",
    type="RFID",
    contract_id="C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALWAYS,
    last_updated=NOW,
)
PREFER = LocalToken(uid="CARD1", last_updated=NOW, preferred_partner_id="P1")


@pytest.fixture
def world() -> World:
    return World()


async def test_a_local_token_keeps_its_first_spelling(world: World) -> None:
    _, is_new = await world.local_tokens.put(LOCAL)
    stored, is_newer = await world.local_tokens.put(replace(LOCAL, uid="card1", status=LocalStatus.BLOCKED))

    assert (is_new, is_newer) == (True, False)
    assert (stored.uid, stored.status) == ("CARD1", LocalStatus.BLOCKED)
    assert await world.local_tokens.list() == [stored]


async def test_a_local_token_is_deleted(world: World) -> None:
    await world.local_tokens.put(LOCAL)

    await world.local_tokens.delete("card1")

    with pytest.raises(NotFoundError):
        await world.local_tokens.load("CARD1")


async def test_a_partner_with_a_valid_token_may_be_preferred(world: World) -> None:
    world.store.tokens = [PUSHED, replace(PUSHED, partner_id="P2")]

    stored, _ = await world.local_tokens.put(PREFER)

    assert stored.preferred_partner_id == "P1"


@pytest.mark.parametrize("tokens", [[], [replace(PUSHED, valid=False)], [replace(PUSHED, partner_id="P2")]])
async def test_a_partner_without_a_valid_token_cannot_be_preferred(world: World, tokens: list[Token]) -> None:
    world.store.tokens = tokens

    with pytest.raises(WireError, match="no valid token with this uid"):
        await world.local_tokens.put(PREFER)
