"""Orders on the command line: what reaches the CPO, and what is told of its results."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from simulators.emsp import cli
from tests.unit.simulators.emsp.checked_cpo import CheckedCpo, Out, Seen, running
from tests.unit.simulators.emsp.objects import TOKEN_A
from tests.unit.simulators.emsp.test_cli import parse


def run(cpo: CheckedCpo, *words: str) -> int:
    """The command in a thread of its own, the CPO in ours."""

    async def main() -> int:
        async with running(cpo):
            at = ("--versions-url", cpo.versions_url, "--token", TOKEN_A)
            args = parse(*words[:1], *at, *words[1:]) if words[:1] == ("check",) else parse(*at, *words)
            return await asyncio.to_thread(args.func, args)

    return asyncio.run(main())


def accept(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if seen.module in ("commands", "chargingprofiles"):
        out.set(200, 1000, cpo.response("ACCEPTED"))
    if seen.segments[1:] == ["charging_preferences"]:
        out.set(200, 1000, "ACCEPTED")


@pytest.mark.parametrize(
    ("words", "command", "sent"),
    [
        (("--start", "04A1@L1/E1/1"), "START_SESSION", {"location_id": "L1", "evse_uid": "E1", "connector_id": "1"}),
        (("--start", "04A1"), "START_SESSION", {"location_id": "L1"}),
        (("--stop", "S1"), "STOP_SESSION", {"session_id": "S1"}),
        (("--reserve", "04A1@L1/E1", "--reservation", "R7"), "RESERVE_NOW", {"reservation_id": "R7", "evse_uid": "E1"}),
        (("--cancel-reservation", "R7"), "CANCEL_RESERVATION", {"reservation_id": "R7"}),
        (("--unlock", "L1/E1/1"), "UNLOCK_CONNECTOR", {"location_id": "L1", "evse_uid": "E1", "connector_id": "1"}),
    ],
)
def test_a_command_is_sent_and_its_result_told(
    words: tuple[str, ...], command: str, sent: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cpo = CheckedCpo("2.2.1", spoil=accept)

    assert run(cpo, *words) == cli.OK

    assert cpo.last[command].items() >= sent.items()
    told = capsys.readouterr().out
    assert f"sent {command}: ACCEPTED" in told
    assert f"result of {command}: " in told


def test_profiles_and_preferences_are_set_read_and_cleared(capsys: pytest.CaptureFixture[str]) -> None:
    cpo = CheckedCpo("2.3.0", spoil=accept)
    cpo.profile_result = {"result": "UNKNOWN"}

    code = run(
        cpo,
        "--version",
        "2.3.0",
        "--set-profile",
        "S1=7400W",
        "--clear-profile",
        "S1",
        "--preferences",
        "S1=fast",
        "--set-profile",
        "S1=16",
    )

    told, wrong = capsys.readouterr()
    assert (code, wrong) == (cli.OK, "")
    assert cpo.last["S1"]["charging_profile"] == {
        "charging_rate_unit": "A",
        "charging_profile_period": [{"start_period": 0, "limit": 16}],
    }
    assert cpo.last["charging_preferences"] == {"profile_type": "FAST"}
    assert told.count('{"result":"UNKNOWN"}') == 3
    assert "set charging preferences: ACCEPTED" in told


def test_wrong_orders_are_refused_with_the_way_to_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--unlock", "L1"), ("--set-profile", "S1=much"), ("--fault", "quick"), ("--authorize", "04A1")):
        with pytest.raises(SystemExit):
            parse(*words)
        assert "write" in capsys.readouterr().err


def test_the_check_prints_its_table_and_ends_by_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CheckedCpo("2.2.1"), "check") == cli.OK
    assert ": passed; " in capsys.readouterr().out.splitlines()[-1]

    assert run(CheckedCpo("2.2.1", habits={"exact_case"}), "check", "--json") == cli.CHECKS_FAILED
    assert json.loads(capsys.readouterr().out)["counts"]["fail"] == 1

    assert run(CheckedCpo("2.2.1"), "check", "--version", "2.3.0") == cli.CANNOT_GO_ON
    assert "not 2.3.0" in capsys.readouterr().err
