"""`simulator emsp` from the shell's side: what it prints and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from simulators.emsp import cli
from tests.unit.simulators.emsp.fake_cpo import FakeCpo, encoded, running
from tests.unit.simulators.emsp.objects import CDR, CDR_TOKEN, SESSION, TOKEN_A, Json, without

PULL_ALL = ("--push-token", CDR_TOKEN["uid"], "--contract-id", CDR_TOKEN["contract_id"], "--pull")


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers())
    return parser.parse_args(["emsp", *words])


async def run_with(cpo: FakeCpo, *words: str) -> int:
    """Run the command in a thread with its own loop, as the shell does, beside the CPO in ours."""
    cpo.stray = cpo.stray or _now
    args = parse("--versions-url", cpo.versions_url, "--token", TOKEN_A, *words)
    return await asyncio.to_thread(args.func, args)


def _now(module: str, headers: dict[str, str], envelope: Json) -> None:
    """The command has no other clock than the wall's."""
    envelope["timestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def drive() -> Callable[[Callable[[FakeCpo], Awaitable[int]]], int]:
    def drive(play: Callable[[FakeCpo], Awaitable[int]]) -> int:
        async def main() -> int:
            async with running(FakeCpo()) as cpo:
                return await play(cpo)

        return asyncio.run(main())

    return drive


def test_a_good_cpo_ends_with_0_and_a_story(drive: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert drive(lambda cpo: run_with(cpo, *PULL_ALL, "--probe", "--rotate", "--unregister")) == cli.OK

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "registered with CPO NL*GWY (Gateway), version 2.2.1"
    assert "pulled 1 cdrs on 1 page" in lines
    assert "  CDR C1: 7.25 kWh in 75.0 min, 3.175 EUR excl. VAT (3.8418 incl.), at NL*GWY*E0001, token …C3D4" in lines
    assert lines[-1].endswith(": all checks held")


def test_a_broken_rule_ends_with_1_and_says_which(drive: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def play(cpo: FakeCpo) -> int:
        cpo.objects["cdrs"] = [{**CDR, "total_energy": 8}]
        cpo.objects["sessions"] = [without(SESSION, "currency")]
        return await run_with(cpo, *PULL_ALL)

    assert drive(play) == cli.CHECKS_FAILED

    told = capsys.readouterr().out
    assert "violation cdr.energy_adds_up" in told
    assert "$.data[0].currency" in told
    assert "violations" in told.splitlines()[-1]


def test_json_tells_the_same_to_a_program(drive: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert drive(lambda cpo: run_with(cpo, *PULL_ALL, "--json")) == cli.OK

    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["cpo"], report["version"]) == (True, "NL*GWY", "2.2.1")
    assert report["objects"]["cdrs"][0]["total_energy"] == 7.25
    assert report["findings"] == []


def test_a_refused_token_ends_with_2_and_advice(drive: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def play(cpo: FakeCpo) -> int:
        cpo.valid = set()
        return await run_with(cpo)

    assert drive(play) == cli.CANNOT_GO_ON
    assert "token A works for one registration only" in capsys.readouterr().err


def test_a_cpo_that_registers_with_us_is_pulled(
    drive: Any, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    async def play(cpo: FakeCpo) -> int:
        cpo.stray = _now
        listen = f"127.0.0.1:{unused_tcp_port}"
        args = parse("--give-token-a", "for-the-cpo", "--listen", listen, "--module", "tariffs", "--timeout", "20")
        command = asyncio.create_task(asyncio.to_thread(args.func, args))
        await _register_when_up(cpo, f"http://{listen}/ocpi/2.2.1/credentials")
        return await command

    assert drive(play) == cli.OK
    assert "CPO NL*GWY (Gateway) registered with us, version 2.2.1" in capsys.readouterr().out


async def _register_when_up(cpo: FakeCpo, url: str) -> None:

    cpo.valid = {"token-of-the-cpo"}
    async with asyncio.timeout(20):
        while True:
            try:
                await cpo.call(
                    "POST", url, cpo.credentials("token-of-the-cpo"), headers={"Authorization": encoded("for-the-cpo")}
                )
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)
            else:
                return


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--versions-url and --token"),
        (("--give-token-a", "x", "--token", "y"), "leave out"),
        (("--versions-url", "nonsense", "--token", "x"), "not an absolute http"),
        (("--versions-url", "http://127.0.0.1:1/v", "--token", "x"), "Is the CPO running"),
        (("--versions-url", "http://127.0.0.1:1/v", "--token", "x", "--listen", "x"), "host:port"),
        (("--give-token-a", "x", "--timeout", "0"), "no CPO has registered with us within 0 s"),
    ],
)
def test_what_cannot_go_on_ends_with_2(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    args = parse(*words)

    assert args.func(args) == cli.CANNOT_GO_ON
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--party", "NLEMS"), ("--date-from", "yesterday"), ("--module", "tokens")])
def test_a_wrong_argument_is_explained(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*words)

    assert caught.value.code == cli.CANNOT_GO_ON
    assert words[1] in capsys.readouterr().err


@pytest.mark.parametrize("text", ["NL/EMS", "nl*ems", "NL-EMS"])
def test_a_party_may_be_written_in_several_ways(text: str) -> None:
    assert parse("--party", text).party == ("NL", "EMS")
