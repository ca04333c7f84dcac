"""Where deliveries to a partner wait, lane by lane."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.deliveries import Delivery, PartnerAnswer, Subject
from gateway.domain.ids import PartyId
from gateway.flows.agenda import Agenda

IN_FLIGHT = 4


@dataclass(slots=True, eq=False)
class Desk:
    """Some of one partner's lanes, and how it has answered to them of late.

    `failed` lanes have so often not been taken, `failing` are those since the last success.  Of a hub: `held` lanes
    wait until a party behind it is connected.
    """

    partner_id: str
    is_of_results: bool
    lanes: dict[str, dict[Subject, Delivery]] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)
    in_flight: set[str] = field(default_factory=set)
    held: dict[str, PartyId] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    failures: int = 0
    is_suspended: bool = False
    paused_until: datetime | None = None
    trouble: PartnerAnswer | None = None
    outbound_token: str | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        return 1 if self.failures else IN_FLIGHT

    def reset(self) -> None:
        """It took something, or is to be tried at once."""
        self.failures, self.is_suspended, self.paused_until, self.trouble = 0, False, None, None
        self.failing.clear()

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def wakes_at(self) -> datetime | None:
        """When something is due that may be sent then."""
        next_at = self.agenda.next_at()
        if next_at is None or len(self.in_flight) >= self.limit:
            return None
        return next_at if self.paused_until is None else max(next_at, self.paused_until)
