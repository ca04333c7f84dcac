"""Goes through a scenario and holds its expectations against the charger's own meter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from . import scenario as s
from .clock import SimulatedClock
from .errors import CallRefusedError, SimulatorError, StepError
from .metering import Metering
from .signing import Signing
from .station import StopCause, Token, Transaction
from .v201 import Dialect201
from .v201.settings import DeviceModel

if TYPE_CHECKING:
    from .charger import Charger

_CALL_ERROR = 4

Cue = Callable[[s.Step], Awaitable[None]]
"""Awaited before each step, while simulated time stands still: for somebody who acts when the play has come so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went: `failures` is empty when every step and expectation held."""

    failures: tuple[str, ...]
    sessions: tuple[Transaction, ...]

    @property
    def is_good(self) -> bool:
        return not self.failures


async def run_scenario(charger: Charger, scenario: s.Scenario, cue: Cue | None = None) -> Outcome:
    """Boot (unless the first step does) and run the steps until one fails.  What `cue` raises ends it."""
    failures: list[str] = []
    prepare(charger, scenario)
    try:
        if not isinstance(scenario.steps[0], s.Boot):
            await charger.boot()
        for number, step in enumerate(scenario.steps, start=1):
            try:
                if cue is not None:
                    await cue(step)
                    charger.clock.rest()
                await _run(_filled(step, scenario), charger)
                await charger.settle()
            except SimulatorError as fault:
                failures.append(f"step {number} ({step.do}): {fault}")
                break
    except SimulatorError as fault:
        failures.append(f"boot: {fault}")
    failures += [
        f"{letter.message.action} was given up after {letter.refusals} refusals: {refusal}"
        for letter, refusal in charger.line.refused
    ]
    if not failures and scenario.expect is not None:
        failures += check_expectations(scenario.expect, charger.sessions)
    return Outcome(tuple(failures), tuple(charger.sessions))


def build_charger(
    scenario: s.Scenario,
    url: str,
    identity: str,
    *,
    version: str | None = None,
    speed: Decimal | None = None,
    **options: Any,
) -> Charger:
    """The charger that a scenario is about; the other options are those of Charger.

    Its time starts so far back that the scenario ends now at the latest.
    """
    from .charger import Charger

    defaults = scenario.station
    options.setdefault("clock", SimulatedClock(datetime.now(UTC) - scenario.duration, speed=speed))
    return Charger(
        url,
        identity,
        version=version or scenario.versions[0],
        evses=defaults.evses,
        connectors=defaults.connectors,
        meter_start_wh=defaults.meter_start_wh,
        sample_interval_s=defaults.sample_interval_s,
        **options,
    )


def prepare(charger: Charger, scenario: s.Scenario) -> None:
    """Give the charger the manners that the scenario's header asks for."""
    charger.is_terse = scenario.station.terse
    signed = scenario.station.signed
    if signed is not None:
        charger.sign_with(
            Signing(curve=signed.curve, encoding=signed.encoding, key=signed.key, is_forged=signed.forged)
        )
    model = charger.dialect.settings
    if isinstance(model, DeviceModel):
        points = {"TxStartPoint": scenario.station.tx_start_point, "TxStopPoint": scenario.station.tx_stop_point}
        for name, point in points.items():
            if point is not None:
                model.preset("TxCtrlr", name, point)


def check_expectations(expect: s.Expect, sessions: list[Transaction]) -> list[str]:
    """What a charger can check by itself: energy and times; the cost is the central system's."""
    energy_kwh = sum((Decimal(tx.energy_wh) for tx in sessions), Decimal(0)).scaleb(-3)
    charging = sum((tx.charging for tx in sessions), timedelta(0))
    parking = sum((tx.parking for tx in sessions), timedelta(0))
    figures = [
        ("kWh", expect.kwh, energy_kwh),
        ("charging minutes", expect.charging_minutes, _minutes(charging)),
        ("parking minutes", expect.parking_minutes, _minutes(parking)),
    ]
    return [
        f"expected {wanted} {name}, the charger's own meter says {found.normalize():f}"
        for name, wanted, found in figures
        if wanted is not None and wanted != found
    ]


def _minutes(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(seconds=1)) / 60


def _filled(step: s.Step, scenario: s.Scenario) -> s.Step:
    """A swipe without a token uses the scenario's."""
    if isinstance(step, s.Swipe) and step.token is None:
        return step.model_copy(update={"token": scenario.token})
    return step


async def _run(step: s.Step, charger: Charger) -> None:
    await _VERBS[type(step)](charger, step)


async def _swipe(charger: Charger, step: s.Swipe) -> None:
    status = await charger.swipe(step.evse, Token(step.token or "", step.kind), asks=step.asks)
    if status != step.expect:
        raise StepError(
            f"card {step.token} was answered {status}, expected {step.expect}: "
            "check that the central system knows the token"
        )


async def _reboot(charger: Charger, step: s.Reboot) -> None:
    if step.how == "clean":
        await charger.reboot(minutes=step.minutes)
    else:
        await charger.lose_power(step.minutes, is_ghost=step.how == "ghost")


