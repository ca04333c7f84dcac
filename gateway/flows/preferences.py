"""What drivers wish for their sessions, as their eMSPs tell us.

The wishes are kept with the session, for its price and for the operator.  No station is told of them: neither OCPP 1.6
nor 2.0.1 has a message in which a central system tells a departure time or a need of energy (an ISO 15118 car tells its
own, OCPP 2.0.1 K15).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from gateway.core.drivers import speaks_for
from gateway.core.preferences import CAPABILITY, PreferenceRules, decide_preferences, find_supported, is_other_price
from gateway.domain.ids import PartyId
from gateway.domain.profiles import ChargingPreferences, PreferencesAnswer
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.errors import ConflictError, ForbiddenError, NotFoundError, RevisionConflictError
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.transactions import Transactions
from gateway.ports import Clock, SaveSession, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A partner, and the one of its parties that it names as the sender."""

    partner_id: str
    sender: PartyId | None = None


class PreferencesApi(Protocol):
    """What the edge to the partners needs."""

    async def put(self, asker: Asker, session_id: str, wishes: ChargingPreferences) -> PreferencesAnswer:
        """Take what the driver of a session wishes.  Raises NotFoundError and ForbiddenError."""


class Preferences:
    """Takes charging preferences (OCPI 2.2.1 mod_sessions 9.2.1.2).  Implements PreferencesApi."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        mailboxes: Mailboxes,
        transactions: Transactions,
        rules: PreferenceRules,
    ) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._mailboxes = mailboxes
        self._transactions = transactions
        self._rules = rules

    async def put(self, asker: Asker, session_id: str, wishes: ChargingPreferences) -> PreferencesAnswer:
        """Take what the driver of a session wishes, or say why not.

        Raises NotFoundError (no such session of this partner) and ForbiddenError (its EVSE takes no preferences).
        """
        session = await self._load(asker, session_id)
        return await self._mailboxes.run(session.key.station_id, lambda: self._put_again(asker, session_id, wishes))

    async def _put_again(self, asker: Asker, session_id: str, wishes: ChargingPreferences) -> PreferencesAnswer:
        try:
            return await self._put(asker, session_id, wishes)
        except (RevisionConflictError, ConflictError):
            await self._transactions.reload(session_id)
            return await self._put(asker, session_id, wishes)

    async def _put(self, asker: Asker, session_id: str, wishes: ChargingPreferences) -> PreferencesAnswer:
        session = await self._load(asker, session_id)
        place = self._memory.find_place(session.key) or session.terms.place
        if place is None or CAPABILITY not in place.evse.capabilities:
            raise ForbiddenError(f"the EVSE of this session is not {CAPABILITY}")
        terms, started_at = self._transactions.terms, session.ledger.started_at
        tariff = terms.find_tariff(place.connector, started_at, session.terms.token, wishes)
        answer = decide_preferences(
            session,
            wishes,
            connector=place.connector,
            supported=find_supported(terms.tariffs_of(place.connector), started_at, self._rules),
            tariff=tariff,
            rules=self._rules,
            now=self._clock.now(),
        )
        if answer is PreferencesAnswer.ACCEPTED:
            await self._save(session, wishes, tariff if is_other_price(session, tariff) else session.terms.tariff)
        else:
            log.info("preferences not taken", session_id=session.id, answer=answer, profile_type=wishes.profile_type)
        return answer

    async def _save(self, session: Session, wishes: ChargingPreferences, tariff: Tariff | None) -> None:
        """The session with these wishes, the whole of it at the price of `tariff`."""
        terms = replace(session.terms, preferences=wishes, tariff=tariff)
        changed = replace(session, terms=terms)
        if not session.is_awaited:
            changed = await self._transactions.cut_anew(changed, session.terms)
        await self._store.commit([SaveSession(changed, write_terms=True)])
        log.info(
            "preferences taken",
            session_id=session.id,
            profile_type=wishes.profile_type,
            tariff_id=None if tariff is None else tariff.id,
        )

    async def _load(self, asker: Asker, session_id: str) -> Session:
        session = self._memory.sessions.get(session_id) or await self._store.find_session(session_id)
        is_own = session is not None and session.partner_id == asker.partner_id
        if session is None or not is_own or not speaks_for(asker.sender, session.terms.token):
            raise NotFoundError(f"no session of yours has the id {session_id[:40]!r}")
        if session.terms.place is None:
            raise NotFoundError(f"no session of yours has the id {session_id[:40]!r}")
        return session
