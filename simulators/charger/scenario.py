"""Scenario files: what happens to a charger, step by step, and what must come out of it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ScenarioError
from .signing import Curve, Telling

Minutes = Annotated[Decimal, Field(ge=0, le=100_000)]
Version = Literal["1.6", "2.0.1"]
EvseNo = Annotated[int, Field(ge=1, le=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False)


class OnEvse(_Strict):
    """A step at one EVSE (in 1.6: connector)."""

    evse: EvseNo = 1


class Lasting(OnEvse):
    """A step that takes simulated time."""

    minutes: Minutes = Decimal(0)


class Boot(_Strict):
    do: Literal["boot"]


class Heartbeat(_Strict):
    do: Literal["heartbeat"]


class Plug(OnEvse):
    do: Literal["plug"]
    connector: Annotated[int, Field(ge=1)] = 1


class Unplug(OnEvse):
    do: Literal["unplug"]


class Swipe(OnEvse):
    """`token` defaults to the scenario's; `expect` is the status the card must get."""

    do: Literal["swipe"]
    token: str | None = None
    kind: str = "ISO14443"
    asks: bool = True
    expect: str = "Accepted"


class Charge(OnEvse):
    do: Literal["charge"]
    minutes: Minutes
    kw: Annotated[Decimal, Field(ge=0, le=1000)]


class Wait(_Strict):
    do: Literal["wait"]
    minutes: Minutes


class SuspendEv(Lasting):
    do: Literal["suspend_ev"]


class SuspendEvse(Lasting):
    do: Literal["suspend_evse"]


class Resume(OnEvse):
    do: Literal["resume"]


class Fault(OnEvse):
    do: Literal["fault"]
    code: str = "GroundFailure"
    stops: bool = False


class Recover(OnEvse):
    do: Literal["recover"]


class Stop(OnEvse):
    """`transaction_id` forges the id that the message carries."""

    do: Literal["stop"]
    cause: Literal["local", "remote", "emergency stop", "deauthorized", "other"] = "local"
    transaction_id: int | str | None = None


class StopUnknown(OnEvse):
    do: Literal["stop_unknown"]
    transaction_id: int | str = -1
    token: str | None = None


class Reboot(_Strict):
    """clean: transactions are stopped first.  power_loss: their stop is told after the boot.  ghost: never."""

    do: Literal["reboot"]
    how: Literal["clean", "power_loss", "ghost"] = "clean"
    minutes: Minutes = Decimal(0)


class SwapRegister(OnEvse):
    do: Literal["swap_register"]
    to_wh: Annotated[int, Field(ge=0)] = 0


class Offline(_Strict):
    do: Literal["offline"]


class Online(_Strict):
    do: Literal["online"]
    order: Literal["in_order", "reversed", "shuffled"] = "in_order"
    seed: int = 1


class Hold(_Strict):
    do: Literal["hold"]


class Release(_Strict):
    do: Literal["release"]
    order: Literal["in_order", "reversed", "shuffled"] = "in_order"
    seed: int = 1


class Drop(_Strict):
    do: Literal["drop"]


class LoseReplies(_Strict):
    do: Literal["lose_replies"]
    count: Annotated[int, Field(ge=1)] = 1
    action: str | None = None
    moment: Literal["before_reply", "after_reply"] = "after_reply"


class LoseMessages(_Strict):
    do: Literal["lose_messages"]
    count: Annotated[int, Field(ge=1)] = 1
    action: str | None = None


class Repeat(_Strict):
    do: Literal["repeat"]
    action: str | None = None
    id: Literal["same", "new"] = "new"


class RepeatAll(_Strict):
    do: Literal["repeat_all"]
    id: Literal["same", "new", "off"] = "new"


class Meter(_Strict):
    """How readings are worded from here on."""

    do: Literal["metering"]
    unit: Literal["Wh", "kWh"] = "Wh"
    label: Literal["true", "missing", "wrong"] = "true"
    phases: Literal["total", "each", "both"] = "total"
    value: Literal["schema", "text", "number"] = "schema"
    bare: bool = False


class MeterValues(OnEvse):
    do: Literal["meter_values"]


class DataTransfer(_Strict):
    do: Literal["data_transfer"]
    vendor_id: str
    message_id: str | None = None
    data: str | None = None
    expect: str | None = None


class FirmwareStatus(_Strict):
    do: Literal["firmware_status"]
    status: str


class LogStatus(_Strict):
    do: Literal["log_status"]
    status: str


class SecurityEvent(_Strict):
    """2.0.1 only."""

    do: Literal["security_event"]
    type: str
    info: str | None = None


class NotifyEvent(OnEvse):
    """2.0.1 only: the connector's state as an event of its component."""

    do: Literal["notify_event"]


class Send(_Strict):
    """Any call as it is; `expect_error` is the CALLERROR code that must come back."""

    do: Literal["send"]
    action: str
    payload: dict[str, Any]
    expect_error: str | None = None


