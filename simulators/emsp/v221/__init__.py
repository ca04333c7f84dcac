"""OCPI 2.2.1, as an eMSP speaks and checks it."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.emsp.findings import Problem
from simulators.emsp.state import Key, Store
from simulators.emsp.v221 import cards, credentials, parts, receivers, senders
from simulators.emsp.v221.judge import is_well_formed, judge
from simulators.emsp.v221.rules.history import check_succession
from simulators.emsp.v221.rules.references import Known, check_references
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import decode_base64_token, encode_base64_token


def _check_store(store: Store) -> Iterator[tuple[str, Key, Problem]]:
    given = {
        module: store.objects(module) for module in ("locations", "sessions", "cdrs", "tariffs") if module in store.seen
    }
    return check_references(Known(tokens=store.objects("tokens"), complete=frozenset(store.complete), **given))


VERSION = OcpiVersion(
    number="2.2.1",
    encode_token=encode_base64_token,
    decode_token=decode_base64_token,
    kinds=receivers.KINDS,
    interfaces=(
        ("credentials", "SENDER", "credentials"),
        ("locations", "RECEIVER", "locations"),
        ("sessions", "RECEIVER", "sessions"),
        ("cdrs", "RECEIVER", "cdrs"),
        ("tariffs", "RECEIVER", "tariffs"),
        ("tokens", "SENDER", "tokens"),
        ("commands", "SENDER", "commands"),
        ("chargingprofiles", "SENDER", "chargingprofiles"),
    ),
    routes=(*credentials.ROUTES, *receivers.ROUTES, *parts.ROUTES, *senders.ROUTES),
    configuration=frozenset({"versions", "credentials", "hubclientinfo"}),
    judge=judge,
    is_well_formed=is_well_formed,
    key_of=cards.key_of,
    key_of_url=cards.key_of_url,
    check_succession=check_succession,
    check_references=_check_store,
    render_credentials=cards.render_credentials,
    read_credentials=cards.read_credentials,
    read_endpoints=cards.read_endpoints,
)