async def _hold(charger: Charger, _: s.Hold) -> None:
    charger.hold_messages()


async def _lose_replies(charger: Charger, step: s.LoseReplies) -> None:
    charger.lose_replies(step.count, step.action, moment=step.moment)


async def _lose_messages(charger: Charger, step: s.LoseMessages) -> None:
    charger.lose_messages(step.count, step.action)


async def _repeat_all(charger: Charger, step: s.RepeatAll) -> None:
    charger.repeat_all(None if step.id == "off" else step.id)


async def _metering(charger: Charger, step: s.Meter) -> None:
    charger.metering = Metering(
        unit=step.unit, label=step.label, phases=step.phases, value=step.value, is_bare=step.bare
    )


async def _data_transfer(charger: Charger, step: s.DataTransfer) -> None:
    status = await charger.data_transfer(step.vendor_id, step.message_id, step.data)
    if step.expect not in (None, status):
        raise StepError(f"DataTransfer was answered {status}, expected {step.expect}")


async def _security_event(charger: Charger, step: s.SecurityEvent) -> None:
    dialect = _dialect_201(charger, step.do)
    await charger.say(dialect.security_event(step.type, step.info, charger.clock.now))


async def _notify_event(charger: Charger, step: s.NotifyEvent) -> None:
    dialect = _dialect_201(charger, step.do)
    evse = charger.station.evse(step.evse)
    await charger.say(dialect.notify_event(evse, evse.plugged or 1, charger.clock.now))


async def _send(charger: Charger, step: s.Send) -> None:
    try:
        await charger.send(step.action, step.payload)
    except CallRefusedError as refusal:
        if refusal.code != step.expect_error:
            raise
    else:
        _expect_error(step.expect_error, None)


async def _send_raw(charger: Charger, step: s.SendRaw) -> None:
    answer = await charger.send_raw(step.text)
    _expect_error(step.expect_error, answer[2] if answer[0] == _CALL_ERROR else None)


def _expect_error(wanted: str | None, found: str | None) -> None:
    if wanted != found:
        raise StepError(f"expected {wanted or 'an answer'}, got {found or 'an answer without error'}")


def _dialect_201(charger: Charger, verb: str) -> Dialect201:
    if not isinstance(charger.dialect, Dialect201):
        raise StepError(f"{verb} needs OCPP 2.0.1")
    return charger.dialect


_VERBS: dict[type, Callable[[Charger, Any], Awaitable[Any]]] = {
    s.Boot: lambda charger, _: charger.boot(),
    s.Heartbeat: lambda charger, _: charger.heartbeat(),
    s.Plug: lambda charger, step: charger.plug(step.evse, step.connector),
    s.Unplug: lambda charger, step: charger.unplug(step.evse),
    s.Charge: lambda charger, step: charger.charge(step.evse, minutes=step.minutes, kw=step.kw),
    s.Wait: lambda charger, step: charger.wait(step.minutes),
    s.SuspendEv: lambda charger, step: charger.suspend_ev(step.evse, minutes=step.minutes),
    s.SuspendEvse: lambda charger, step: charger.suspend_evse(step.evse, minutes=step.minutes),
    s.Resume: lambda charger, step: charger.resume(step.evse),
    s.Fault: lambda charger, step: charger.fault(step.evse, step.code, stops=step.stops),
    s.Recover: lambda charger, step: charger.recover(step.evse),
    s.Swipe: _swipe,
    s.Stop: lambda charger, step: charger.stop(
        step.evse, cause=StopCause(step.cause), transaction_id=step.transaction_id
    ),
    s.Reboot: _reboot,
    s.Hold: _hold,
    s.LoseReplies: _lose_replies,
    s.LoseMessages: _lose_messages,
    s.RepeatAll: _repeat_all,
    s.Meter: _metering,
    s.DataTransfer: _data_transfer,
    s.SecurityEvent: _security_event,
    s.NotifyEvent: _notify_event,
    s.Send: _send,
    s.SendRaw: _send_raw,
    s.StopUnknown: lambda charger, step: charger.stop_unknown(
        step.evse, transaction_id=step.transaction_id, token=step.token
    ),
    s.SwapRegister: lambda charger, step: charger.swap_register(step.evse, step.to_wh),
    s.Offline: lambda charger, _: charger.go_offline(),
    s.Online: lambda charger, step: charger.go_online(order=step.order, seed=step.seed),
    s.Release: lambda charger, step: charger.release_messages(order=step.order, seed=step.seed),
    s.Drop: lambda charger, _: charger.drop_connection(),
    s.Repeat: lambda charger, step: charger.repeat(step.action, ids=step.id),
    s.MeterValues: lambda charger, step: charger.remote.report_meters([step.evse]),
    s.FirmwareStatus: lambda charger, step: charger.firmware_status(step.status),
    s.LogStatus: lambda charger, step: charger.log_status(step.status),
    s.AwaitCall: lambda charger, step: charger.wait_for_call(step.action, timeout_s=step.timeout_s),
}
