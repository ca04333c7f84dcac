"""A simulated eMSP that is a strict reader: `Emsp` for tests and demos, `simulator emsp` for the shell."""

from simulators.emsp.commands import SentCommand
from simulators.emsp.emsp import MODULES, Emsp
from simulators.emsp.errors import EmspError, NotRegisteredError, PeerRefusedError, PeerUnreachableError
from simulators.emsp.faults import (
    Fault,
    duplicate_answer,
    held,
    known_already,
    lost_answer,
    ocpi_status,
    slow,
    status,
    wrong_json,
)
from simulators.emsp.findings import Finding, Findings, Rule, Severity
from simulators.emsp.state import AuthorizeAnswer, Party
from simulators.emsp.story import describe_cdr

__all__ = [
    "MODULES",
    "AuthorizeAnswer",
    "Emsp",
    "EmspError",
    "Fault",
    "Finding",
    "Findings",
    "NotRegisteredError",
    "Party",
    "PeerRefusedError",
    "PeerUnreachableError",
    "Rule",
    "SentCommand",
    "Severity",
    "describe_cdr",
    "duplicate_answer",
    "held",
    "known_already",
    "lost_answer",
    "ocpi_status",
    "slow",
    "status",
    "wrong_json",
]
