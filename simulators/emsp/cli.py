"""`simulator emsp`: an eMSP from the command line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import get_args

from simulators.emsp.check.story import as_json, tell_report
from simulators.emsp.emsp import MODULES, Emsp
from simulators.emsp.errors import EmspError
from simulators.emsp.faults import Fault, parse_fault
from simulators.emsp.orders import add_orders, follow, parse_place, parse_script
from simulators.emsp.story import as_report, tell_cdrs, tell_findings, tell_summary
from simulators.emsp.v221.enums import WhitelistType
from simulators.emsp.versions import VERSIONS
from simulators.emsp.wire import parse_datetime, render_json
from simulators.terminal import tell_line

OK, CHECKS_FAILED, CANNOT_GO_ON = 0, 1, 2

_EPILOG = """\
examples:
  simulator emsp --versions-url http://localhost:9001/ocpi/versions --token TOKEN_A --push-token 04A1B2C3 --pull
  simulator emsp --give-token-a SECRET --listen 0.0.0.0:9100 --public-url http://emsp.example:9100 --pull
  simulator emsp --versions-url … --token TOKEN_A --start 04A1B2C3@LOC1/EVSE1 --wait 60 --pull
  simulator emsp --versions-url … --token TOKEN_A --fault slow=5:sessions:3 --fault 500:cdrs --wait 0
  simulator emsp check --versions-url http://localhost:9001/ocpi/versions --token TOKEN_A

exit code: 0 all checks held, 1 a check failed, 2 wrong usage or no connection
"""
_CHECK_EPILOG = """\
MUST rules that do not hold fail, SHOULD rules warn. A rule that cannot be told of is skipped, with the reason.

exit code: 0 no rule failed, 1 a rule failed, 2 wrong usage, no connection, or nobody to check
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `emsp`; it sets `func(args) -> int`."""
    parser = subparsers.add_parser(
        "emsp",
        help="an eMSP that registers at a CPO, pushes tokens, pulls every module and checks what it gets",
        description="An OCPI eMSP: it registers at a CPO, pushes tokens, pulls every module and checks what it gets.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_connection(parser)
    _add_actions(parser)
    add_orders(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    parser.set_defaults(func=run)
    _add_check(parser.add_subparsers(title="or instead", dest="emsp_action", metavar="check"))


def _add_check(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check any CPO's OCPI server, rule by rule",
        description="Hold a CPO's OCPI server against the specification, rule by rule. It registers, asks, pushes "
        "tokens (made invalid at the end), and ends the registration; without --connector nothing moves at a charger.",
        epilog=_CHECK_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_connection(parser)
    parser.add_argument(
        "--connector",
        type=parse_place,
        default=(),
        metavar="LOCATION/EVSE/CONNECTOR",
        help="a connector where START_SESSION may be tried for real; the session stays",
    )
    parser.add_argument("--push-token", nargs="+", action="extend", default=[], metavar="UID", help="push RFID tokens")
    parser.add_argument(
        "--wait",
        type=float,
        default=0,
        metavar="S",
        help="seconds to wait once registered, to charge with these tokens",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.set_defaults(func=run_check)


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument("--versions-url", metavar="URL", help="the CPO's versions URL")
    group.add_argument("--token", metavar="TOKEN_A", help="the token A that the CPO gave us to register with")
    group.add_argument("--give-token-a", metavar="TOKEN_A", help="let the CPO register with us, with this token A")
    group.add_argument("--version", choices=list(VERSIONS), default="2.2.1", help="OCPI version (default 2.2.1)")
    group.add_argument(
        "--party", type=_party, default=("NL", "EMS"), metavar="CC/PID", help="who we are (default NL/EMS)"
    )
    group.add_argument("--name", default="Simulated eMSP", help="our business name")
    group.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where our server listens")
    group.add_argument("--public-url", metavar="URL", help="where the CPO reaches it, if elsewhere")
    group.add_argument("--timeout", type=float, default=30, metavar="S", help="seconds for an answer (default 30)")


def _add_actions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("actions, in this order")
    group.add_argument("--push-token", nargs="+", action="extend", default=[], metavar="UID", help="push RFID tokens")
    group.add_argument("--contract-id", metavar="ID", help="contract id of the pushed tokens (default: one per uid)")
    group.add_argument(
        "--whitelist", choices=get_args(WhitelistType), default="ALLOWED", help="their white-listing (default ALLOWED)"
    )
    group.add_argument("--probe", action="store_true", help="send faulty requests and see them refused")
    group.add_argument("--rotate", action="store_true", help="exchange new credentials tokens")
    group.add_argument(
        "--authorize",
        type=parse_script,
        action="append",
        default=[],
        metavar="UID=ANSWER[,…]",
        help="answers of real-time authorisation in turn: ALLOWED, BLOCKED, EXPIRED, NO_CREDIT, NOT_ALLOWED or 2002",
    )
    group.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND[=VALUE][:MODULE][:COUNT]",
        help="play a fault on the CPO's next requests: slow=S, 500, 429=S (Retry-After), 401, ocpi=3000, wrong-json, "
        "lost-answer, duplicate-answer, duplicate; refused=S refuses connections for S seconds",
    )
    group.add_argument("--wait", type=float, metavar="S", help="take pushes for S seconds (0: until Ctrl-C)")
    group.add_argument("--pull", action="store_true", help="pull all modules and check them")
    group.add_argument(
        "--module", choices=MODULES, action="append", default=[], help="pull only this module (may be repeated)"
    )
    group.add_argument("--date-from", type=_moment, metavar="TIME", help="only what was updated from then on")
    group.add_argument("--date-to", type=_moment, metavar="TIME", help="only what was updated before then")
    group.add_argument("--limit", type=int, metavar="N", help="objects per page to ask for")
    group.add_argument("--unregister", action="store_true", help="end the registration at last")


def run(args: argparse.Namespace) -> int:
    """Run the actions; the exit code is as the help says."""
    problem = _usage_problem(args)
    if problem is not None:
        print(f"simulator emsp: {problem}", file=sys.stderr)
        return CANNOT_GO_ON
    try:
        return asyncio.run(_run(args))
    except EmspError as error:
        print(f"simulator emsp: {error}", file=sys.stderr)
        return CANNOT_GO_ON
    except KeyboardInterrupt:
        return CANNOT_GO_ON


def run_check(args: argparse.Namespace) -> int:
    """Check a CPO's server; the exit code is as the help says."""
    problem = _usage_problem(args)
    if problem is None and args.give_token_a:
        problem = "a check registers itself: give --versions-url and --token instead of --give-token-a"
    if problem is not None:
        print(f"simulator emsp check: {problem}", file=sys.stderr)
        return CANNOT_GO_ON
    try:
        return asyncio.run(_check(args))
    except EmspError as error:
        print(f"simulator emsp check: {error}", file=sys.stderr)
        return CANNOT_GO_ON
    except KeyboardInterrupt:
        return CANNOT_GO_ON


