"""What the versions share of reading commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.domain.commands import Order
from gateway.domain.tokens import Token
from gateway.errors import WireError
from gateway.flows.tokens import TokenKey

ParseToken = Callable[[Any, TokenKey, str], Token]
ParseOrder = Callable[[Any, TokenKey, str], Order]


def parse_token_within(parse: ParseToken, data: Any, key: TokenKey, partner_id: str) -> Token:
    """The token of a command: what is wrong with it is told by its path there."""
    try:
        return parse(data, key, partner_id)
    except WireError as error:
        raise WireError(f"$.token{error.path.removeprefix('$')}", error.problem) from None
