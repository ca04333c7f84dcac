"""Charging profiles that partners set on their sessions, ask for, and clear.

What is asked is kept and answered at once; a task asks the station, and its answer becomes the one result.  The
station's mailbox is not held meanwhile.  From the first profile that a station takes, its partner is told of every
change.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from weakref import WeakValueDictionary

import structlog

from gateway.core.profiles import Refusal, decide_request, find_breach, find_fault, find_stack_level, profile_id_of
from gateway.domain.callbacks import Callback, CallbackKind
from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    ClearProfileCall,
    GetProfileLimitsCall,
    SetProfileCall,
)
from gateway.domain.ids import PartyId, station_key
from gateway.domain.locations import Place
from gateway.domain.partners import Partner
from gateway.domain.profiles import (
    ActiveProfile,
    ChargingProfile,
    ProfileLimits,
    ProfileResponse,
    ProfileResult,
    SessionProfile,
)
from gateway.domain.sessions import Session
from gateway.errors import StoreDownError
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.order_desk import OrderDesk
from gateway.flows.schedules import Schedules, is_accepted
from gateway.ports import Change, Clock, DropProfile, Ids, SaveProfile, Store

log = structlog.get_logger(__name__)

MINUTE = timedelta(minutes=1)
LIMITS_TIMEOUT_S = 10.0
SWEEP = timedelta(seconds=30)
UNKNOWN_PROFILE = "Unknown"  # OCPP 1.6 7.21, OCPP 2.0.1 K10.FR.01


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRules:
    """`timeout_s`: within so long partners are promised a result.  `requests_per_minute`: for one session; each is a
    message over the station's (often metered) line.  `stack_level`: of our profiles."""

    timeout_s: int = 30
    requests_per_minute: int = 6
    stack_level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAsked:
    """Who asks about which session, and where the result is to go."""

    partner: Partner
    version: str
    session_id: str
    response_url: str
    sender: PartyId | None = None
    receiver: PartyId | None = None
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAnswer:
    """What is said at once; `reason` where it is no."""

    response: ProfileResponse
    timeout_s: int
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """A request that goes to the station."""

    callback: Callback
    session: Session
    place: Place


class ProfileApi(Protocol):
    """What the edge to the partners needs.  All raise WireError and StoreDownError."""

    async def put(self, asked: ProfileAsked, profile: ChargingProfile) -> ProfileAnswer:
        """Set a profile, in place of the one before."""

    async def get(self, asked: ProfileAsked, duration_s: int) -> ProfileAnswer:
        """Ask for what holds for the next `duration_s`."""

    async def clear(self, asked: ProfileAsked) -> ProfileAnswer:
        """Take a profile off."""


Run = Callable[[_Order], Coroutine[Any, Any, None]]


