"""From samples to ratios, goals, a table and a file.  Pure but for the writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One server's figure in one round; `cpu_us` is per message, connection or page."""

    subject: str
    server: str
    round_no: int
    cpu_us: float
    per_s: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    busy: float | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A threshold that must be met and, above it, the figure aimed at."""

    needed: float
    aim: float | None = None
    is_upper_limit: bool = False

    def is_reached(self, value: float, *, aim: bool = False) -> bool:
        bound = self.aim if aim and self.aim is not None else self.needed
        return value <= bound if self.is_upper_limit else value >= bound

    def __str__(self) -> str:
        text = f"{'<=' if self.is_upper_limit else '>='} {self.needed:g}"
        return text if self.aim is None else f"{text}, aim {self.aim:g}"


GOALS: Mapping[str, Goal] = {
    "meter_values.vs_ocpp": Goal(6, 8),
    "meter_values.vs_echo": Goal(0.42, 0.55),
    "transaction_event.vs_ocpp": Goal(10, 12),
    "transaction_event.vs_echo": Goal(0.42, 0.55),
    "idle_kib": Goal(24, is_upper_limit=True),
    "idle_tls_kib": Goal(48, is_upper_limit=True),
    "accepts.vs_bare": Goal(0.7),
    "page_cdrs.vs_pydantic": Goal(10),
    "page_locations.vs_pydantic": Goal(10),
    "pricing.readings_480_vs_8": Goal(4, is_upper_limit=True),
    "delivery.partner_down_p99": Goal(1.5, is_upper_limit=True),
    "delivery.p50_ms": Goal(100, is_upper_limit=True),
    "delivery.p99_ms": Goal(500, is_upper_limit=True),
    "pages.cdrs_million_vs_thousand": Goal(3, is_upper_limit=True),
}


@dataclass(slots=True)
class Results:
    """All that was measured in one run."""

    samples: list[Sample] = field(default_factory=list)
    memory_kib: dict[str, float] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)  # ratios of the gateway with itself
    figures: dict[str, float] = field(default_factory=dict)  # absolute, of the gateway alone
    bare_kib: dict[str, float] = field(default_factory=dict)  # memory of the bare server, to compare

    def ratios(self) -> dict[str, float]:
        """Gateway against each reference; above 1 is better for the gateway, `_kib` and `others` aside."""
        found: dict[str, float] = {}
        for subject in _distinct(sample.subject for sample in self.samples):
            mine = [sample for sample in self.samples if sample.subject == subject]
            for server in _distinct(sample.server for sample in mine):
                if server != GATEWAY and (ratio := cpu_ratio(mine, server)) is not None:
                    found[f"{subject}.vs_{server}"] = ratio
        return found | self.others | self.memory_kib


GATEWAY = "gateway"


def cpu_ratio(samples: Sequence[Sample], reference: str) -> float | None:
    """Median over rounds of reference CPU / gateway CPU, both taken in the same round."""
    gateway = {s.round_no: s.cpu_us for s in samples if s.server == GATEWAY}
    other = {s.round_no: s.cpu_us for s in samples if s.server == reference}
    shared = gateway.keys() & other.keys()
    return median(other[n] / gateway[n] for n in shared) if shared else None


def render_tables(results: Results) -> str:
    """Two tables for people: what each server used, and what that makes of the goals."""
    return "\n\n".join((_figures(results.samples), _ratios(results.ratios() | results.figures)))


def _figures(samples: Sequence[Sample]) -> str:
    head = ("", "server", "CPU µs", "per s", "p50 ms", "p99 ms", "busy")
    rows = [head]
    for subject in _distinct(s.subject for s in samples):
        for server in _distinct(s.server for s in samples if s.subject == subject):
            mine = [s for s in samples if s.subject == subject and s.server == server]
            rows.append(
                (
                    subject,
                    server,
                    _middle([s.cpu_us for s in mine], "{:,.1f}"),
                    _middle([s.per_s for s in mine], "{:,.0f}"),
                    _middle([s.p50_ms for s in mine], "{:,.1f}"),
                    _middle([s.p99_ms for s in mine], "{:,.1f}"),
                    _middle([s.busy for s in mine], "{:.0%}"),
                )
            )
    return _aligned(rows, left=2)


def _ratios(ratios: Mapping[str, float]) -> str:
    rows = [("ratio", "measured", "goal", "reached")]
    for name, value in ratios.items():
        goal = GOALS.get(name)
        reached = "" if goal is None else "yes" if goal.is_reached(value) else "NO"
        rows.append((name, f"{value:.2f}", "" if goal is None else str(goal), reached))
    return _aligned(rows, left=1)


def render_json(results: Results, *, machine: Mapping[str, Any], rounds: int) -> dict[str, Any]:
    ratios = results.ratios()
    measured = ratios | results.figures
    return {
        "ratios": {name: round(value, 4) for name, value in ratios.items()},
        "goals": {
            name: {
                "at_most" if goal.is_upper_limit else "at_least": goal.needed,
                **({} if goal.aim is None else {"aim": goal.aim}),
                "measured": name in measured,
                "reached": name in measured and goal.is_reached(measured[name]),
                **(
                    {}
                    if goal.aim is None
                    else {"aim_reached": name in measured and goal.is_reached(measured[name], aim=True)}
                ),
            }
            for name, goal in GOALS.items()
        },
        "figures": {name: round(value, 2) for name, value in results.figures.items()},
        "bare_kib": {name: round(value, 1) for name, value in results.bare_kib.items()},
        "rounds": rounds,
        "machine": dict(machine),
        "samples": [asdict(sample) for sample in results.samples],
    }


def _middle(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return form.format(median(known)) if known else ""


def _aligned(rows: Sequence[Sequence[str]], *, left: int) -> str:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.ljust(w) if n < left else c.rjust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
