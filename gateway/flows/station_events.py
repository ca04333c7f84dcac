"""What stations tell, story by story.  The OCPP edge calls these from the station's mailbox and renders what they
return."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.core.facts import state_fact_of
from gateway.domain.events import (
    AuthorizeAsked,
    BootAnswer,
    BootReported,
    ChargingNeedsReported,
    ChargingPlanReported,
    MessageQuarantined,
    NoticeReported,
    ReservationEnded,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.ids import ConnectorKey, station_key
from gateway.domain.sessions import FactKind, Session
from gateway.domain.signatures import KeySource, MeterKey
from gateway.domain.stations import Admission, ConnectorState, Deviation, Station
from gateway.domain.tokens import Authorization, AuthStatus
from gateway.errors import ConflictError, RevisionConflictError, StoreDownError
from gateway.flows.authorization import Authorizer
from gateway.flows.availability import Availability
from gateway.flows.expected import AllExpected, Expectations
from gateway.flows.inquiries import Shown
from gateway.flows.masking import mask_uid
from gateway.flows.memory import Memory
from gateway.flows.profile_news import ProfileNews
from gateway.flows.transactions import Transactions
from gateway.ports import Change, Clock, SaveDeviation, SaveNotice, SaveQuarantined, SaveStation, Store

log = structlog.get_logger(__name__)

LOST = (ConnectorState.FAULTED, ConnectorState.UNAVAILABLE)
DEVIATION_FLUSH = timedelta(minutes=1)
MOST_KEY_CHARACTERS = 2_500  # OCPP 2.0.1 SignedMeterValueType: publicKey
DEVIATION_LIMIT = 10_000
"""Kinds of faults counted in memory: a station may invent new ones without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootRules:
    heartbeat_interval_s: int = 300
    pending_retry_s: int = 60


class ReservationWatch(Protocol):
    """Who keeps plugs for drivers and wants to know what stations tell of them."""

    def on_connected(self, station_id: str) -> None: ...
    def on_booted(self, station_id: str) -> None: ...
    async def on_reservation_ended(self, event: ReservationEnded) -> None: ...
    async def on_plug_lost(self, key: ConnectorKey) -> None: ...


