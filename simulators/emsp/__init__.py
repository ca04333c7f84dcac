"""A simulated eMSP that is a strict reader: `Emsp` for tests and demos, `simulator emsp` for the shell."""

from simulators.emsp.emsp import MODULES, Emsp
from simulators.emsp.errors import EmspError, NotRegisteredError, PeerRefusedError, PeerUnreachableError
from simulators.emsp.faults import Fault, held, lost_answer, ocpi_status, slow, status, wrong_json
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
    "Severity",
    "describe_cdr",
    "held",
    "lost_answer",
    "ocpi_status",
    "slow",
    "status",
    "wrong_json",
]
