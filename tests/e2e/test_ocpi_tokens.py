"""Tokens: what an eMSP pushes, every error of it, and what the next swipe says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.contract_schemas import assert_valid
from tests.e2e.house import House
from tests.e2e.wire import Platform, Visit, charger, credentials_of, equip, now, registered, send, stamp

UID = "04E2A1B2C3D480"


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Platform]:
    async with registered(house) as platform:
        yield platform


def at(minutes: int) -> str:
    return stamp(now() + timedelta(minutes=minutes))


async def swipe(house: House, uid: str = UID) -> str:
    async with charger(house) as plug:
        return await plug.authorize(uid)


# --- keeping


async def test_a_new_token_is_201_a_known_one_200_and_both_can_be_read_back(emsp: Platform) -> None:
    rich = emsp.token_object(
        UID,
        visual_number="NL-EMP-0001",
        group_id="FLEET-1",
        language="nl",
        default_profile_type="GREEN",
        energy_contract={"supplier_name": "Green Power", "contract_id": "0123"},
        last_updated="2026-01-02T03:04:05Z",
    )
    first = await emsp.ask("PUT", emsp.token_path(UID), body=rich)
    again = await emsp.ask("PUT", emsp.token_path(UID), body={**rich, "last_updated": "2026-01-02T03:04:06Z"})
    read = await emsp.get(emsp.token_path(UID))

    assert (first.codes, again.codes) == ((201, 1000), (200, 1000))
    assert_valid("op:receiverPutToken", first.body)
    assert_valid("op:receiverGetToken", read.body)
    assert read.data == {**rich, "last_updated": "2026-01-02T03:04:06Z"}


async def test_a_token_is_found_whatever_the_case_of_its_key(emsp: Platform) -> None:
    await emsp.push(UID)

    for path in (f"tokens/de/emp/{UID.lower()}", f"tokens/DE/EMP/{UID}?type=RFID", f"tokens/DE/EMP/{UID}?type=rfid"):
        assert (await emsp.load(path))["uid"] == UID


async def test_the_type_is_part_of_the_key(emsp: Platform) -> None:
    await emsp.push("SAME", contract_id="CARD")
    app = emsp.token_object("SAME", type="APP_USER", contract_id="APP")
    assert (await emsp.ask("PUT", emsp.token_path("SAME") + "?type=APP_USER", body=app)).codes == (201, 1000)

    assert (await emsp.load(emsp.token_path("SAME")))["contract_id"] == "CARD"
    assert (await emsp.load(emsp.token_path("SAME") + "?type=APP_USER"))["contract_id"] == "APP"
    assert (await emsp.get(emsp.token_path("SAME") + "?type=OTHER")).codes == (404, 2000)


async def test_fields_that_nobody_knows_and_nulls_do_no_harm(emsp: Platform) -> None:
    token = emsp.token_object(UID, visual_number=None, future_field={"a": 1}, language="nl-NL")

    assert (await emsp.ask("PUT", emsp.token_path(UID), body=token)).codes == (201, 1000)
    assert_valid("token", await emsp.load(emsp.token_path(UID)))


async def test_a_token_that_is_older_than_ours_changes_nothing(emsp: Platform) -> None:
    await emsp.push(UID, contract_id="NEW", last_updated=at(0))
    late = emsp.token_object(UID, contract_id="OLD", last_updated=at(-60))

    answer = await emsp.ask("PUT", emsp.token_path(UID), body=late)

    assert answer.codes == (200, 1000)
    assert (await emsp.load(emsp.token_path(UID)))["contract_id"] == "NEW"


async def test_a_patch_that_is_older_than_the_token_changes_nothing(emsp: Platform) -> None:
    token = await emsp.push(UID, last_updated=at(0))

    answer = await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False, "last_updated": at(-60)})

    assert answer.codes == (200, 1000)
    assert await emsp.load(emsp.token_path(UID)) == token


async def test_a_patch_within_the_same_moment_counts(emsp: Platform) -> None:
    """A peer whose clock has seconds only may push and block within one of them."""
    token = await emsp.push(UID)

    await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False, "last_updated": token["last_updated"]})

    assert (await emsp.load(emsp.token_path(UID)))["valid"] is False


async def test_patch_changes_what_it_names_and_nothing_else(emsp: Platform) -> None:
    token = await emsp.push(UID, visual_number="1", last_updated=at(-10))
    when = at(0)

    answer = await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False, "last_updated": when})

    assert answer.codes == (200, 1000)
    assert_valid("op:receiverPatchToken", answer.body)
    assert await emsp.load(emsp.token_path(UID)) == {**token, "valid": False, "last_updated": when}


async def test_tokens_survive_a_restart(house: House, emsp: Platform) -> None:
    await emsp.push(UID)
    before = await emsp.load(emsp.token_path(UID))
    await house.restart()

    assert await emsp.load(emsp.token_path(UID)) == before


# --- errors


@pytest.mark.parametrize("raw", [b"", b"{", b"{'uid': 1}", b"\xff\xfe", b'{"uid": NaN}', b"[1,"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_body_that_is_not_json_is_400(emsp: Platform, method: str, raw: bytes) -> None:
    answer = await emsp.ask(method, emsp.token_path(UID), raw=raw)

    assert answer.codes == (400, 2001)
    assert "JSON" in answer.message


@pytest.mark.parametrize("body", [[], "text", 1, None, True])
async def test_json_that_is_no_object_is_2001(emsp: Platform, body: Any) -> None:
    answer = await emsp.ask("PUT", emsp.token_path(UID), raw=orjson.dumps(body))

    assert answer.codes == (200, 2001)


REQUIRED = ("country_code", "party_id", "uid", "type", "contract_id", "issuer", "valid", "whitelist", "last_updated")


@pytest.mark.parametrize("name", REQUIRED)
async def test_a_missing_required_field_is_2001_and_named(emsp: Platform, name: str) -> None:
    token = emsp.token_object(UID)
    del token[name]

    answer = await emsp.ask("PUT", emsp.token_path(UID), body=token)

    assert answer.codes == (200, 2001)
    assert f"$.{name}" in answer.message
    assert (await emsp.get(emsp.token_path(UID))).codes == (404, 2000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("valid", "yes"),
        ("valid", 1),
        ("whitelist", "SOMETIMES"),
        ("type", "CARD"),
        ("last_updated", "yesterday"),
        ("last_updated", 1_700_000_000),
        ("contract_id", ""),
        ("contract_id", "x" * 37),
        ("contract_id", 7),
        ("group_id", "x" * 37),
        ("issuer", "x" * 65),
        ("country_code", "DEU"),
        ("uid", "OTHER"),
        ("party_id", "OTH"),
        ("energy_contract", "green"),
    ],
)
async def test_a_field_of_the_wrong_kind_is_2001_and_named(emsp: Platform, name: str, value: Any) -> None:
    answer = await emsp.ask("PUT", emsp.token_path(UID), body={**emsp.token_object(UID), name: value})

    assert answer.codes == (200, 2001)
    assert f"$.{name}" in answer.message


async def test_the_type_in_the_url_must_be_that_of_the_body(emsp: Platform) -> None:
    answer = await emsp.ask("PUT", emsp.token_path(UID) + "?type=APP_USER", body=emsp.token_object(UID))

    assert answer.codes == (200, 2001)
    assert "$.type" in answer.message


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
async def test_a_party_that_is_not_the_callers_is_404(emsp: Platform, method: str) -> None:
    body = {**emsp.token_object(UID), "party_id": "XXX"}

    answer = await emsp.ask(method, f"tokens/DE/XXX/{UID}", body=None if method == "GET" else body)

    assert answer.codes == (404, 2001)
    assert "XXX" in answer.message


async def test_one_partner_cannot_read_or_change_anothers_tokens(house: House, emsp: Platform) -> None:
    await emsp.push(UID)
    async with registered(house, "FR", "OTH") as other:
        for method, body in (("GET", None), ("PATCH", {"valid": False, "last_updated": at(0)})):
            answer = await other.ask(method, emsp.token_path(UID), body=body)
            assert answer.codes == (404, 2001)
    assert (await emsp.load(emsp.token_path(UID)))["valid"] is True


async def test_get_of_a_token_that_is_not_there_is_404(emsp: Platform) -> None:
    assert (await emsp.get(emsp.token_path("NOBODY"))).codes == (404, 2000)


async def test_patch_of_a_token_that_is_not_there_is_404_and_says_put(emsp: Platform) -> None:
    answer = await emsp.ask("PATCH", emsp.token_path("NOBODY"), body={"valid": False, "last_updated": at(0)})

    assert answer.status == 404
    assert "PUT" in answer.message


async def test_patch_without_last_updated_is_2001(emsp: Platform) -> None:
    await emsp.push(UID)

    answer = await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False})

    assert answer.codes == (200, 2001)
    assert "last_updated" in answer.message
    assert (await emsp.load(emsp.token_path(UID)))["valid"] is True


@pytest.mark.parametrize("changes", [{"valid": "no"}, {"uid": "OTHER"}, {"whitelist": "MAYBE"}])
async def test_patch_with_bad_content_is_2001(emsp: Platform, changes: dict[str, Any]) -> None:
    await emsp.push(UID)

    answer = await emsp.ask("PATCH", emsp.token_path(UID), body={**changes, "last_updated": at(0)})

    assert answer.codes == (200, 2001)


async def test_there_is_no_delete_of_a_token(emsp: Platform) -> None:
    await emsp.push(UID)

    assert (await emsp.ask("DELETE", emsp.token_path(UID))).codes == (405, 2000)


# --- what the next swipe says


async def test_a_pushed_token_may_charge_and_an_unknown_one_may_not(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID)

    assert await swipe(house) == "Accepted"
    assert await swipe(house, UID.lower()) == "Accepted"
    assert await swipe(house, "STRANGER") == "Invalid"


async def test_a_token_blocked_by_patch_is_refused_at_the_next_swipe(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID, last_updated=at(-1))
    async with charger(house) as plug:
        assert await plug.authorize(UID) == "Accepted"
        await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False, "last_updated": at(0)})
        assert await plug.authorize(UID) == "Blocked"
        await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": True, "last_updated": at(1)})
        assert await plug.authorize(UID) == "Accepted"


async def test_a_token_that_must_be_asked_for_each_time_is_refused_while_nobody_can_ask(
    house: House, emsp: Platform
) -> None:
    await equip(house, "CS1")
    await emsp.push(UID, whitelist="NEVER")

    assert await swipe(house) == "Invalid"


@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED"])
async def test_a_whitelisted_token_is_accepted(house: House, emsp: Platform, whitelist: str) -> None:
    await equip(house, "CS1")
    await emsp.push(UID, whitelist=whitelist)

    assert await swipe(house) == "Accepted"


async def test_a_token_for_offline_is_accepted_while_its_emsp_is_not_there(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID, whitelist="ALLOWED_OFFLINE")
    assert await swipe(house) == "Invalid"  # the platform answers that it knows no such token

    await emsp.peer.stop()

    assert await swipe(house) == "Accepted"


async def test_an_app_user_is_no_card(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    token = emsp.token_object("APPUSER1", type="APP_USER")
    await emsp.ask("PUT", emsp.token_path("APPUSER1") + "?type=APP_USER", body=token)

    assert await swipe(house, "APPUSER1") == "Invalid"


async def test_two_valid_tokens_with_one_uid_are_refused_until_the_operator_prefers_one(
    house: House, emsp: Platform
) -> None:
    await equip(house, "CS1")
    async with registered(house, "FR", "OTH") as other:
        await emsp.push(UID)
        assert await swipe(house) == "Accepted"
        await other.push(UID)

        assert await swipe(house) == "Invalid"
        assert (await house.call("GET", "tokens"))["ambiguous_uids"] == [UID]
        await house.call("PUT", f"tokens/{UID}", {"preferred_partner": other.partner_id})
        assert (await house.call("GET", "tokens"))["ambiguous_uids"] == []
        async with charger(house) as plug:
            assert await plug.authorize(UID) == "Accepted"
            await plug.live(Visit(UID, now() - timedelta(hours=1)))
        await house.wait_for_cdrs(1)
        assert await emsp.load("cdrs") == []
        (cdr,) = await other.load("cdrs")
        assert cdr["cdr_token"]["party_id"] == "OTH"


async def test_one_of_two_that_is_invalid_does_not_make_the_other_ambiguous(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    async with registered(house, "FR", "OTH") as other:
        await emsp.push(UID)
        await other.push(UID, valid=False)

        assert await swipe(house) == "Accepted"
        assert (await house.call("GET", "tokens"))["ambiguous_uids"] == []


@pytest.mark.parametrize(
    ("status", "answer"), [("blocked", "Blocked"), ("expired", "Expired"), ("accepted", "Accepted")]
)
async def test_the_operators_own_word_comes_first(house: House, emsp: Platform, status: str, answer: str) -> None:
    await equip(house, "CS1")
    await emsp.push(UID)
    await house.call("PUT", f"tokens/{UID}", {"status": status})

    assert await swipe(house) == answer


async def test_the_cards_of_a_partner_that_left_are_refused(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID)
    await emsp.ask("DELETE", "credentials")

    assert await swipe(house) in ("Blocked", "Invalid")


async def test_a_partner_that_came_back_pushes_its_cards_again(house: House, emsp: Platform) -> None:
    """Its tokens were made invalid at the end; a push of the very same token must make it valid again."""
    await equip(house, "CS1")
    token = await emsp.push(UID, last_updated=at(-60))
    await emsp.ask("DELETE", "credentials")

    async with registered(house) as back:
        answer = await back.ask("PUT", back.token_path(UID), body=token)
        assert answer.status in (200, 201)

        assert await swipe(house) == "Accepted"


async def test_a_partner_that_was_only_invited_again_pushes_its_cards_again(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    token = await emsp.push(UID, last_updated=at(-60))
    await emsp.ask("DELETE", "credentials")
    invited = await house.call("POST", f"partners/{emsp.partner_id}/invitations")
    answer = await send("POST", emsp.url("credentials"), token=invited["token_a"], body=credentials_of(emsp.peer))
    back = Platform(house, emsp.peer, emsp.partner_id, answer.data["token"])

    assert (await back.ask("PUT", back.token_path(UID), body=token)).status in (200, 201)

    assert await swipe(house) == "Accepted"


async def test_a_start_with_a_refused_card_is_not_the_partners_session(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID, valid=False)
    async with charger(house) as plug:
        payload = {"connectorId": 1, "idTag": UID, "meterStart": 0, "timestamp": at(-5)}
        answer = await plug.call("StartTransaction", payload)

    assert answer["idTagInfo"]["status"] == "Blocked"
    assert await emsp.load("sessions?date_from=2020-01-01T00:00:00Z") == []