async def _check(args: argparse.Namespace) -> int:
    async with _emsp_of(args, story=_silent) as emsp:

        async def prepare() -> None:
            for uid in args.push_token:
                await emsp.push_token(uid)
            await asyncio.sleep(args.wait)

        report = await emsp.check(args.connector, prepare)
    if args.json:
        tell_line(render_json(as_json(report)).decode())
    else:
        for line in tell_report(report):
            tell_line(line)
    return OK if report.is_passed else CHECKS_FAILED


def _emsp_of(args: argparse.Namespace, story: Callable[[str], None]) -> Emsp:
    country_code, party_id = args.party
    return Emsp(
        versions_url=args.versions_url,
        token_a=args.token,
        give_token_a=args.give_token_a,
        country_code=country_code,
        party_id=party_id,
        name=args.name,
        version=args.version,
        listen=args.listen,
        public_url=args.public_url,
        timeout_s=args.timeout,
        story=story,
    )


async def _run(args: argparse.Namespace) -> int:
    emsp = _emsp_of(args, _silent if args.json else tell_line)
    try:
        async with emsp:
            await _act(emsp, args)
    except EmspError:
        # What was found on the way often says why.
        _conclude(emsp, args)
        raise
    return _conclude(emsp, args)


async def _act(emsp: Emsp, args: argparse.Namespace) -> None:
    if args.give_token_a:
        if not args.json:
            tell_line(f"waiting for a CPO to register at {emsp.versions_url}")
        await emsp.wait_until_registered(args.timeout)
    else:
        await emsp.register()
    for uid in args.push_token:
        await emsp.push_token(uid, contract_id=args.contract_id, whitelist=args.whitelist)
        await emsp.get_token(uid)
    for uid, answers in args.authorize:
        emsp.authorizations.answer(uid, *answers)
    if args.probe:
        await emsp.probe()
    if args.rotate:
        await emsp.rotate()
    await follow(emsp, args, _silent if args.json else tell_line)
    await _play_faults(emsp, args)
    if args.wait is not None:
        await _wait(emsp, args)
    for module in args.module or (MODULES if args.pull else ()):
        await emsp.pull(module, date_from=args.date_from, date_to=args.date_to, limit=args.limit)
    emsp.check_references()
    if args.unregister:
        await emsp.unregister()


async def _play_faults(emsp: Emsp, args: argparse.Namespace) -> None:
    for fault in args.fault:
        if isinstance(fault, float):
            async with emsp.refusing_connections():
                await asyncio.sleep(fault)
        else:
            emsp.faults.add(fault[0], times=fault[1])


async def _wait(emsp: Emsp, args: argparse.Namespace) -> None:
    if not args.json:
        tell_line(
            f"taking pushes at {emsp.versions_url}" + (" until Ctrl-C" if args.wait == 0 else f" for {args.wait:g} s")
        )
    with suppress(asyncio.CancelledError, TimeoutError):
        async with asyncio.timeout(args.wait or None):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        task.uncancel()


def _conclude(emsp: Emsp, args: argparse.Namespace) -> int:
    if args.json:
        tell_line(render_json(as_report(emsp)).decode())
    else:
        for line in (*tell_cdrs(emsp.store.cdrs), *tell_findings(list(emsp.findings)), tell_summary(emsp)):
            tell_line(line)
    return CHECKS_FAILED if emsp.violations else OK


def _usage_problem(args: argparse.Namespace) -> str | None:
    if args.give_token_a and (args.versions_url or args.token):
        return "--give-token-a is for a CPO that registers with us: leave out --versions-url and --token"
    if not args.give_token_a and not (args.versions_url and args.token):
        return "give --versions-url and --token as the CPO handed them out, or --give-token-a"
    return None


def _party(text: str) -> tuple[str, str]:
    country_code, _, party_id = text.replace("*", "/").replace("-", "/").partition("/")
    if not (len(country_code) == 2 and country_code.isalpha() and len(party_id) == 3 and party_id.isalnum()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a party: write country code and party id, such as NL/EMS")
    return country_code.upper(), party_id.upper()


def _fault(text: str) -> tuple[Fault, int] | float:
    """A fault to play, or the seconds in which connections are refused."""
    kind, _, seconds = text.partition("=")
    try:
        return float(seconds or 5) if kind == "refused" else parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write it as slow=5:sessions:3, 500:cdrs or wrong-json") from None


def _moment(text: str) -> datetime:
    try:
        return parse_datetime(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31T12:00:00Z") from None


def _silent(_line: str) -> None:
    return None
