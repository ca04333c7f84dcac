"""Credentials, endpoints, keys and tokens of OCPI 2.1.1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from simulators.emsp.state import Card, Key, Party
from simulators.emsp.wire import JsonObject, parse_datetime

TOKEN_FIELDS = (
    "uid",
    "type",
    "auth_id",
    "visual_number",
    "issuer",
    "valid",
    "whitelist",
    "language",
    "last_updated",
)
# What a CPO's platform receives; it sends the rest.
RECEIVED_BY_CPO = frozenset({"tokens", "commands"})


def render_credentials(party: Party, versions_url: str, token: str) -> JsonObject:
    # OCPI 2.1.1 credentials 2.1
    return {
        "token": token,
        "url": versions_url,
        "business_details": {"name": party.name},
        "party_id": party.party_id,
        "country_code": party.country_code,
    }


def read_credentials(raw: JsonObject) -> Card:
    """Read a credentials object that is known to be well-formed; its one party is the CPO."""
    party = Party(raw["country_code"], raw["party_id"], raw["business_details"]["name"], "CPO")
    return Card(raw["token"], raw["url"], (party,))


def read_endpoints(raw: JsonObject) -> dict[tuple[str, str], str]:
    """Endpoints have no role; a CPO has one interface of each module."""
    return {
        (one["identifier"], "RECEIVER" if one["identifier"] in RECEIVED_BY_CPO else "SENDER"): one["url"]
        for one in raw["endpoints"]
    }


def key_of(module: str, item: JsonObject) -> Key:
    """What identifies an object: its id, for it names no owner; our own tokens are kept as in later versions."""
    if module == "tokens":
        return (item["country_code"].upper(), item["party_id"].upper(), item["uid"].upper(), item["type"])
    return ("", "", item["id"].upper())


def key_of_url(segments: Mapping[str, str]) -> Key:
    return ("", "", segments["id"].upper())


def render_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def render_token(token: JsonObject) -> JsonObject:
    """(Parts of) a token of ours as it stands on the wire.

    The contract is `auth_id`, the owner stands in the URL, times have no fractions.
    """
    named = {"auth_id" if name == "contract_id" else name: value for name, value in token.items()}
    if "last_updated" in named:
        named["last_updated"] = render_time(parse_datetime(named["last_updated"]))
    return {name: named[name] for name in TOKEN_FIELDS if name in named}
