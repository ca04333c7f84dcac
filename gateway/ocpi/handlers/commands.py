"""Commands, the receiver's interface (OCPI 2.2.1 mod_commands 13.2.1)."""

from gateway.domain.callbacks import COMMANDS, CallbackKind
from gateway.domain.commands import Asked, CommandAnswer
from gateway.domain.ids import PartyId
from gateway.errors import WireError
from gateway.flows.tokens import TokenKey
from gateway.ocpi.envelope import SUCCESS, UNKNOWN_LOCATION, Reply
from gateway.ocpi.exchange import Exchange

NOT_SUPPORTED = "NOT_SUPPORTED"


async def post_command(exchange: Exchange) -> Reply:
    """A command that the version does not have, or we do not know, is not supported."""
    word = exchange.path["command"].upper()
    kind = CallbackKind(word) if word in COMMANDS else None
    parse = None if kind is None else exchange.version.command_parsers.get(kind)
    if kind is None or parse is None:
        return _reply(exchange, CommandAnswer(result=NOT_SUPPORTED, timeout_s=0, message=f"no command {word[:36]}"))
    key = TokenKey(party=_party_of(exchange), uid="")
    order = parse(await exchange.read_json(), key, exchange.partner.id)
    asked = Asked(
        partner=exchange.viewer,
        version=exchange.version.number,
        kind=kind,
        sender=exchange.route.sender,
        receiver=exchange.party,
        correlation_id=exchange.correlation_id,
    )
    return _reply(exchange, await exchange.edge.commands.order(asked, order))


def _party_of(exchange: Exchange) -> PartyId:
    """Whose a token is in a version that does not tell."""
    roles = sorted(exchange.partner.roles, key=lambda role: role.role != "EMSP")
    if not roles:
        raise WireError("$", "your credentials name no party: send them again")
    return roles[0].party


def _reply(exchange: Exchange, answer: CommandAnswer) -> Reply:
    """Of an unknown location a command is refused with OCPI's own code, yet with its data.

    OCPI 2.2.1 status_codes 5.2
    """
    rendered = exchange.version.render_command_response(answer.result, answer.timeout_s, answer.message)
    return Reply(
        data=exchange.dump(rendered),
        status_code=SUCCESS if answer.is_location_known else UNKNOWN_LOCATION,
        message=None if answer.is_location_known else answer.message,
    )
