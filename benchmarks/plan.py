"""How long and how much is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import Cores


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: sizes, and where things are put."""

    rounds: int
    folder: Path
    cores: Cores
    subjects: frozenset[str]
    connections: int = 200
    warm_up_s: float = 0.3
    window_s: float = 1.2
    page_window_s: float = 1.0
    accepts: int = 1_000
    idle: int = 5_000
    idle_tls: int = 2_000
    delivery_window_s: float = 10.0
    updates: int = 10_000
    cdrs: int = 1_000_000
    is_thorough: bool = True

    def quick(self) -> Plan:
        """The same with short windows and fewer connections at rest."""
        return replace(
            self,
            warm_up_s=0.2,
            window_s=0.4,
            page_window_s=0.4,
            accepts=300,
            idle=1_000,
            idle_tls=400,
            delivery_window_s=3.0,
            updates=1_000,
            cdrs=100_000,
            is_thorough=False,
        )

    def has(self, *subjects: str) -> bool:
        return not self.subjects.isdisjoint(subjects)


MESSAGES_16 = ("heartbeat", "status_notification", "status_unchanged", "meter_values")
MESSAGES_201 = ("transaction_event",)
ACCEPTS, IDLE, IDLE_TLS = "accepts", "idle_kib", "idle_tls_kib"
PAGES = ("page_cdrs", "page_locations")
PRICING = "pricing"
DELIVERY, PARTNER_DOWN = "delivery", "partner_down"
MANY_CDRS = "cdrs_million"
SUBJECTS = (*MESSAGES_16, *MESSAGES_201, ACCEPTS, IDLE, IDLE_TLS, *PAGES, PRICING, DELIVERY, PARTNER_DOWN, MANY_CDRS)