class StationEvents:
    """The door of the flows for the OCPP edge.  Whatever returns is durable; StoreDownError means: do not answer."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        authorizer: Authorizer,
        availability: Availability,
        transactions: Transactions,
        rules: BootRules,
        expectations: Expectations | None = None,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._authorizer = authorizer
        self._availability = availability
        self._transactions = transactions
        self._rules = rules
        self._expectations = expectations or AllExpected()
        self.reservations: ReservationWatch | None = None  # None: nobody reserves anything, as in a replay
        self.profile_news = ProfileNews(store, memory)
        self._deviations: dict[tuple[str, str, str, str], Deviation] = {}

    def on_connected(self, station_id: str) -> None:
        self._availability.on_connected(station_id)
        if self.reservations is not None:
            self.reservations.on_connected(station_id)

    def on_disconnected(self, station_id: str) -> None:
        self._availability.on_disconnected(station_id)

    def admission_of(self, station_id: str) -> Admission:
        """May the station take part now?  One that was deleted while connected may not."""
        station = self._memory.find_station(station_id)
        return Admission.REJECTED if station is None else station.admission

    def find_station(self, station_id: str) -> Station | None:
        return self._memory.find_station(station_id)

    async def on_boot(self, event: BootReported) -> BootAnswer:
        """Note what the station is, and tell it whether it may take part."""
        station = self._memory.find_station(event.receipt.station_id)
        if station is None:  # deleted while it was connected
            return self._answer_boot(Admission.REJECTED)
        booted = replace(
            station,
            vendor=event.vendor,
            model=event.model,
            serial_number=event.serial_number,
            firmware_version=event.firmware_version,
            last_boot_at=event.receipt.received_at,
            last_boot_reason=event.reason,
            boot_version=event.version,
        )
        await self._store.commit([SaveStation(booted)])
        log.info("station booted", station_id=station.id, model=event.model, admission=station.admission)
        await self._availability.on_booted(station.id)
        if self.reservations is not None and station.admission is Admission.ACCEPTED:
            self.reservations.on_booted(station.id)
        return self._answer_boot(station.admission)

    def _answer_boot(self, admission: Admission) -> BootAnswer:
        is_accepted = admission is Admission.ACCEPTED
        interval_s = self._rules.heartbeat_interval_s if is_accepted else self._rules.pending_retry_s
        return BootAnswer(admission=admission, interval_s=interval_s, now=self._clock.now())

    async def on_status(self, event: StatusReported) -> None:
        """A plug's state: what it says of the plug, and of the session there."""
        session = self._session_of(event)
        try:
            await self._save_status(event, session)
        except (RevisionConflictError, ConflictError):
            if session is None:
                raise
            await self._transactions.reload(session.id)
            await self._save_status(event, self._session_of(event))

    async def _save_status(self, event: StatusReported, session: Session | None) -> None:
        of_plug = self._availability.changes_on_status(event)
        of_session: Sequence[Change] = ()
        if session is not None:
            of_session = await self._transactions.changes_on_fact(session, state_fact_of(event))
        if of_plug or of_session:
            await self._store.commit([*of_plug, *of_session])
        if of_plug:
            self._availability.on_status_saved(event.receipt.station_id)
        if event.state in LOST and self.reservations is not None:
            key = ConnectorKey(
                station_id=event.receipt.station_id, evse_no=event.evse_no, connector_no=event.connector_no
            )
            await self.reservations.on_plug_lost(key)

    def _session_of(self, event: StatusReported) -> Session | None:
        """The session at the plug that the state speaks of: the latest that had begun by then and was not over.  None
        if it is in that state already, and the state is news and not one out of the past."""
        if event.charging_state is None:
            return None
        key = ConnectorKey(station_id=event.receipt.station_id, evse_no=event.evse_no, connector_no=event.connector_no)
        for session in reversed(self._memory.sessions_at(key)):
            ledger = session.ledger
            if ledger.started_at <= event.at and (ledger.ended_at is None or event.at < ledger.ended_at):
                is_known = ledger.charging_state is event.charging_state and event.at > ledger.last_at
                return None if is_known else session
        return None

    async def on_authorize(self, event: AuthorizeAsked) -> Authorization:
        """A card was shown."""
        key = ConnectorKey(station_id=event.receipt.station_id, evse_no=event.evse_no or 0, connector_no=0)
        shown = Shown(id_token=event.id_token, key=key, received_at=event.receipt.received_at)
        decision = self._expectations.find_card(shown) or await self._authorizer.decide(shown)
        if decision.status is not AuthStatus.ACCEPTED:
            log.info(
                "token refused",
                station_id=event.receipt.station_id,
                token=mask_uid(event.id_token.value),
                status=decision.status,
                reason=decision.reason,
            )
        return decision

    def on_transaction(self, event: TransactionReported) -> Awaitable[TransactionAnswer]:
        """A start, readings, a change or a stop."""
        is_begin_or_end = event.kind is FactKind.STARTED or event.kind is FactKind.ENDED
        if is_begin_or_end or event.id_token is not None:  # a card may use what is reserved
            return self._on_change(event)
        return self._transactions.on_transaction(event)

    def begin_transaction(
        self, event: TransactionReported, then: Callable[[TransactionAnswer | Exception], None]
    ) -> bool:
        """Readings or a change, where one commit is all that it takes; else False, and nothing is done."""
        return self._transactions.begin(event, then)

    async def _on_change(self, event: TransactionReported) -> TransactionAnswer:
        answer = await self._transactions.on_transaction(event)
        await self._availability.refresh(event.receipt.station_id)
        return answer

    async def on_reservation_ended(self, event: ReservationEnded) -> None:
        """The station keeps a plug no longer."""
        if self.reservations is not None:
            await self.reservations.on_reservation_ended(event)

    async def on_notice(self, event: NoticeReported) -> None:
        """Something for the operator's eyes."""
        await self._store.commit([SaveNotice(event)])

    async def on_limits_changed(self, notice: NoticeReported, evse_no: int | None) -> None:
        """A charging limit from elsewhere was set or lifted."""
        await self.profile_news.on_limits_changed(notice, evse_no)

    async def on_charging_needs(self, event: ChargingNeedsReported) -> bool:
        """A car says what it needs; True: a profile for it follows."""
        return await self.profile_news.on_needs(event)

    async def on_charging_plan(self, event: ChargingPlanReported) -> bool:
        """A car says how it will charge; False: it must not."""
        return await self.profile_news.on_plan(event)

    async def on_quarantined(self, event: MessageQuarantined) -> str | None:
        """A message that carries a fact and cannot be used: kept whole, listed, to be acknowledged.

        A start is to be answered with a transaction id that nobody else has: what follows under it is kept as well.
        """
        await self._store.commit([SaveQuarantined(event)])
        log.warning(
            "message quarantined",
            station_id=event.receipt.station_id,
            action=event.receipt.action,
            reason=event.reason,
        )
        if event.receipt.action != "StartTransaction":
            return None
        return str(await self._store.next_transaction_no())

    async def on_deviation(self, deviation: Deviation) -> None:
        """A fault that was put up with.  The first is written at once, repetitions are counted and written by the
        minute."""
        key = (station_key(deviation.station_id), deviation.action, deviation.path, deviation.problem)
        known = self._deviations.get(key)
        if known is not None and deviation.last_at - known.last_at < DEVIATION_FLUSH:
            self._deviations[key] = replace(known, count=known.count + 1)
            return
        if known is None and len(self._deviations) >= DEVIATION_LIMIT:
            self._deviations.clear()  # each is written anew when it comes again
        count = 1 if known is None else known.count + 1
        self._deviations[key] = replace(deviation, count=0)  # before the commit: others may come meanwhile
        try:
            await self._store.commit([SaveDeviation(replace(deviation, count=count))])
        except StoreDownError:
            if known is None:
                del self._deviations[key]
            else:
                self._deviations[key] = known
            raise

    async def on_meter_keys(self, station_id: str, keys: Mapping[int, str]) -> None:
        """The public keys of the meters as the station tells them now; those of the operator stay."""
        station = self._memory.find_station(station_id)
        if station is None:
            return
        told = tuple(
            MeterKey(evse_no=no, source=KeySource.STATION, text=keys[no])
            for no in sorted(keys)
            if len(keys[no]) <= MOST_KEY_CHARACTERS
        )
        others = tuple(key for key in station.meter_keys if key.source is not KeySource.STATION)
        if (*others, *told) == station.meter_keys:
            return
        try:
            await self._store.commit([SaveStation(replace(station, meter_keys=(*others, *told)))])
        except RevisionConflictError:  # changed meanwhile: the next boot tells them again
            log.warning("meter keys not kept", station_id=station.id)
            return
        log.info("meter keys told", station_id=station.id, evses=sorted(keys))

    def now(self) -> datetime:
        return self._clock.now()
