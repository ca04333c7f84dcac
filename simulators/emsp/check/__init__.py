"""`simulator emsp check`: holds a CPO's OCPI server against the rules of the specification, one by one."""

from simulators.emsp.check.run import RULES, run_check
from simulators.emsp.check.table import CheckRule, Level, Outcome, Report, Result

__all__ = ["RULES", "CheckRule", "Level", "Outcome", "Report", "Result", "run_check"]
