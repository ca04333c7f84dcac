"""`simulator charger` as a technician meets it."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme

from simulators.charger import Charger, ConnectError
from simulators.cli import main
from tests.unit.simulators.charger.central import central

URL = "ws://127.0.0.1:1/ocpp"


def call(*arguments: str) -> int:
    return main(["charger", *arguments])


async def run(url: str, *arguments: str) -> int:
    return await asyncio.to_thread(call, "--url", url, "--id", "CS 1", *arguments)


async def test_a_scenario_is_told_in_lines_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with central("1.6") as system:
        code = await run(system.url, "--scenario", "16-simple", "--speed", "max")

    out = capsys.readouterr().out
    assert code == 0
    assert "transaction started" in out
    assert "kwh=5.500" in out
    assert "cost_incl_vat=2.85" in out
    assert out.endswith("every step and expectation held\n")


async def test_json_lines_and_frames_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    async with central("2.0.1") as system:
        code = await run(system.url, "--scenario", "201-simple", "--speed", "0", "--json", "--trace")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert {"title", "step", "frame", "session", "good"} <= {line["kind"] for line in lines}
    assert any("TransactionEvent" in line["frame"] for line in lines if line["kind"] == "frame")


async def test_time_is_paced_by_the_speed() -> None:
    async with central("1.6") as system:
        loop = asyncio.get_running_loop()
        start = loop.time()
        code = await run(system.url, "--scenario", "16-simple", "--speed", "10000")

    assert code == 0
    assert loop.time() - start >= 47 * 60 / 10_000


async def test_a_refused_card_ends_badly(capsys: pytest.CaptureFixture[str]) -> None:
    async with central("1.6") as system:
        system.replies["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
        code = await run(system.url, "--scenario", "16-simple", "--speed", "0", "--token", "MYCARD")

    assert code == 1
    assert "FAILED step 3 (swipe): card MYCARD was answered Blocked" in capsys.readouterr().out


async def test_a_wrong_password_is_a_connection_problem(capsys: pytest.CaptureFixture[str]) -> None:
    async with central("1.6", password="right") as system:
        wrong = await run(system.url, "--scenario", "16-simple", "--speed", "0", "--password", "wrong")
        right = await run(system.url, "--scenario", "16-simple", "--speed", "0", "--password-hex", b"right".hex())

    assert (wrong, right) == (2, 0)
    assert "HTTP 401: check the password" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "16-simple"], f"nothing listens at {URL}/A"),
        (["--scenario", "nonsense"], "there is no scenario 'nonsense'"),
        (["--scenario", "16-simple", "--version", "2.0.1"], "is for OCPP 1.6: leave --version 2.0.1 out"),
        (["--scenario", "16-simple", "--speed", "fast"], "--speed fast: give a number"),
        (["--scenario", "16-simple", "--speed", "-1"], "--speed -1: time cannot run backwards"),
        (["--scenario", "16-simple", "--password-hex", "xy"], "--password-hex: an even number"),
        (["--scenario", "16-simple", "--ca", "ca.pem"], "--ca is for wss:// addresses"),
    ],
)
def test_usage_problems_are_told(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--url", URL, "--id", "A", *arguments) == 2
    assert message in capsys.readouterr().err


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--url", "http://x", "--id", "A", "--scenario", "16-simple") == 2
    assert "is no WebSocket address" in capsys.readouterr().err


async def test_tls_is_checked_against_the_given_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    async with central("1.6", tls=server) as system:
        trusted = await run(system.url, "--scenario", "16-simple", "--speed", "0", "--ca", str(ca))
        with pytest.raises(ConnectError, match=r"is not trusted .* --ca FILE"):
            async with Charger(system.url, "CS 1"):
                pass

    assert trusted == 0
