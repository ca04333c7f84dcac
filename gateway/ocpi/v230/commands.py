"""Commands in OCPI 2.3.0 (mod_commands 13.3): the token is of its own version."""

from collections.abc import Mapping
from typing import Final

from gateway.domain.callbacks import CallbackKind
from gateway.ocpi.command_parts import ParseOrder
from gateway.ocpi.v221 import commands as v221
from gateway.ocpi.v230.tokens import parse_token

PARSERS: Final[Mapping[CallbackKind, ParseOrder]] = {
    **v221.PARSERS,
    CallbackKind.START_SESSION: v221.start_parser(parse_token),
    CallbackKind.RESERVE_NOW: v221.reserve_parser(parse_token),
}
