"""What stations say by themselves of charging limits, and what cars ask of them (OCPP 2.0.1 K11 to K17)."""

from collections.abc import Callable

from gateway.core.profiles import is_within
from gateway.domain.events import ChargingNeedsReported, ChargingPlanReported, NoticeReported
from gateway.domain.ids import station_key
from gateway.domain.profiles import SessionProfile
from gateway.domain.sessions import Session
from gateway.flows.memory import Memory
from gateway.ports import SaveNotice, SaveProfile, Store


class ProfileNews:
    """`renew` sends the profile of a session to its station once more."""

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store = store
        self._memory = memory
        self.renew: Callable[[str], None] = _ignore

    async def on_limits_changed(self, notice: NoticeReported, evse_no: int | None) -> None:
        """A limit from elsewhere was set or lifted, on an EVSE or (None) on the whole station: partners whose profiles
        hold there are told what is left of them."""
        touched = [
            SaveProfile(profile)
            for profile, session in self._profiles_at(notice.receipt.station_id)
            if not evse_no or session.key.evse_no == evse_no
        ]
        await self._store.commit([SaveNotice(notice), *touched])

    async def on_needs(self, event: ChargingNeedsReported) -> bool:
        """A car says what it needs.  True: its session has a profile, which goes to the station again (K15.FR.03, .07,
        K16.FR.12); False: there is none to give (K15.FR.04)."""
        await self._store.commit([SaveNotice(event.notice)])
        for profile, session in self._profiles_at(event.notice.receipt.station_id):
            given = profile.profile
            if session.key.evse_no != event.evse_no or given is None:
                continue
            if event.max_periods is not None and len(given.periods) > event.max_periods:
                return False
            self.renew(session.id)
            return True
        return False

    async def on_plan(self, event: ChargingPlanReported) -> bool:
        """A car says how it will charge.  False: that goes beyond the profile of its session, which is sent again
        (K15.FR.11 to .13)."""
        await self._store.commit([SaveNotice(event.notice)])
        for profile, session in self._profiles_at(event.notice.receipt.station_id):
            given = profile.profile
            if session.key.evse_no != event.evse_no or given is None:
                continue
            if is_within(event.plan, given, began_at=session.ledger.started_at):
                return True
            self.renew(session.id)
            return False
        return True

    def _profiles_at(self, station_id: str) -> list[tuple[SessionProfile, Session]]:
        station = station_key(station_id)
        found = []
        for profile in self._memory.profiles.values():
            session = self._memory.sessions.get(profile.session_id)
            if session is not None and session.ledger.ended_at is None and station_key(profile.station_id) == station:
                found.append((profile, session))
        return found


def _ignore(_session_id: str) -> None:
    """Nobody is there to send it: a replay."""
