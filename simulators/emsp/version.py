"""What differs between OCPI versions, as one record of plain functions per version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from simulators.emsp.findings import Problem
from simulators.emsp.state import Card, Desk, Key, Party, Store
from simulators.emsp.wire import JsonObject, format_datetime


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request of the CPO that has passed authentication. `segments` are the variable parts of the path."""

    method: str
    where: str
    module: str
    segments: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    credentials_token: str
    version: OcpiVersion


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers; the server puts the envelope and the headers around it."""

    data: Any = None
    has_data: bool = False
    http_status: int = 200
    status_code: int = 1000
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(data: Any, *, http_status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(data, has_data=True, http_status=http_status, headers=headers or {})


def done(*, created: bool = False, headers: Mapping[str, str] | None = None) -> Answer:
    # OCPI 2.2.1 5: 201 for a new object, 200 for one that was there.
    return Answer(http_status=201 if created else 200, headers=headers or {})


def failed(status_code: int, message: str, *, http_status: int = 200) -> Answer:
    return Answer(http_status=http_status, status_code=status_code, message=message)


Handler = Callable[[Desk, Inbound], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path below `/ocpi/<version>/`; `module` also names the endpoint."""

    method: str
    path: str
    module: str
    handler: Handler
    body: bool = False


class Succession(Protocol):
    def __call__(self, module: str, before: JsonObject, after: JsonObject, *, pushed: bool) -> Iterable[Problem]: ...


@dataclass(frozen=True, slots=True)
class OcpiVersion:
    """One version; a new one is a folder that ends in such a record, and a line in `versions.py`.

    `kinds` maps a module to the kind of object `judge` knows; `interfaces` are (module, role, path) of our own
    endpoints; `configuration` are the modules that are not routed.  `has_message_ids`: every message has ids in
    its headers; `has_routing`: messages name parties in headers;
    `has_roles`: endpoints name their role; `has_owners`: objects name theirs.  `render_token` makes of (parts of) our
    own token, which is kept in the shape of 2.2.1, what stands on the wire; `app_user_kind` is a driver's app's.
    `needs_patch_time`: every PATCH has its last_updated.
    """

    number: str
    encode_token: Callable[[str], str]
    decode_token: Callable[[str], str]
    kinds: Mapping[str, str]
    interfaces: tuple[tuple[str, str, str], ...]
    routes: tuple[Route, ...]
    configuration: frozenset[str]
    judge: Callable[[str, object], list[Problem]]
    is_well_formed: Callable[[str, object], bool]
    key_of: Callable[[str, JsonObject], Key]
    key_of_url: Callable[[Mapping[str, str]], Key]
    check_succession: Succession
    check_references: Callable[[Store], Iterable[tuple[str, Key, Problem]]]
    render_credentials: Callable[[Party, str, str], JsonObject]
    read_credentials: Callable[[JsonObject], Card]
    read_endpoints: Callable[[JsonObject], dict[tuple[str, str], str]]
    render_token: Callable[[JsonObject], JsonObject] = dict
    render_time: Callable[[datetime], str] = format_datetime
    app_user_kind: str = "APP_USER"
    has_number_reservations: bool = False
    needs_patch_time: bool = True
    has_message_ids: bool = True
    has_routing: bool = True
    has_roles: bool = True
    has_owners: bool = True

    def is_routed(self, module: str) -> bool:
        return self.has_routing and module not in self.configuration