class SendRaw(_Strict):
    """Any text frame; `expect_error` is the CALLERROR code that must come back."""

    do: Literal["send_raw"]
    text: str
    expect_error: str | None = None


class AwaitCall(_Strict):
    """Wait (real seconds) until the central system calls, and follow it."""

    do: Literal["await_call"]
    action: str
    timeout_s: Annotated[float, Field(gt=0)] = 60


Step = Annotated[
    Boot
    | Heartbeat
    | Plug
    | Unplug
    | Swipe
    | Charge
    | Wait
    | SuspendEv
    | SuspendEvse
    | Resume
    | Fault
    | Recover
    | Stop
    | StopUnknown
    | Reboot
    | SwapRegister
    | Offline
    | Online
    | Hold
    | Release
    | Drop
    | LoseReplies
    | LoseMessages
    | Repeat
    | RepeatAll
    | Meter
    | MeterValues
    | DataTransfer
    | FirmwareStatus
    | LogStatus
    | SecurityEvent
    | NotifyEvent
    | Send
    | SendRaw
    | AwaitCall,
    Field(discriminator="do"),
]


class Signed(_Strict):
    """The charger's meters sign in OCMF, each with a fresh key."""

    curve: Curve = "secp256r1"
    encoding: Literal["hex", "base64"] = "hex"
    key: Telling = "each value"
    forged: bool = False


class StationDefaults(_Strict):
    """The charger that the scenario is about."""

    evses: Annotated[int, Field(ge=1, le=64)] = 1
    connectors: Annotated[int, Field(ge=1, le=8)] = 1
    meter_start_wh: Annotated[int, Field(ge=0)] = 0
    sample_interval_s: Annotated[int, Field(ge=0)] = 60
    terse: bool = False
    tx_start_point: Literal["EVConnected", "Authorized", "PowerPathClosed"] | None = None
    tx_stop_point: Literal["EVConnected", "Authorized", "PowerPathClosed"] | None = None
    signed: Signed | None = None


class Expect(_Strict):
    """What must stand on the CDR, worked out by hand: energy, times, and cost where the tariff is the one described."""

    cdrs: Annotated[int, Field(ge=0)] = 1
    kwh: Decimal
    charging_minutes: Decimal | None = None
    parking_minutes: Decimal | None = None
    cost_excl_vat: Decimal | None = None
    cost_incl_vat: Decimal | None = None


class Scenario(_Strict):
    """A scenario as its file has it; `tariff` is text for people."""

    title: str
    versions: Annotated[tuple[Version, ...], Field(min_length=1)]
    tariff: str = ""
    token: str = "SIMTAG01"  # noqa: S105 a card number
    station: StationDefaults = StationDefaults()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    expect: Expect | None = None

    @property
    def duration(self) -> timedelta:
        """How much simulated time the steps take together."""
        minutes = sum((getattr(step, "minutes", Decimal(0)) for step in self.steps), Decimal(0))
        return timedelta(microseconds=int(minutes * 60_000_000))


def load_scenario(name: str | Path) -> Scenario:
    """A scenario by path or by the name of a bundled one; ScenarioError says file, step and key."""
    path = Path(name)
    if path.is_file():
        return parse_scenario(path.read_text(encoding="utf-8"), origin=str(path))
    bundled = resources.files("simulators") / "scenarios" / f"{path.name.removesuffix('.toml')}.toml"
    if path.name == str(name) and bundled.is_file():
        return parse_scenario(bundled.read_text(encoding="utf-8"), origin=path.name)
    raise ScenarioError(
        f"there is no scenario {str(name)!r}: give the path of a TOML file or one of {', '.join(bundled_scenarios())}"
    )


def bundled_scenarios() -> list[str]:
    """The names of the scenarios that come along."""
    folder = resources.files("simulators") / "scenarios"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def parse_scenario(text: str, *, origin: str) -> Scenario:
    """A scenario from TOML text; `origin` names it in errors."""
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as fault:
        raise ScenarioError(f"{origin}: not valid TOML: {fault}") from None
    try:
        return Scenario.model_validate(content)
    except ValidationError as faults:
        lines = [_explain(error["loc"], error["msg"], content) for error in faults.errors()]
        raise ScenarioError("\n".join(f"{origin}: {line}" for line in lines)) from None


def _explain(place: Sequence[int | str], message: str, content: dict[str, Any]) -> str:
    """`step 3 (charge): minutes: Field required` from pydantic's location of a fault."""
    match place:
        case ["steps", int(index), *rest]:
            step = content["steps"][index]
            verb = step.get("do", "no 'do'") if isinstance(step, dict) else "not a table"
            keys = ".".join(str(key) for key in rest if key != verb)
            return f"step {index + 1} ({verb}): {f'{keys}: ' if keys else ''}{message}"
        case _:
            return f"{'.'.join(str(key) for key in place) or 'file'}: {message}"
