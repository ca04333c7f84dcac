import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.partners import PartnerRole
from gateway.domain.tokens import Token
from gateway.errors import ForbiddenError, NotFoundError, StoreDownError, WireError
from gateway.flows.partner_book import PartnerBook
from gateway.flows.tokens import TokenInbox, TokenPatch, token_key
from tests.fakes.ocpi_samples import EMSP, EMSP_ROLE, PARTNER, STRANGER, TOKEN
from tests.fakes.ocpi_store import FakeStore

KEY = token_key("DE", "EMP", TOKEN.uid, "RFID")
MINUTE = timedelta(minutes=1)
OTHER_PARTNER = replace(PARTNER, id="P2", token_hash="hash:other", roles=(replace(EMSP_ROLE, party=STRANGER),))
HUB = replace(
    PARTNER,
    id="P3",
    token_hash="hash:hub",
    roles=(PartnerRole(party=replace(EMSP, party_id="HUB"), role="HUB", name="Hub"),),
)


def inbox(store: FakeStore) -> TokenInbox:
    return TokenInbox(store, PartnerBook([PARTNER, OTHER_PARTNER, HUB]))  # type: ignore[arg-type]


def stored(store: FakeStore) -> list[Token]:
    return list(store.tokens.values())


def patch(minutes: int, **changes: object) -> TokenPatch:
    return TokenPatch(last_updated=TOKEN.last_updated + minutes * MINUTE, changes=changes)


async def test_a_token_is_new_once() -> None:
    store = FakeStore()

    assert await inbox(store).put(PARTNER, KEY, TOKEN) is True
    assert await inbox(store).put(PARTNER, KEY, TOKEN) is False
    assert stored(store) == [TOKEN]


async def test_an_older_token_changes_nothing_and_is_no_error() -> None:
    store = FakeStore()
    await inbox(store).put(PARTNER, KEY, TOKEN)

    await inbox(store).put(PARTNER, KEY, replace(TOKEN, valid=False, last_updated=TOKEN.last_updated - MINUTE))

    assert stored(store) == [TOKEN]


async def test_an_older_patch_changes_nothing_and_is_no_error() -> None:
    store = FakeStore()
    await inbox(store).put(PARTNER, KEY, TOKEN)

    await inbox(store).patch(PARTNER, KEY, patch(-1, valid=False))

    assert stored(store) == [TOKEN]


async def test_a_token_that_is_not_durable_is_not_acknowledged() -> None:
    store = FakeStore()
    store.failures.append(StoreDownError("the disk is full"))

    with pytest.raises(StoreDownError):
        await inbox(store).put(PARTNER, KEY, TOKEN)

    assert stored(store) == []


async def test_patches_at_the_same_time_are_all_kept() -> None:
    store = FakeStore()
    tokens = inbox(store)
    await tokens.put(PARTNER, KEY, TOKEN)

    await asyncio.gather(
        tokens.patch(PARTNER, KEY, patch(1, issuer="New issuer")),
        tokens.patch(PARTNER, token_key("DE", "EMP", TOKEN.uid.lower(), None), patch(2, valid=False)),
    )

    (token,) = stored(store)
    assert (token.issuer, token.valid) == ("New issuer", False)


async def test_a_uid_is_found_without_regard_to_case_and_keeps_its_spelling() -> None:
    store = FakeStore()
    await inbox(store).put(PARTNER, token_key("de", "emp", TOKEN.uid.lower(), None), TOKEN)

    assert await inbox(store).load(PARTNER, token_key("DE", "EMP", TOKEN.uid.lower(), None)) == TOKEN


async def test_a_partner_cannot_read_or_write_tokens_of_another() -> None:
    store = FakeStore()
    await inbox(store).put(PARTNER, KEY, TOKEN)

    with pytest.raises(ForbiddenError):
        await inbox(store).load(OTHER_PARTNER, KEY)
    with pytest.raises(ForbiddenError):
        await inbox(store).put(OTHER_PARTNER, KEY, replace(TOKEN, partner_id="P2"))
    with pytest.raises(ForbiddenError):
        await inbox(store).patch(OTHER_PARTNER, KEY, patch(1, valid=False))


async def test_a_hub_may_push_tokens_of_parties_that_are_not_connected_otherwise() -> None:
    store = FakeStore()
    far = replace(TOKEN, partner_id="P3", party=replace(EMSP, party_id="FAR"))

    assert await inbox(store).put(HUB, token_key("DE", "FAR", TOKEN.uid, None), far) is True
    with pytest.raises(ForbiddenError):
        await inbox(store).put(HUB, KEY, replace(TOKEN, partner_id="P3"))


async def test_a_patch_of_a_missing_token_asks_for_the_whole() -> None:
    with pytest.raises(NotFoundError, match="PUT"):
        await inbox(FakeStore()).patch(PARTNER, KEY, patch(1, valid=False))


async def test_a_patch_may_not_move_a_token() -> None:
    store = FakeStore()
    await inbox(store).put(PARTNER, KEY, TOKEN)
    moved = replace(patch(1), identity={"uid": "ANOTHER"})

    with pytest.raises(WireError, match="uid"):
        await inbox(store).patch(PARTNER, KEY, moved)
