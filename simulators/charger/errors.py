"""What can go wrong for a simulated charger; each message says what, where and what to do."""

from __future__ import annotations

from typing import Any


class SimulatorError(Exception):
    """Root of everything the simulator raises on purpose."""


class ConnectError(SimulatorError):
    """The central system could not be reached or refused the handshake; `status` is its HTTP status, if any."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class DisconnectedError(SimulatorError):
    """The connection ended while something waited on it; `code` and `reason` as the peer closed it."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"connection closed by code {code or 'none'}{f' ({reason})' if reason else ''}")
        self.code = code
        self.reason = reason


class OfflineError(SimulatorError):
    """A call that needs an answer was asked of a charger that was put offline on purpose."""


class ReplyTimeoutError(SimulatorError):
    """The central system left a call unanswered."""


class CallRefusedError(SimulatorError):
    """The central system answered with a CALLERROR."""

    def __init__(self, action: str, code: str, description: str, details: Any) -> None:
        super().__init__(f"{action} was answered with CALLERROR {code}{f': {description}' if description else ''}")
        self.action = action
        self.code = code
        self.description = description
        self.details = details


class RegistrationError(SimulatorError):
    """BootNotification was never answered Accepted."""


class InvalidMessageError(SimulatorError):
    """A message is not valid by the OCPP schema; `code` is the CALLERROR code that names the fault."""

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: {description}")
        self.action = action
        self.code = code
        self.description = description


class StepError(SimulatorError):
    """Something was asked of the charger that cannot happen in its present state."""


class ScenarioError(SimulatorError):
    """A scenario file cannot be used; the message names the file, the step and the key."""
