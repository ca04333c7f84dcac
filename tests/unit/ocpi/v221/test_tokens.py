from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gateway.domain.tokens import Whitelist
from gateway.errors import WireError
from gateway.flows.tokens import token_key
from gateway.ocpi import wire
from gateway.ocpi.v221.tokens import parse_token, parse_token_patch, render_token
from tests.contract_schemas import assert_valid

FULL = {
    "country_code": "de",
    "party_id": "emp",
    "uid": "04A2B3C4D5E6F7",
    "type": "RFID",
    "contract_id": "DE-EMP-C12345678-X",
    "visual_number": "EMP 0001",
    "issuer": "Emobility Provider",
    "group_id": "FAMILY-7",
    "valid": True,
    "whitelist": "ALLOWED_OFFLINE",
    "language": "de",
    "default_profile_type": "GREEN",
    "energy_contract": {"supplier_name": "Windpark", "contract_id": "W-1"},
    "last_updated": "2026-03-01T09:00:00Z",
}
REQUIRED = {
    name: FULL[name]
    for name in (
        "country_code", "party_id", "uid", "type", "contract_id", "issuer", "valid", "whitelist", "last_updated",
    )
}  # fmt: skip

KEY = token_key("DE", "EMP", "04A2B3C4D5E6F7")


def test_a_token_comes_back_as_it_was_pushed_with_its_party_in_capitals() -> None:
    body = orjson.loads(wire.dump_json(render_token(parse_token(FULL, KEY, "P1"))))

    assert body == FULL | {"country_code": "DE", "party_id": "EMP"}
    assert_valid("token", body)


def test_a_token_with_nothing_optional_is_enough() -> None:
    token = parse_token(REQUIRED | {"some_later_field": 1, "group_id": None}, KEY, "P1")

    assert (token.partner_id, token.whitelist, token.group_id) == ("P1", Whitelist.ALLOWED_OFFLINE, None)
    assert token.last_updated == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert_valid("token", render_token(token))


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_every_required_member_is_required_by_name(name: str) -> None:
    with pytest.raises(WireError) as error:
        parse_token({key: value for key, value in REQUIRED.items() if key != name}, KEY, "P1")

    assert error.value.path == f"$.{name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country_code", "DEU"),
        ("party_id", "EM"),
        ("uid", "u" * 37),
        ("uid", ""),
        ("uid", "käse"),
        ("uid", "line\nfeed"),
        ("uid", 12345),
        ("type", "NFC"),
        ("type", "EMAID"),
        ("contract_id", "c" * 37),
        ("issuer", "i" * 65),
        ("valid", "true"),
        ("valid", 1),
        ("whitelist", "SOMETIMES"),
        ("last_updated", "today"),
        ("last_updated", 1767225600),
        ("group_id", "g" * 37),
        ("energy_contract", {}),
    ],
)
def test_a_member_that_breaks_the_specification_is_named(name: str, value: Any) -> None:
    with pytest.raises(WireError) as error:
        parse_token(FULL | {name: value}, KEY, "P1")

    assert error.value.path.startswith(f"$.{name}")


@pytest.mark.parametrize("body", [[], "token", 1, None])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(WireError):
        parse_token(body, KEY, "P1")


@pytest.mark.parametrize(("sent", "kept"), [("en-GB", "en"), ("DE", "de"), ("german", None), (7, None)])
def test_a_locale_counts_as_its_language_and_nonsense_as_none(sent: Any, kept: str | None) -> None:
    assert parse_token(FULL | {"language": sent}, KEY, "P1").language == kept


def test_a_patch_changes_only_what_it_names() -> None:
    patch = parse_token_patch({"valid": False, "group_id": None, "last_updated": "2026-03-01T10:00:00Z"})

    assert (patch.changes, patch.identity) == ({"valid": False}, {})
    assert patch.last_updated == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_a_patch_may_repeat_the_identity() -> None:
    patch = parse_token_patch({"uid": "04A2", "type": "RFID", "last_updated": "2026-03-01T10:00:00Z"})

    assert (patch.changes, patch.identity) == ({}, {"uid": "04A2", "type": "RFID"})


def test_a_patch_needs_last_updated() -> None:
    with pytest.raises(WireError) as error:
        parse_token_patch({"valid": False})

    assert error.value.path == "$.last_updated"
