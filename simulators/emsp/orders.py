"""What the command line may order at the CPO: commands, charging profiles, preferences, and their results told."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from simulators.emsp.commands import SentCommand
from simulators.emsp.emsp import Emsp
from simulators.emsp.errors import EmspError
from simulators.emsp.state import AuthorizeAnswer
from simulators.emsp.wire import shorten

RESERVED_FOR = timedelta(minutes=30)
PLACE_NAMES = ("location_id", "evse_uid", "connector_id")

Order = Callable[[Emsp, argparse.Namespace], Awaitable[SentCommand | None]]


def add_orders(parser: argparse.ArgumentParser) -> None:
    """Add the options; each may be given more than once."""
    group = parser.add_argument_group("orders, after the tokens, each with its result awaited")

    def add(flag: str, metavar: str, what: str, order: Callable[[str], Order]) -> None:
        group.add_argument(flag, type=order, action="append", default=[], dest="orders", metavar=metavar, help=what)

    add("--start", "UID[@LOCATION[/EVSE[/CONNECTOR]]]", "START_SESSION; without a place at the first location", _start)
    add("--stop", "SESSION", "STOP_SESSION", _by_id(Emsp.stop_session))
    add("--reserve", "UID@LOCATION[/EVSE]", "RESERVE_NOW for 30 minutes, as --reservation", _reserve)
    group.add_argument("--reservation", metavar="ID", help="the reservation's id (default: a new one; 2.1.1: a number)")
    add("--cancel-reservation", "ID", "CANCEL_RESERVATION", _by_id(Emsp.cancel_reservation))
    add("--unlock", "LOCATION/EVSE/CONNECTOR", "UNLOCK_CONNECTOR", _unlock)
    add("--set-profile", "SESSION=LIMIT[A|W]", "limit a session to amperes or watts", _set_profile)
    add("--get-profile", "SESSION", "ask for the active charging profile", _by_id(Emsp.get_profile))
    add("--clear-profile", "SESSION", "clear the charging profile", _by_id(Emsp.clear_profile))
    add("--preferences", "SESSION=PROFILE_TYPE", "set charging preferences, such as S1=FAST", _preferences)


async def follow(emsp: Emsp, args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Carry out the orders one by one."""
    for order in args.orders:
        sent = await order(emsp, args)
        if sent is None or not sent.is_accepted:
            continue
        result = await sent.result()
        told = "did not come" if result is None else shorten(result)
        say(f"result of {sent.command}: {told}")


def parse_script(text: str) -> tuple[str, list[AuthorizeAnswer]]:
    """UID=ANSWER[,ANSWER…]: each an AllowedType, or the number of an OCPI status that refuses."""
    uid, _, words = text.partition("=")
    if not uid or not words:
        raise argparse.ArgumentTypeError(f"{text!r} is no script: write UID=NO_CREDIT,ALLOWED")
    return uid, [
        AuthorizeAnswer(status_code=int(word)) if word.isdigit() else AuthorizeAnswer(word.upper())
        for word in words.split(",")
    ]


def parse_place(text: str) -> tuple[str, ...]:
    place = tuple(text.split("/"))
    if len(place) > len(PLACE_NAMES) or not all(place):
        raise argparse.ArgumentTypeError(f"{text!r} is no place: write LOCATION[/EVSE[/CONNECTOR]]")
    return place


def _start(text: str) -> Order:
    uid, _, where = text.partition("@")
    place = parse_place(where) if where else ()

    async def order(emsp: Emsp, _args: argparse.Namespace) -> SentCommand:
        named = dict(zip(PLACE_NAMES, place or (await _first_location(emsp),), strict=False))
        return await emsp.start_session(uid, **named)

    return order


async def _first_location(emsp: Emsp) -> str:
    for location in await emsp.pull("locations"):
        return str(location["id"])
    raise EmspError("the CPO has no location", "--start", "Name the place: UID@LOCATION/EVSE.")


def _reserve(text: str) -> Order:
    uid, _, where = text.partition("@")
    place = dict(zip(PLACE_NAMES, parse_place(where), strict=False))

    async def order(emsp: Emsp, args: argparse.Namespace) -> SentCommand:
        # A number that 2.1.1 takes too.
        reservation_id = args.reservation or str(uuid4().int % 1_000_000_000)
        return await emsp.reserve(uid, reservation_id=reservation_id, expiry=emsp.now() + RESERVED_FOR, **place)

    return order


def _unlock(text: str) -> Order:
    place = parse_place(text)
    if len(place) != len(PLACE_NAMES):
        raise argparse.ArgumentTypeError(f"{text!r} names no connector: write LOCATION/EVSE/CONNECTOR")

    async def order(emsp: Emsp, _args: argparse.Namespace) -> SentCommand:
        return await emsp.unlock(*place)

    return order


def _by_id(send: Callable[[Emsp, str], Awaitable[SentCommand]]) -> Callable[[str], Order]:
    def order_for(one: str) -> Order:
        async def order(emsp: Emsp, _args: argparse.Namespace) -> SentCommand:
            return await send(emsp, one)

        return order

    return order_for


def _set_profile(text: str) -> Order:
    session_id, _, limit = text.partition("=")
    unit = limit[-1:].upper() if limit[-1:].isalpha() else "A"
    try:
        value = float(limit.rstrip("AWaw"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} has no limit: write SESSION=16A or SESSION=7400W") from None
    profile: dict[str, Any] = {
        "charging_rate_unit": unit,
        "charging_profile_period": [{"start_period": 0, "limit": value}],
    }

    async def order(emsp: Emsp, _args: argparse.Namespace) -> SentCommand:
        return await emsp.set_profile(session_id, profile)

    return order


def _preferences(text: str) -> Order:
    session_id, _, kind = text.partition("=")

    async def order(emsp: Emsp, _args: argparse.Namespace) -> None:
        await emsp.set_preferences(session_id, {"profile_type": kind.upper()})

    return order
