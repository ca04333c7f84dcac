"""What an OCPI version must offer: a name and plain functions, domain to dict and JSON to domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.cdrs import Cdr
from gateway.domain.locations import Connector, Evse, Location
from gateway.domain.money import Price
from gateway.domain.partners import Endpoint
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import LocationReferences, Token, TokenAnswer
from gateway.flows.registration import Credentials
from gateway.flows.tokens import TokenPatch

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One OCPI version.

    `parse_*` take decoded JSON and raise WireError; `render_*` give what `wire.dump_json` renders, and raise
    CannotSayError where the version has no truthful words for the object.
    """

    number: str
    modules: tuple[tuple[str, str], ...]
    """The modules served, with our interface role (SENDER or RECEIVER)."""

    parse_endpoints: Callable[[Any], Sequence[Endpoint]]
    parse_credentials: Callable[[Any], Credentials]
    render_credentials: Callable[[Credentials], Json]
    render_location: Callable[[Location], Json]
    render_evse: Callable[[Evse], Json]
    render_connector: Callable[[Connector], Json]
    render_session: Callable[[Session, Price | None], Json]
    """The session and its cost so far, None where nothing can be said."""

    render_cdr: Callable[[Cdr], Json]
    render_tariff: Callable[[Tariff], Json]
    parse_token: Callable[[Any, str], Token]
    """Body and the id of the partner that pushes it."""

    parse_token_patch: Callable[[Any], TokenPatch]
    render_token: Callable[[Token], Json]
    parse_authorization: Callable[[Any, str], TokenAnswer]
    """Data of an answer and the id of the partner that gave it."""

    render_location_references: Callable[[LocationReferences], Json]
    render_token_type: Callable[[str], str]
    """The version's word for one of our token types."""
