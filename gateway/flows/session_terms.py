"""What holds for a session: its plug, its price, its driver, and when its bill is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.core.drivers import identify
from gateway.core.tariffs import choose_tariff, is_valid, types_for
from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector
from gateway.domain.profiles import ChargingPreferences
from gateway.domain.sessions import Session, SessionStatus, Terms
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Authorization, IdToken, Token
from gateway.flows.memory import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class SealRules:
    """Seconds between the end of a session and its CDR, and until a session that never ends is given up.

    `round_to`: the decimals to which parties round their bills, of those that do.  `cost_interval_s`: see `CostsTold`.
    """

    seal_after_s: float = 5
    gap_wait_s: float = 3_600
    ghost_after_s: float = 86_400
    round_to: Mapping[PartyId, int] = field(default_factory=dict)
    cost_interval_s: int = 60


class SessionTerms:
    """Gives a session its terms, out of what is in memory now."""

    def __init__(self, memory: Memory, rules: SealRules) -> None:
        self._memory = memory
        self._rules = rules

    def find_key(self, event: TransactionReported) -> ConnectorKey:
        """The plug; where an event names the EVSE alone it is the EVSE's only plug, or its first."""
        evse_no = event.evse_no or 0
        connector_no = event.connector_no
        if connector_no is None:
            known = self._memory.connector_nos(event.receipt.station_id, evse_no)
            connector_no = known[0] if known else 1 if evse_no else 0
        return ConnectorKey(station_id=event.receipt.station_id, evse_no=evse_no, connector_no=connector_no)

    def find_terms(
        self, key: ConnectorKey, at: datetime, token: Token | None, wishes: ChargingPreferences | None = None
    ) -> Terms:
        """What holds for a session at this plug; of its location only the one EVSE is copied."""
        place = self._memory.find_place(key)
        if place is None:
            return Terms()
        copied = replace(place, location=replace(place.location, evses=(place.evse,)))
        tariff = self.find_tariff(place.connector, at, token, wishes)
        return Terms(place=copied, tariff=tariff, round_to=self.find_round_to(place.location.party))

    def begin_terms(self, awaited: Session, key: ConnectorKey, at: datetime) -> Terms:
        """What holds for a transaction that began then; of one that was reserved at this plug what was agreed then."""
        terms = awaited.terms
        is_agreed = awaited.ledger.is_reservation and awaited.key == key and terms.place is not None
        if is_agreed and terms.tariff is not None and is_valid(terms.tariff, at):
            return terms
        return self.find_terms(key, at, None)

    def find_round_to(self, party: PartyId) -> int | None:
        """The decimals to which this party rounds its bills now."""
        return self._rules.round_to.get(party)

    def find_tariff(
        self, connector: Connector, at: datetime, token: Token | None, wishes: ChargingPreferences | None = None
    ) -> Tariff | None:
        """The tariff of a plug for a driver with such a token and such wishes, valid at that time."""
        types = types_for(
            token_type=None if token is None else token.type,
            profile_type=None if wishes is None else wishes.profile_type,
        )
        return choose_tariff(self.tariffs_of(connector), at, types)

    def tariffs_of(self, connector: Connector) -> Sequence[Tariff]:
        """The tariffs that a plug names, as they are now."""
        tariffs = self._memory.tariffs
        return [tariffs[name] for name in connector.tariff_ids if name in tariffs]

    def identify(self, session: Session, id_token: IdToken | None, authorization: Authorization) -> Session:
        """The session of this driver, at the price that the plug has for him, as his provider reads it."""
        identified = identify(session, id_token, authorization)
        partner = self._memory.partners.get(identified.partner_id or "")
        terms = replace(identified.terms, parks_when_curtailed=partner is not None and partner.parks_when_curtailed)
        identified = replace(identified, terms=terms)
        known_type = None if session.terms.token is None else session.terms.token.type
        token_type = None if terms.token is None else terms.token.type
        if terms.place is None or types_for(token_type=token_type) == types_for(token_type=known_type):
            return identified
        tariff = self.find_tariff(terms.place.connector, identified.ledger.started_at, terms.token, terms.preferences)
        return replace(identified, terms=replace(terms, tariff=tariff))

    def move(self, session: Session, event: TransactionReported) -> Session:
        """What was told first did not say where, or not when it began: now it is known, and so is the price.

        Terms that hold for that plug and that time stay as they were copied.
        """
        key = self.find_key(event) if tells_place(event, session) else session.key
        terms, started_at = session.terms, session.ledger.started_at
        is_here = key == session.key
        if is_here and terms.tariff is not None and is_valid(terms.tariff, started_at):
            return session
        found = self.find_terms(key, started_at, terms.token, terms.preferences)
        place = terms.place if is_here and terms.place is not None else found.place
        moved = replace(terms, place=place, tariff=found.tariff, round_to=found.round_to)
        return replace(session, key=key, terms=moved)

    def complete(self, session: Session) -> Session:
        """A session that began before its plug had a location or a tariff takes those of now; nothing else is
        replaced."""
        terms = session.terms
        if terms.place is not None and terms.tariff is not None:
            return session
        place = terms.place or self._memory.find_place(session.key)
        current = self._memory.find_place(session.key) or place
        tariff = terms.tariff
        if tariff is None and current is not None:
            tariff = self.find_tariff(current.connector, session.ledger.started_at, terms.token, terms.preferences)
        if place is terms.place and tariff is terms.tariff:
            return session
        round_to = self.find_round_to(place.location.party) if place is not None else None
        return replace(session, terms=replace(terms, place=place, tariff=tariff, round_to=round_to))

    def schedule(self, session: Session, now: datetime) -> Session:
        """When to make the CDR: a moment after a 1.6 stop, at once where numbered events have no gap, else later.

        Facts that come meanwhile may hasten it, never put it off; one that got no CDR is looked at anew.
        """
        ledger = session.ledger
        if ledger.ended_at is None or session.status is not SessionStatus.COMPLETED:
            return session
        wait_s = self._rules.seal_after_s
        if ledger.seq_min is not None:
            wait_s = self._rules.gap_wait_s if ledger.has_gap else 0
        due_at = now + timedelta(seconds=wait_s)
        return replace(session, seal_due_at=min(due_at, session.seal_due_at or due_at), waiver=None)


def tells_place(event: TransactionReported, session: Session) -> bool:
    """Does the event say where, and better than what is known?  The first events of a transaction may name no EVSE, or
    the EVSE alone (OCPP 2.0.1 E01.FR.16: both once the EV is connected)."""
    evse_no, key = event.evse_no, session.key
    if not evse_no or event.seq_no is None:
        return False
    if key.evse_no == 0:
        return True
    is_connector_new = event.connector_no is not None and event.connector_no != key.connector_no
    return evse_no == key.evse_no and is_connector_new
