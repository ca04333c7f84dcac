"""How fast sessions may charge: as their stations say it, else as far as we know it ourselves."""

from dataclasses import replace
from datetime import timedelta

from gateway.core.profiles import find_active
from gateway.domain.calls import CallOutcomeKind, CallReply, GetScheduleCall
from gateway.domain.locations import Place
from gateway.domain.profiles import ActiveProfile, ChargingProfile
from gateway.domain.sessions import Session
from gateway.flows.memory import Memory
from gateway.ports import Clock, Stations

TOLD_S = 1_800
"""How far ahead partners are told of by themselves: 5 to 60 minutes are useful (OCPI 2.2.1 mod_charging_profiles, "PUT
Method" of the sender)."""
ACCEPTED = "Accepted"
CLOCKS_APART = timedelta(minutes=5)


class Schedules:
    """Reads what holds for a session.  `timeout_s`: how long a station is waited for where nobody waits for its
    answer."""

    def __init__(self, memory: Memory, stations: Stations, clock: Clock, *, timeout_s: float = 10) -> None:
        self._memory = memory
        self._stations = stations
        self._clock = clock
        self._timeout_s = timeout_s

    async def find_active(self, session: Session, place: Place) -> ActiveProfile:
        """What holds for the next while; from what was set last, where the station does not say."""
        reply = await self.ask(session, TOLD_S, timeout_s=self._timeout_s)
        if is_accepted(reply):
            return self.read(session, place, reply, TOLD_S)
        return self._own(session, place, self._profile_of(session), TOLD_S)

    async def ask(self, session: Session, duration_s: int, *, timeout_s: float) -> CallReply:
        """Have the station compute it (OCPP 1.6 5.7, OCPP 2.0.1 K08), in the unit of what was set."""
        profile = self._profile_of(session)
        call = GetScheduleCall(
            evse_no=session.key.evse_no,
            connector_no=session.key.connector_no,
            duration_s=duration_s,
            unit=None if profile is None else profile.unit,
        )
        return await self._stations.send(session.key.station_id, call, timeout_s=timeout_s)

    def read(self, session: Session, place: Place, reply: CallReply, duration_s: int) -> ActiveProfile:
        """What an answer says; one without any limit says that there is none."""
        if reply.schedule is None or not reply.schedule.periods:
            return self._own(session, place, None, duration_s)
        now = self._clock.now().replace(microsecond=0)
        at = reply.schedule.start_at
        if at is None or abs(at - now) > CLOCKS_APART:
            at = now  # it counts from when it was asked (OCPP 2.0.1 K08.FR.02), whatever its clock says
        return ActiveProfile(at=at, profile=replace(reply.schedule, start_at=at))

    def _own(self, session: Session, place: Place, profile: ChargingProfile | None, duration_s: int) -> ActiveProfile:
        return find_active(
            profile,
            place.connector,
            began_at=session.ledger.started_at,
            at=self._clock.now(),
            horizon_s=duration_s,
        )

    def _profile_of(self, session: Session) -> ChargingProfile | None:
        known = self._memory.profiles.get(session.id)
        return None if known is None else known.profile


def is_accepted(reply: CallReply) -> bool:
    return reply.outcome is CallOutcomeKind.ANSWERED and reply.status == ACCEPTED
