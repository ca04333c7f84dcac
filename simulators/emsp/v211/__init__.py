"""OCPI 2.1.1, as an eMSP speaks and checks it: what it has otherwise than 2.2.1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from simulators.emsp.findings import Problem
from simulators.emsp.state import Desk, Key, Store
from simulators.emsp.v211 import cards, models
from simulators.emsp.v211.rules import check_cdr, check_location, check_references, check_session
from simulators.emsp.v221 import VERSION as V221
from simulators.emsp.v221 import credentials, parts, receivers, senders
from simulators.emsp.v221.common import Envelope
from simulators.emsp.v221.judge import Kinds, fits_as, judge_as
from simulators.emsp.v221.models import Version
from simulators.emsp.v221.rules import history
from simulators.emsp.version import Answer, Inbound, Route
from simulators.emsp.wire import JsonObject

KINDS: Kinds = {
    "envelope": (Envelope, None),
    "version": (Version, None),
    "version_details": (models.VersionDetails, None),
    "credentials": (models.Credentials, None),
    "location": (models.Location, check_location),
    "evse": (models.Evse, None),
    "connector": (models.Connector, None),
    "session": (models.Session, check_session),
    "cdr": (models.Cdr, check_cdr),
    "tariff": (models.Tariff, None),
    "token": (models.Token, None),
    "location_references": (models.LocationReferences, None),
    "command_response": (models.CommandResponse, None),
    "command_result": (models.CommandResponse, None),
}


async def authorize(desk: Desk, call: Inbound) -> Answer:
    """AuthorizationInfo has no token and no reference here (OCPI 2.1.1 mod_tokens 3.1)."""
    answer = await senders.authorize(desk, call)
    if not isinstance(answer.data, dict):
        return answer
    told = {name: value for name, value in answer.data.items() if name in ("allowed", "location", "info")}
    return replace(answer, data=told)


def _check_store(store: Store) -> Iterable[tuple[str, Key, Problem]]:
    return check_references(store)


def _check_succession(module: str, before: JsonObject, after: JsonObject, *, pushed: bool) -> Iterable[Problem]:
    """Times have whole seconds here: two changes may share one."""
    problems = history.check_succession(module, before, after, pushed=pushed)
    return [problem for problem in problems if problem.rule is not history.LAST_UPDATED]


VERSION = replace(
    V221,
    number="2.1.1",
    encode_token=str,
    decode_token=str,
    interfaces=(
        ("credentials", "SENDER", "credentials"),
        ("tokens", "SENDER", "tokens"),
        ("commands", "SENDER", "commands"),
        ("locations", "RECEIVER", "locations"),
        ("sessions", "RECEIVER", "sessions"),
        ("cdrs", "RECEIVER", "cdrs"),
        ("tariffs", "RECEIVER", "tariffs"),
    ),
    routes=(
        *credentials.ROUTES,
        *(route for route in receivers.ROUTES if (route.module, route.method) != ("sessions", "PATCH")),
        # A PATCH replaces what it names, periods too, and tariffs have one (OCPI 2.1.1 mod_tariffs 2.2.3).
        Route("PATCH", f"sessions/{receivers.OWNED}", "sessions", receivers.patch_object, body=True),
        Route("PATCH", f"tariffs/{receivers.OWNED}", "tariffs", receivers.patch_object, body=True),
        *parts.ROUTES,
        Route("GET", "tokens", "tokens", senders.list_tokens),
        Route("POST", "tokens/{uid}/authorize", "tokens", authorize, body=True),
        Route("POST", "commands/{command}/{asked_id}", "commands", senders.take_result, body=True),
    ),
    judge=partial(judge_as, KINDS),
    is_well_formed=partial(fits_as, KINDS),
    key_of=cards.key_of,
    key_of_url=cards.key_of_url,
    check_succession=_check_succession,
    check_references=_check_store,
    render_credentials=cards.render_credentials,
    read_credentials=cards.read_credentials,
    read_endpoints=cards.read_endpoints,
    render_token=cards.render_token,
    render_time=cards.render_time,
    app_user_kind="OTHER",
    has_number_reservations=True,
    needs_patch_time=False,
    has_message_ids=False,
    has_routing=False,
    has_roles=False,
    has_owners=False,
)
