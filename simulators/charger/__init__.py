"""A charger for OCPP 1.6 and 2.0.1: a library for tests and, as `simulator charger`, a tool on the bench."""

from .charger import Charger
from .clock import SimulatedClock
from .dialect import BootReason
from .errors import (
    CallRefusedError,
    ConnectError,
    DisconnectedError,
    InvalidMessageError,
    OfflineError,
    RegistrationError,
    ReplyTimeoutError,
    ScenarioError,
    SimulatorError,
    StepError,
)
from .line import Patience
from .message import Exchange, Note, ReceivedCall
from .metering import Metering
from .runner import Cue, Outcome, build_charger
from .scenario import Scenario, bundled_scenarios, load_scenario
from .signing import Signing
from .station import StopCause, Token, Transaction

__all__ = [
    "BootReason",
    "CallRefusedError",
    "Charger",
    "ConnectError",
    "Cue",
    "DisconnectedError",
    "Exchange",
    "InvalidMessageError",
    "Metering",
    "Note",
    "OfflineError",
    "Outcome",
    "Patience",
    "ReceivedCall",
    "RegistrationError",
    "ReplyTimeoutError",
    "Scenario",
    "ScenarioError",
    "Signing",
    "SimulatedClock",
    "SimulatorError",
    "StepError",
    "StopCause",
    "Token",
    "Transaction",
    "build_charger",
    "bundled_scenarios",
    "load_scenario",
]
