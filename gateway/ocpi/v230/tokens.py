"""Tokens in OCPI 2.3.0 (mod_tokens 12.4): the types are an OpenEnum, with EMAID among them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from gateway.ocpi.v221 import tokens as v221

TokenTypeWord = Annotated[str, Field(pattern=r"^[A-Z0-9_]{1,36}$")]


class TokenBody(v221.TokenBody):
    type: TokenTypeWord


class TokenPatchBody(v221.TokenPatchBody):
    type: TokenTypeWord | None = None


parse_token = partial(v221.parse_token, model=TokenBody)
parse_token_patch = partial(v221.parse_token_patch, model=TokenPatchBody)
parse_authorization = partial(v221.parse_authorization, model=TokenBody)


def render_token_type(type_: str) -> str:
    """Every type has its word here.  OCPI 2.3.0 mod_tokens 12.4.4"""
    return type_
