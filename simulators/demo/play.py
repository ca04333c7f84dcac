"""The demo itself: the gateway as a process of its own on SQLite, with two chargers and an eMSP around it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import aiohttp

from simulators.charger import Note, Scenario, build_charger, load_scenario
from simulators.demo.app import App, is_ordered
from simulators.demo.checks import check_pulls, check_pushes, compare
from simulators.demo.errors import DemoError
from simulators.demo.operator import Operator, provision
from simulators.demo.pushes import PUSHED, Pushes
from simulators.demo.site import STAGES, Stage, free_ports, render_config
from simulators.demo.telling import tell
from simulators.emsp.emsp import Emsp
from simulators.emsp.errors import EmspError
from simulators.emsp.faults import Fault
from simulators.emsp.story import tell_findings, tell_summary

GOOD, FAILED = 0, 1
STOP_S = 35
PUSH_S = 30
# A session's progress is pushed at most once in so much of the chargers' time.
PROGRESS_S = 480


async def play(
    directory: Path, speed: Decimal, *, stages: Sequence[Stage] = STAGES, faults: Sequence[tuple[Fault, int]] = ()
) -> int:
    """The story, line by line; returns the exit code.

    The eMSP plays the `faults`, each so many times, once it has registered.
    """
    ports = free_ports(3)
    token = secrets.token_urlsafe(24)
    config = directory / "config.toml"
    push_interval_s = float(PROGRESS_S / speed)
    config.write_text(render_config(directory, ports, token, push_interval_s=push_interval_s), encoding="utf-8")
    tell("gateway", f"starting on SQLite in {directory}")
    with (directory / "gateway.log").open("ab") as log:
        gateway = subprocess.Popen(  # noqa: S603 ASYNC220 our own program
            [sys.executable, "-m", "gateway", "run", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
            operator = Operator(session, f"http://127.0.0.1:{ports[2]}/api/v1")
            await operator.wait_until_up(gateway, (directory / "gateway.log").read_text)
            tell("gateway", f"up: chargers on ws://127.0.0.1:{ports[0]}/ocpp/…, eMSPs on port {ports[1]}")
            return await play_with(operator, ports, speed, stages, faults)
    finally:
        gateway.terminate()
        try:
            await asyncio.to_thread(gateway.wait, STOP_S)
        except subprocess.TimeoutExpired:
            gateway.kill()


async def play_with(
    operator: Operator,
    ports: Sequence[int],
    speed: Decimal,
    stages: Sequence[Stage],
    faults: Sequence[tuple[Fault, int]],
) -> int:
    """Provision, register, charge, and check what came of it."""
    scenarios = {stage: load_scenario(stage.scenario) for stage in stages}
    passwords = {stage.station_id: secrets.token_hex(16) for stage in stages}
    partner_id, token_a = await provision(operator, passwords)
    versions_url = f"http://127.0.0.1:{ports[1]}/ocpi/versions"
    async with (
        Emsp(versions_url=versions_url, token_a=token_a, story=lambda line: tell("emsp", line)) as emsp,
        follow(emsp) as pushes,
    ):
        await prepare(emsp, scenarios, faults)
        url = f"ws://127.0.0.1:{ports[0]}/ocpp"
        lives = [
            charge(stage, scenario, App(emsp, stage), url, passwords[stage.station_id], speed)
            for stage, scenario in scenarios.items()
        ]
        is_good = all(await asyncio.gather(*lives))
        if is_good:
            await operator.wait_for_cdrs(len(stages))
            await operator.wait_until_told(partner_id)
            pushes.catch_up()
            is_good = await check(emsp, pushes, scenarios)
    tell("demo", "every push, every pull and every figure is as it must be" if is_good else "NOT all is as it must be")
    return GOOD if is_good else FAILED


@contextlib.asynccontextmanager
async def follow(emsp: Emsp) -> AsyncIterator[Pushes]:
    """What the eMSP is pushed, told as it comes."""
    pushes = Pushes(emsp, lambda line: tell("emsp", line))
    following = asyncio.create_task(pushes.follow(), name="pushes")
    try:
        yield pushes
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def prepare(emsp: Emsp, scenarios: Mapping[Stage, Scenario], faults: Sequence[tuple[Fault, int]]) -> None:
    """Register, be told where there is what at which price, and give the gateway the cards."""
    await emsp.register()
    for fault, times in faults:
        emsp.faults.add(fault, times=times)
    store = emsp.store
    await emsp.wait_for(lambda: bool(store.tariffs and store.locations), PUSH_S, "no tariff or no location was pushed")
    for number, (stage, scenario) in enumerate(scenarios.items(), 1):
        if not is_ordered(scenario):  # the token of an order comes with the order
            await emsp.push_token(stage.token_uid, contract_id=f"NL-EMS-C{number:08}-X")


async def charge(stage: Stage, scenario: Scenario, app: App, url: str, password: str, speed: Decimal) -> bool:
    """One charger lives through its scenario, the driver with card or app; True if all of it held."""

    def observe(note: Note) -> None:
        if note.kind not in ("frame", "meter"):
            fields = "  ".join(f"{key}={value}" for key, value in note.fields.items() if value not in (None, ""))
            tell(stage.station_id, f"{note.text}  {fields}".rstrip())

    mine = scenario.model_copy(update={"token": stage.token_uid})
    charger = build_charger(
        mine, url, stage.station_id, version=stage.version, speed=speed, password=password, observer=observe
    )
    tell(stage.station_id, f"OCPP {stage.version}: {scenario.title[0].lower()}{scenario.title[1:]}")
    try:
        async with charger:
            failures = (await charger.run_scenario(mine, app.cue)).failures
    except (DemoError, EmspError) as error:
        failures = (str(error),)
    for failure in failures:
        tell(stage.station_id, f"FAILED {failure}")
    return not failures


async def check(emsp: Emsp, pushes: Pushes, scenarios: Mapping[Stage, Scenario]) -> bool:
    """Pull everything, and hold it against what was pushed and what the scenarios say."""
    pushed = pushes.copies()
    pulled = {module: await emsp.pull(module) for module in PUSHED}
    emsp.check_references()
    are_pushes_right = check_pushes(scenarios, pushes.sessions, pushes.cdrs)
    are_pulls_right = check_pulls(pushed, pulled)
    are_figures_right = compare(pulled["cdrs"], scenarios)
    for line in tell_findings(list(emsp.findings)):
        tell("emsp", line)
    tell("emsp", tell_summary(emsp))
    return are_pushes_right and are_pulls_right and are_figures_right and not emsp.violations
