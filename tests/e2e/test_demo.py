"""`simulator demo` as a user starts it: it ends well only if everything of its story happened."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from pathlib import Path

import pytest

from simulators.cli import main
from simulators.demo.play import FAILED, GOOD, play
from simulators.demo.site import STAGES

PACE, HURRY = "500", "1500"


def test_the_whole_story_ends_well_although_the_emsp_fails_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["demo", "--speed", PACE, "--dir", str(tmp_path), "--fault", "500:cdrs:1"])
    told = capsys.readouterr().out.splitlines()

    assert code == GOOD, "\n".join(told)
    beginnings = (
        "emsp      <- location DEMO-SITE with 2 EVSEs",
        "emsp      sent START_SESSION: ACCEPTED",
        "emsp      <- session at DEMO-EVSE-2: PENDING",
        "DEMO-201  transaction started",
        "emsp      <- session at DEMO-EVSE-2: ACTIVE",
        "emsp      sent STOP_SESSION: ACCEPTED",
        "emsp      <- session at DEMO-EVSE-2: COMPLETED, 6.6 kWh, 2.45 EUR excl. VAT",
        "emsp      <- CDR: 6.6 kWh in 45.0 min, 2.45 EUR excl. VAT (2.94 incl.), at NL*GWY*E0002",
    )
    places = [next(at for at, line in enumerate(told) if line.startswith(words)) for words in beginnings]
    assert places == sorted(places)
    assert told[-1] == "demo      every push, every pull and every figure is as it must be"


def test_a_bill_that_the_emsp_was_not_given_ends_it_badly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--speed", HURRY, "--dir", str(tmp_path), "--fault", "ocpi=2000:cdrs:1"])

    assert code == FAILED
    assert "expected 1 CDR of it, 0 were pushed" in capsys.readouterr().out


def test_a_figure_that_is_not_as_its_scenario_says_ends_it_badly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundled = (resources.files("simulators") / "scenarios" / "201-remote.toml").read_text(encoding="utf-8")
    script = tmp_path / "wrong.toml"
    script.write_text(bundled.replace('cost_incl_vat = "2.94"', 'cost_incl_vat = "2.95"'), encoding="utf-8")
    card, ordered = STAGES

    code = asyncio.run(play(tmp_path, Decimal(HURRY), stages=(card, replace(ordered, scenario=str(script)))))

    assert code == FAILED
    assert "2.94 EUR incl. VAT    must be 2.95  WRONG" in capsys.readouterr().out


def test_a_reader_that_leaves_ends_the_demo_and_its_gateway_quietly(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "simulators.cli", "demo", "--dir", str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        assert demo.stdout.readline().startswith("gateway   starting")
        demo.stdout.close()
        complaints = demo.stderr.read()

    assert (demo.returncode, complaints) == (2, "")
    assert "gateway stopped" in (tmp_path / "gateway.log").read_text().splitlines()[-1]