class Profiles:
    """Takes requests for charging profiles (OCPI 2.2.1 mod_charging_profiles).  Implements ProfileApi."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        mailboxes: Mailboxes,
        desk: OrderDesk,
        schedules: Schedules,
        rules: ProfileRules,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._mailboxes = mailboxes
        self._desk = desk
        self._schedules = schedules
        self._rules = rules
        self._asked_at: dict[str, deque[datetime]] = {}
        self._limits: dict[str, tuple[datetime | None, ProfileLimits]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._swept_at: datetime | None = None

    # --- what partners ask -----------------------------------------------------------------------------------------

    async def put(self, asked: ProfileAsked, profile: ChargingProfile) -> ProfileAnswer:
        """Set a profile, in place of the one before.  Raises WireError and StoreDownError."""
        return await self._take(
            asked,
            CallbackKind.SET_PROFILE,
            lambda order: self._set(order, profile),
            lambda: find_fault(profile),
            profile,
        )

    async def get(self, asked: ProfileAsked, duration_s: int) -> ProfileAnswer:
        """Ask for what holds for the next `duration_s`.  Raises WireError and StoreDownError."""
        return await self._take(asked, CallbackKind.GET_PROFILE, lambda order: self._get(order, duration_s))

    async def clear(self, asked: ProfileAsked) -> ProfileAnswer:
        """Take a profile off.  Raises WireError and StoreDownError."""
        return await self._take(asked, CallbackKind.CLEAR_PROFILE, self._clear)

    async def _take(
        self,
        asked: ProfileAsked,
        kind: CallbackKind,
        run: Run,
        find_own_fault: Callable[[], str | None] = lambda: None,
        profile: ChargingProfile | None = None,
    ) -> ProfileAnswer:
        self._desk.callbacks.check_response_url(asked.partner, asked.response_url)
        session = self._memory.sessions.get(asked.session_id)
        place = self._find_place(session)
        refusal = self._decide(asked, session, place, profile) or _rejected(find_own_fault())
        if refusal is None and not self._is_in_time(asked.session_id):
            reason = f"at most {self._rules.requests_per_minute} requests a minute for one session"
            refusal = Refusal(response=ProfileResponse.TOO_OFTEN, reason=reason)
        if refusal is not None or session is None or place is None:
            return self._refuse(asked, kind, refusal)
        order = _Order(callback=self._open(asked, kind, session, place), session=session, place=place)
        await self._desk.callbacks.open(order.callback)
        self._desk.spawn(self._run(order, run), callback_id=order.callback.id, kind=kind)
        return ProfileAnswer(response=ProfileResponse.ACCEPTED, timeout_s=self._rules.timeout_s)

    def _decide(
        self, asked: ProfileAsked, session: Session | None, place: Place | None, profile: ChargingProfile | None
    ) -> Refusal | None:
        """What can be said without asking the station."""
        connection = None if session is None else self._desk.stations.find_connection(session.key.station_id)
        refusal = decide_request(
            session if place is not None else None,
            asked.partner.id,
            asked.sender,
            () if place is None else place.evse.capabilities,
            is_connected=connection is not None,
        )
        if refusal is not None or session is None or profile is None:
            return refusal
        limits = self._known_limits(session.key.station_id)
        return None if limits is None else _rejected(find_breach(profile, limits, self._count_others(session)))

    def _refuse(self, asked: ProfileAsked, kind: CallbackKind, refusal: Refusal | None) -> ProfileAnswer:
        response = ProfileResponse.UNKNOWN_SESSION if refusal is None else refusal.response
        reason = None if refusal is None else refusal.reason
        log.info("profile request refused", kind=kind, partner_id=asked.partner.id, response=response, reason=reason)
        return ProfileAnswer(response=response, timeout_s=self._rules.timeout_s, reason=reason)

    def _open(self, asked: ProfileAsked, kind: CallbackKind, session: Session, place: Place) -> Callback:
        now, token = self._clock.now(), session.terms.token
        return Callback(
            id=self._ids.new(),
            partner_id=asked.partner.id,
            version=asked.version,
            kind=kind,
            response_url=asked.response_url,
            sender=asked.sender or (None if token is None else token.party),
            receiver=asked.receiver or place.location.party,
            correlation_id=asked.correlation_id,
            station_id=session.key.station_id,
            session_id=session.id,
            asked_at=now,
            deadline=now + timedelta(seconds=self._rules.timeout_s),
        )

    # --- what the station says -------------------------------------------------------------------------------------

    async def _set(self, order: _Order, profile: ChargingProfile) -> None:
        session, callback = order.session, order.callback
        limits = await self._load_limits(session.key.station_id)
        breach = find_breach(profile, limits, self._count_others(session))
        if breach is not None:
            await self._desk.callbacks.finish(callback.id, ProfileResult.REJECTED, message=breach)
            return
        reply = await self._send_set(session, profile, limits, self._desk.left_s(callback))
        if not is_accepted(reply):
            await self._desk.callbacks.finish(callback.id, ProfileResult.REJECTED, message=_reason(reply))
            return
        await self._settle(order, ProfileResult.ACCEPTED, [_save(session, callback.partner_id, profile, self._clock)])

    async def _get(self, order: _Order, duration_s: int) -> None:
        session, callback = order.session, order.callback
        reply = await self._schedules.ask(session, duration_s, timeout_s=self._desk.left_s(callback))
        if not is_accepted(reply):
            await self._desk.callbacks.finish(callback.id, ProfileResult.REJECTED, message=_reason(reply))
            return
        active: ActiveProfile = self._schedules.read(session, order.place, reply, duration_s)
        await self._desk.callbacks.finish(callback.id, ProfileResult.ACCEPTED, content=active)

    async def _clear(self, order: _Order) -> None:
        """What the station does not know (any more) is not there: OCPI has a word for that."""
        session, callback = order.session, order.callback
        reply = await self._desk.send(callback, ClearProfileCall(profile_id=profile_id_of(session)))
        is_unknown = reply.outcome is CallOutcomeKind.ANSWERED and reply.status == UNKNOWN_PROFILE
        if not is_accepted(reply) and not is_unknown:
            await self._desk.callbacks.finish(callback.id, ProfileResult.REJECTED, message=_reason(reply))
            return
        known = self._memory.profiles.get(session.id)
        is_set = known is not None and known.profile is not None
        more = [_save(session, callback.partner_id, None, self._clock)] if is_set else []
        await self._settle(order, ProfileResult.UNKNOWN if is_unknown else ProfileResult.ACCEPTED, more)

    async def _settle(self, order: _Order, result: ProfileResult, more: Sequence[Change]) -> None:
        """The result, and what it makes of the session's profile: in one Work, in the station's order."""

        async def finish() -> None:
            goes_on = _is_under_way(self._memory.sessions.get(order.session.id))
            await self._desk.callbacks.finish(order.callback.id, result, more=more if goes_on else ())

        await self._mailboxes.run(order.session.key.station_id, finish)

    def renew(self, session_id: str) -> None:
        """Send a session's profile to its station once more: its car has asked for one, or plans to go beyond it
        (OCPP 2.0.1 K15.FR.07, K16)."""
        self._desk.spawn(self._renew(session_id), session_id=session_id, kind="renewal of a profile")

    async def _renew(self, session_id: str) -> None:
        async with self._turn(session_id):
            session, known = self._memory.sessions.get(session_id), self._memory.profiles.get(session_id)
            if session is None or not _is_under_way(session) or known is None or known.profile is None:
                return
            limits = await self._load_limits(session.key.station_id)
            reply = await self._send_set(session, known.profile, limits, self._rules.timeout_s)
        log.info("profile sent again", session_id=session_id, is_accepted=is_accepted(reply), reason=_reason(reply))

    async def _send_set(
        self, session: Session, profile: ChargingProfile, limits: ProfileLimits, timeout_s: float
    ) -> CallReply:
        assert session.transaction_id is not None  # or it could not be asked for: `decide_request`
        call = SetProfileCall(
            evse_no=session.key.evse_no,
            connector_no=session.key.connector_no,
            transaction_id=session.transaction_id,
            profile_id=profile_id_of(session),
            stack_level=find_stack_level(self._rules.stack_level, limits),
            profile=profile,
        )
        return await self._desk.stations.send(session.key.station_id, call, timeout_s=timeout_s)

    # --- what stations can take ------------------------------------------------------------------------------------

    def _known_limits(self, station_id: str) -> ProfileLimits | None:
        """What it said since its last boot."""
        station, known = self._memory.find_station(station_id), self._limits.get(station_key(station_id))
        if known is None or station is None or known[0] != station.last_boot_at:
            return None
        return known[1]

    async def _load_limits(self, station_id: str) -> ProfileLimits:
        """The same, asked for where it has not been yet; a station that does not say takes what it is given."""
        limits = self._known_limits(station_id)
        if limits is not None:
            return limits
        station = self._memory.find_station(station_id)
        reply = await self._desk.stations.send(station_id, GetProfileLimitsCall(), timeout_s=LIMITS_TIMEOUT_S)
        limits = reply.limits or ProfileLimits()
        if reply.outcome in (CallOutcomeKind.ANSWERED, CallOutcomeKind.CALL_ERROR) and station is not None:
            self._limits[station_key(station_id)] = (station.last_boot_at, limits)
        return limits

    def _count_others(self, session: Session) -> int:
        """The profiles of other sessions that we have installed on the same station; one dies with its session."""
        station = station_key(session.key.station_id)
        return sum(
            profile.profile is not None and station_key(profile.station_id) == station
            for profile in self._memory.profiles.values()
            if profile.session_id != session.id and _is_under_way(self._memory.sessions.get(profile.session_id))
        )

    # --- time ------------------------------------------------------------------------------------------------------

    def on_due(self, now: datetime) -> None:
        """Take off, now and then, the profiles of sessions that are over: a TxProfile ends with its transaction
        (OCPP 1.6 3.13.1)."""
        if self._swept_at is not None and now - self._swept_at < SWEEP:
            return
        self._swept_at = now
        for session_id, asked_at in list(self._asked_at.items()):
            if now - asked_at[-1] >= MINUTE:
                del self._asked_at[session_id]
        over = [
            DropProfile(session_id)
            for session_id in self._memory.profiles
            if not _is_under_way(self._memory.sessions.get(session_id))
        ]
        if over:
            self._desk.spawn(self._drop(over))

    async def _drop(self, over: Sequence[DropProfile]) -> None:
        try:
            await self._store.commit(over, bulk=True)
        except StoreDownError as error:
            log.error("profiles not dropped yet", count=len(over), reason=str(error))

    def _is_in_time(self, session_id: str) -> bool:
        """Is there room for another request within this minute?  It is counted then."""
        now = self._clock.now()
        asked_at = self._asked_at.setdefault(session_id, deque())
        while asked_at and now - asked_at[0] >= MINUTE:
            asked_at.popleft()
        if len(asked_at) >= self._rules.requests_per_minute:
            return False
        asked_at.append(now)
        return True

    # --- parts -----------------------------------------------------------------------------------------------------

    def _find_place(self, session: Session | None) -> Place | None:
        """Where the session charges, with the capabilities of now."""
        if session is None or session.terms.place is None:
            return None
        return self._memory.find_place(session.key) or session.terms.place

    def _turn(self, session_id: str) -> asyncio.Lock:
        """What is asked of one session goes to its station in the order in which it was asked."""
        return self._turns.setdefault(session_id, asyncio.Lock())

    async def _run(self, order: _Order, run: Run) -> None:
        async with self._turn(order.session.id):
            if self._desk.callbacks.find_open(order.callback.id) is not None:  # else its deadline has passed
                await run(order)


def _rejected(reason: str | None) -> Refusal | None:
    return None if reason is None else Refusal(response=ProfileResponse.REJECTED, reason=reason)


def _save(session: Session, partner_id: str, profile: ChargingProfile | None, clock: Clock) -> SaveProfile:
    return SaveProfile(
        SessionProfile(
            session_id=session.id,
            station_id=session.key.station_id,
            partner_id=partner_id,
            profile=profile,
            set_at=clock.now(),
        )
    )


def _is_under_way(session: Session | None) -> bool:
    return session is not None and session.is_open and session.ledger.ended_at is None


def _reason(reply: CallReply) -> str:
    """Why it was no, in words."""
    if reply.outcome is CallOutcomeKind.ANSWERED:
        return f"the station answered {reply.status}" + (f": {reply.reason}" if reply.reason else "")
    told = reply.reason or reply.error_code
    return f"{reply.outcome.value.lower().replace('_', ' ')}: {told}" if told else reply.outcome.value.lower()
