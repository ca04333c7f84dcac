"""Credentials, endpoints and keys of OCPI 2.2.1."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.emsp.state import Card, Key, Party
from simulators.emsp.wire import JsonObject


def render_credentials(party: Party, versions_url: str, token: str) -> JsonObject:
    # OCPI 2.2.1 7.3.1
    role = {
        "role": party.role,
        "business_details": {"name": party.name},
        "party_id": party.party_id,
        "country_code": party.country_code,
    }
    return {"token": token, "url": versions_url, "roles": [role]}


def read_credentials(raw: JsonObject) -> Card:
    """Read a credentials object that is known to be well-formed."""
    parties = tuple(
        Party(role["country_code"], role["party_id"], role["business_details"]["name"], role["role"])
        for role in raw["roles"]
    )
    return Card(raw["token"], raw["url"], parties)


def read_endpoints(raw: JsonObject) -> dict[tuple[str, str], str]:
    return {(endpoint["identifier"], endpoint["role"]): endpoint["url"] for endpoint in raw["endpoints"]}


def key_of_url(segments: Mapping[str, str]) -> Key:
    return (segments["country_code"].upper(), segments["party_id"].upper(), segments["id"].upper())


def key_of(module: str, item: JsonObject) -> Key:
    """What identifies an object: owner and id, for a token its type too (OCPI 2.2.1 12.3.2)."""
    owner = (item["country_code"].upper(), item["party_id"].upper())
    if module == "tokens":
        return (*owner, item["uid"].upper(), item["type"])
    return (*owner, item["id"].upper())
