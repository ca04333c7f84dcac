"""What a change means for partners: the deliveries that go into the same Work.

Asked for every change that is saved, so it decides by what is in memory, and a message of a running session costs a
comparison: while its delivery waits there is nothing to add, for it is rendered when it is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.delivery import find_changed_parts, find_session_due, find_status_due
from gateway.core.visibility import find_view, is_visible
from gateway.domain.deliveries import (
    PROFILES_MODULE,
    Delivery,
    DeliveryKind,
    Subject,
    bill_subject,
    invoice_subject,
    location_subject,
    profile_subject,
    session_subject,
    tariff_subject,
)
from gateway.domain.locations import Location
from gateway.domain.partners import Partner
from gateway.domain.sessions import ChargingState, Ledger, SessionStatus
from gateway.domain.tariffs import Tariff
from gateway.flows.memory import Memory
from gateway.flows.partner_book import receiver_modules
from gateway.ports import (
    Change,
    Clock,
    DeleteInvoice,
    DeleteTariff,
    DropDeliveries,
    Enqueue,
    SaveCdr,
    SaveEvseStatus,
    SaveInvoice,
    SaveLocation,
    SavePartner,
    SaveProfile,
    SaveSession,
    SaveTariff,
)

INVOICES = "invoicereconciliation"
AFTER_HANDSHAKE = timedelta(seconds=1)
"""A partner takes objects once it has the answer to its registration."""


@dataclass(slots=True, eq=False)
class _Told:
    """A running session as its partner will know it next, or does."""

    status: SessionStatus
    charging_state: ChargingState | None
    is_waiting: bool
    sent_at: datetime | None = None


class Outbox:
    """Which partners are to be told of which change.  `interval`: between two tellings of a session's progress."""

    def __init__(self, memory: Memory, clock: Clock, interval: timedelta) -> None:
        self._memory = memory
        self._clock = clock
        self._interval = interval
        self._modules: dict[str, frozenset[str]] = {}
        self._told: dict[str, _Told] = {}
        self._statuses_due: dict[Subject, datetime] = {}

    def follow(self, change: Change) -> Sequence[Change]:
        """The deliveries that a change brings with it."""
        if isinstance(change, SaveSession):
            return self._follow_session(change) if change.session.partner_id is not None else ()
        if isinstance(change, SaveCdr):
            cdr = change.cdr
            return self._enqueue(
                [bill_subject(cdr.session_id, cdr.id)] if self._has(cdr.partner_id, "cdrs") else [], cdr.partner_id
            )
        if isinstance(change, SaveInvoice | DeleteInvoice):
            record = change.record
            subjects = [invoice_subject(record.party, record.to, record.id)]
            return self._enqueue(subjects if self._has(record.partner_id, INVOICES) else [], record.partner_id)
        if isinstance(change, SaveEvseStatus):
            return self._follow_status(change)
        if isinstance(change, SaveLocation):
            return self._follow_location(change.location)
        if isinstance(change, SaveTariff):
            return self._follow_tariff(change.tariff)
        if isinstance(change, DeleteTariff):
            return self._follow_tariff(self._memory.tariffs.get(change.tariff_id))
        if isinstance(change, SaveProfile):
            profile = change.profile
            is_told = self._has(profile.partner_id, PROFILES_MODULE)
            return self._enqueue([profile_subject(profile.session_id)] if is_told else [], profile.partner_id)
        if isinstance(change, SavePartner):
            return self._follow_partner(change.partner)
        return ()

    def on_changes(self, changes: Sequence[Change]) -> None:
        """What was committed: the memory has it already."""
        for change in changes:
            if isinstance(change, Enqueue):
                self.note_waiting(change.delivery.subject)
                if change.delivery.subject.kind is DeliveryKind.EVSE_STATUS:
                    self._statuses_due[change.delivery.subject] = change.delivery.due_at
            elif isinstance(change, SavePartner):
                self._modules[change.partner.id] = receiver_modules(change.partner)

    def note_waiting(self, subject: Subject) -> None:
        """A delivery waits: it will tell the present state."""
        session = self._memory.sessions.get(subject.object_id) if subject.kind is DeliveryKind.SESSION else None
        if session is None:
            return
        told = self._told.get(session.id)
        sent_at = None if told is None else told.sent_at
        self._told[session.id] = _Told(session.status, session.ledger.charging_state, True, sent_at)

    def on_sending(self, subject: Subject) -> None:
        """What is told now is told; what comes from here on needs another delivery."""
        told = self._told.get(subject.object_id) if subject.kind is DeliveryKind.SESSION else None
        if told is not None and told.status in (SessionStatus.COMPLETED, SessionStatus.INVALID):
            del self._told[subject.object_id]
        elif told is not None:
            told.is_waiting, told.sent_at = False, self._clock.now()

    def resync(self, partner: Partner, *, due_at: datetime | None = None) -> Sequence[Enqueue]:
        """Everything but bills that a partner may know: tariffs, locations, open sessions and what it set on them."""
        return self._enqueue(self._all_of(partner, receiver_modules(partner)), partner.id, due_at=due_at)

    # --- one kind of change each ----------------------------------------------------------------------------------

    def _follow_session(self, change: SaveSession) -> Sequence[Change]:
        session = change.session
        told = self._told.get(session.id)
        is_final = session.sealed_cdr_id is not None or session.waiver is not None
        is_as_told = told is not None and _is_as_told(session.status, change.ledger or session.ledger, told)
        if not is_final and is_as_told and told is not None and told.is_waiting:
            return ()
        partner_id, terms = session.partner_id, session.terms
        if not self._has(partner_id, "sessions") or terms.place is None or terms.token is None:
            return ()
        now = self._clock.now()
        if is_final:
            if change.fact is None and not change.write_terms and (told is None or not told.is_waiting):
                return ()  # it was told as COMPLETED, and nothing of that has changed
            due_at = now
        elif change.fact is None and not change.write_terms:
            return ()
        else:
            last_sent_at = told.sent_at if is_as_told and told is not None else None
            due_at = find_session_due(session, last_sent_at, now, self._interval)
        return self._enqueue([session_subject(session.id)], partner_id, due_at=due_at)

    def _follow_status(self, change: SaveEvseStatus) -> Sequence[Change]:
        location = self._memory.locations.get(change.location_id)
        if location is None:
            return ()
        evse = next((evse for evse in location.evses if evse.uid == change.evse_uid), None)
        if evse is None or evse.override is not None or evse.status is change.status:
            return ()  # the operator's word stands, or nothing new is said
        subject = Subject(kind=DeliveryKind.EVSE_STATUS, lane_id=location.id, object_id=location.id, evse_uid=evse.uid)
        watching = [partner for partner in self._receivers("locations") if is_visible(location, partner)]
        due_at = find_status_due(self._statuses_due.get(subject), self._clock.now())
        return [row for partner in watching for row in self._enqueue([subject], partner.id, due_at=due_at)]

    def _follow_location(self, location: Location) -> Sequence[Change]:
        before = self._memory.locations.get(location.id)
        parts = find_changed_parts(before, location)
        rows: list[Change] = []
        for partner in self._receivers("locations"):
            was_visible = before is not None and is_visible(before, partner)
            if was_visible or is_visible(location, partner):
                rows += self._enqueue(parts, partner.id)
        return rows

    def _follow_tariff(self, tariff: Tariff | None) -> Sequence[Change]:
        if tariff is None:
            return ()
        subject = tariff_subject(tariff.party, tariff.id)
        return [row for partner in self._receivers("tariffs") for row in self._enqueue([subject], partner.id)]

    def _follow_partner(self, partner: Partner) -> Sequence[Change]:
        """One that registers, or is to know another party of ours, is told everything; one that leaves nothing."""
        before, modules = self._modules.get(partner.id, frozenset()), receiver_modules(partner)
        if not modules:
            return [DropDeliveries(partner.id)] if before else ()
        known = self._memory.partners.get(partner.id)
        has_other_party = known is not None and known.our_party != partner.our_party
        subjects = self._all_of(partner, modules if has_other_party else modules - before)
        if "locations" in before & modules and known is not None and known.sees_unpublished != partner.sees_unpublished:
            subjects += [
                location_subject(location.id) for location in self._memory.locations.values() if not location.publish
            ]
        return self._enqueue(subjects, partner.id, due_at=self._clock.now() + AFTER_HANDSHAKE)

    # --- parts ----------------------------------------------------------------------------------------------------

    def _has(self, partner_id: str | None, module: str) -> bool:
        return partner_id is not None and module in self._modules.get(partner_id, ())

    def _receivers(self, module: str) -> Iterable[Partner]:
        partners = self._memory.partners
        return [partners[partner_id] for partner_id, modules in self._modules.items() if module in modules]

    def _all_of(self, partner: Partner, modules: frozenset[str]) -> list[Subject]:
        memory = self._memory
        subjects: list[Subject] = []
        if "tariffs" in modules:
            subjects += [tariff_subject(tariff.party, tariff.id) for tariff in memory.tariffs.values()]
        if "locations" in modules:
            subjects += [
                location_subject(location.id)
                for location in memory.locations.values()
                if find_view(location, partner) is not None
            ]
        if "sessions" in modules:
            sessions = (session for session in memory.sessions.values() if session.partner_id == partner.id)
            subjects += [session_subject(session.id) for session in sessions if session.is_open]
        if PROFILES_MODULE in modules:
            set_by = (profile for profile in memory.profiles.values() if profile.partner_id == partner.id)
            subjects += [profile_subject(profile.session_id) for profile in set_by]
        return subjects

    def _enqueue(
        self, subjects: Iterable[Subject], partner_id: str | None, *, due_at: datetime | None = None
    ) -> Sequence[Enqueue]:
        now = self._clock.now()
        return [
            Enqueue(Delivery(partner_id=partner_id or "", subject=subject, due_at=due_at or now, created_at=now))
            for subject in subjects
        ]


def _is_as_told(status: SessionStatus, ledger: Ledger, told: _Told) -> bool:
    return told.status is status and told.charging_state is ledger.charging_state
