"""Real-time authorisation: what only an eMSP can say of a token, it is asked while the driver waits.

Every ask ends by its deadline, so that the station has its answer in time; then the whitelist rule decides.  OCPI 2.2.1
mod_tokens 12.1.3
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.core.authorization import decide_by_answer
from gateway.domain.ids import ConnectorKey, PartyId, station_key
from gateway.domain.locations import EvseStatus
from gateway.domain.partners import Partner
from gateway.domain.tokens import (
    Authorization,
    AuthStatus,
    IdToken,
    LocationReferences,
    Question,
    Token,
    TokenAnswer,
)
from gateway.errors import ConflictError, PartnerError
from gateway.flows.masking import mask_uid
from gateway.flows.memory import Memory
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import PartnerBook, offers
from gateway.ports import Clock

log = structlog.get_logger(__name__)

DEADLINE_S = 5.0
SERVED = timedelta(minutes=15)
"""So long an answer serves the start that follows it."""

TOKENS, SENDER = "tokens", "SENDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A card as it was shown: `key` is the plug, its `evse_no` 0 somewhere at the station.

    `start_key` is that of the transaction the card is shown for, None for a card that is only shown.
    """

    id_token: IdToken
    key: ConnectorKey
    received_at: datetime
    start_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAsk:
    """What an eMSP is asked: from which of our parties to which of its (None: a hub finds it)."""

    uid: str
    type: str
    place: LocationReferences | None
    sender: PartyId | None
    receiver: PartyId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """A question, where it came up, and whom to ask."""

    question: Question
    shown: Shown
    partners: tuple[Partner, ...]
    place: LocationReferences | None
    party: PartyId | None


class AuthorizeApi(Protocol):
    """The eMSPs' platforms."""

    async def authorize(self, partner: Partner, access: Access, ask: TokenAsk) -> TokenAnswer | None:
        """The eMSP's answer; None: it knows no such token.  Raises PartnerError where there was none that we can
        read."""


@dataclass(slots=True, kw_only=True)
class _Outcome:
    """How an ask went: `is_answered` where all that were asked said something, or one of them yes.

    `at` is when it was over, `start_key` the start that it served.
    """

    at: datetime
    partner: Partner
    answer: TokenAnswer | None
    is_answered: bool
    evse_uids: tuple[str, ...]
    start_key: str | None = None


class Inquiries:
    """Asks eMSPs.  Concurrent asks for one token at one EVSE share one request.

    Messages of a station are served one after the other; so a repetition that came in while an ask was under way finds
    its outcome afterwards, and counts as having asked with it.
    """

    def __init__(
        self,
        *,
        memory: Memory,
        partners: PartnerBook,
        api: AuthorizeApi,
        access: Callable[[Partner], Access],
        clock: Clock,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        """`access` gives how to call a partner (Registration.access)."""
        self._memory = memory
        self._partners = partners
        self._api = api
        self._access = access
        self._clock = clock
        self._deadline_s = deadline_s
        self._open: dict[tuple[object, ...], asyncio.Task[_Outcome]] = {}
        self._outcomes: dict[tuple[str, str, str], _Outcome] = {}

    def is_live(self, token: Token) -> bool:
        """Is its eMSP registered?  The tokens of one that has left count no more, whatever the store holds."""
        return self._partners.is_registered(token.partner_id)

    def prepare(self, question: Question, shown: Shown) -> Authorization | Inquiry:
        """What was answered before and serves here, what holds where nobody can be asked, or whom to ask."""
        place, party = self._locate(shown.key)
        evse_uid = _single(place)
        outcome = self._recall(question, shown, evse_uid)
        if outcome is not None:
            return self._tell(outcome, question, evse_uid)
        partners = tuple(self._whom(question))
        if not partners:
            return question.fallback
        return Inquiry(question=question, shown=shown, partners=partners, place=place, party=party)

    async def ask(self, inquiry: Inquiry) -> Authorization:
        """The eMSP's decision, or by the deadline what holds without it.  Needs no task around it."""
        question, place = inquiry.question, inquiry.place
        key = (*_key(question, inquiry.shown), None if place is None else (place.location_id, place.evse_uids))
        task = self._open.get(key)
        if task is None:
            task = self._open[key] = asyncio.get_running_loop().create_task(self._inquire(inquiry))
            task.add_done_callback(lambda _: self._open.pop(key, None))
        outcome = await asyncio.shield(task)
        if not self._partners.is_registered(outcome.partner.id):
            return Authorization(status=AuthStatus.INVALID, reason=f"{outcome.partner.name} has just left")
        outcome.start_key = inquiry.shown.start_key
        return self._tell(outcome, question, _single(place))

    async def close(self) -> None:
        """Give up what is under way: whoever waits for it is cancelled."""
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- before asking

    def _recall(self, question: Question, shown: Shown, evse_uid: str | None) -> _Outcome | None:
        outcome = self._outcomes.get(_key(question, shown))
        if outcome is None or not (evse_uid is None or not outcome.evse_uids or evse_uid in outcome.evse_uids):
            return None
        if not self._partners.is_registered(outcome.partner.id):
            return None
        if shown.received_at < outcome.at:
            return outcome
        if shown.start_key is None or outcome.start_key not in (None, shown.start_key):
            return None
        if not outcome.is_answered or self._clock.now() - outcome.at > SERVED:
            return None
        outcome.start_key = shown.start_key
        return outcome

    def _whom(self, question: Question) -> Sequence[Partner]:
        """Who may know the token: its owner, the issuer of a contract (or a hub that reaches it), or any that wants to
        be asked about unknown cards.  Nobody behind a hub is asked whom the hub does not reach."""
        return [
            each
            for each in self._who_may_know(question)
            if offers(each, TOKENS, SENDER) and self._partners.is_reachable(each, _receiver(each, question))
        ]

    def _who_may_know(self, question: Question) -> Sequence[Partner]:
        if question.token is not None:
            owner = self._partners.find(question.token.partner_id)
            return [] if owner is None else [owner]
        if question.issuer is not None:
            issuer = self._partners.find_by_party(question.issuer)
            if issuer is not None:
                return [issuer]
        willing = [each for each in self._partners.all() if each.ask_unknown]
        return willing if question.issuer is None else [each for each in willing if each.is_hub]

    def _locate(self, key: ConnectorKey) -> tuple[LocationReferences | None, PartyId | None]:
        """The EVSE of a plug, or all of a station whose card reader does not say for which; and whose site it is."""
        if key.evse_no:
            place = self._memory.find_place(key)
            if place is None:
                return None, None
            references = LocationReferences(
                location_id=place.location.id, evse_uids=(place.evse.uid,), connector_ids=(place.connector.id,)
            )
            return references, place.location.party
        found = [pair for pair in self._memory.evses_of_station(key.station_id) if pair[1].status != EvseStatus.REMOVED]
        locations = {location.id: location for location, _ in found}
        if len(locations) != 1:
            return None, None
        (location,) = locations.values()
        uids = tuple(sorted(evse.uid for _, evse in found))
        return LocationReferences(location_id=location.id, evse_uids=uids), location.party

    # --- asking

    async def _inquire(self, inquiry: Inquiry) -> _Outcome:
        """Ask all in parallel under one deadline: the first that says yes wins, else the clearest no."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._deadline_s
        pending = {loop.create_task(self._ask_one(partner, inquiry)) for partner in inquiry.partners}
        outcomes: list[_Outcome] = []
        try:
            while pending and not any(self._is_yes(outcome, inquiry) for outcome in outcomes):
                wait_s = max(0.0, ends_at - loop.time())
                done, pending = await asyncio.wait(pending, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    break
                outcomes += [task.result() for task in done]
        finally:
            for task in pending:
                task.cancel()
        outcome = self._choose(inquiry, outcomes, has_silent=bool(pending))
        self._remember(inquiry, outcome)
        decision = self._tell(outcome, inquiry.question, _single(inquiry.place))
        log.info(
            "token asked",
            station_id=inquiry.shown.key.station_id,
            token=mask_uid(inquiry.question.uid),
            partners=[partner.id for partner in inquiry.partners],
            status=decision.status,
            reason=decision.reason,
        )
        return outcome

    async def _ask_one(self, partner: Partner, inquiry: Inquiry) -> _Outcome:
        question = inquiry.question
        ask = TokenAsk(
            uid=question.uid,
            type=question.type,
            place=inquiry.place,
            sender=inquiry.party,
            receiver=_receiver(partner, question),
        )
        answer, is_answered = None, False
        try:
            answer = await self._api.authorize(partner, self._access(partner), ask)
            is_answered = True
        except (PartnerError, ConflictError) as error:
            log.warning("eMSP not asked", partner_id=partner.id, token=mask_uid(question.uid), reason=str(error))
        except Exception:  # root of a task
            log.exception("eMSP not asked", partner_id=partner.id)
        if answer is not None and answer.token is not None and not self._may_own(partner, answer.token):
            log.warning("answer about another's token", partner_id=partner.id, token=mask_uid(question.uid))
            answer, is_answered = None, False
        return self._outcome(partner, inquiry, answer, is_answered)

    def _choose(self, inquiry: Inquiry, outcomes: list[_Outcome], *, has_silent: bool) -> _Outcome:
        said = [outcome for outcome in outcomes if outcome.answer is not None]
        best = next((each for each in said if self._is_yes(each, inquiry)), said[0] if said else None)
        if best is not None:
            return best
        is_answered = bool(outcomes) and not has_silent and all(outcome.is_answered for outcome in outcomes)
        return self._outcome(inquiry.partners[0], inquiry, None, is_answered)

    def _outcome(self, partner: Partner, inquiry: Inquiry, answer: TokenAnswer | None, is_answered: bool) -> _Outcome:
        return _Outcome(
            at=self._clock.now(),
            partner=partner,
            answer=answer,
            is_answered=is_answered,
            evse_uids=() if inquiry.place is None else inquiry.place.evse_uids,
        )

    def _remember(self, inquiry: Inquiry, outcome: _Outcome) -> None:
        """Keep the outcome as the newest, and forget those that serve nothing any more."""
        outcome.at = now = self._clock.now()
        key = _key(inquiry.question, inquiry.shown)
        self._outcomes.pop(key, None)
        self._outcomes[key] = outcome
        while now - next(iter(self._outcomes.values())).at > SERVED:
            del self._outcomes[next(iter(self._outcomes))]

    def _tell(self, outcome: _Outcome, question: Question, evse_uid: str | None) -> Authorization:
        if not outcome.is_answered:
            return question.fallback
        return decide_by_answer(question, outcome.answer, evse_uid=evse_uid, owner=outcome.partner.name)

    def _is_yes(self, outcome: _Outcome, inquiry: Inquiry) -> bool:
        decision = self._tell(outcome, inquiry.question, _single(inquiry.place))
        return outcome.answer is not None and decision.status is AuthStatus.ACCEPTED

    def _may_own(self, partner: Partner, token: Token) -> bool:
        """A partner speaks for its own parties; a hub for any that is not connected to us directly."""
        owner = self._partners.find_by_party(token.party)
        return owner.id == partner.id if owner is not None else partner.is_hub


def _key(question: Question, shown: Shown) -> tuple[str, str, str]:
    return question.uid.casefold(), question.type, station_key(shown.key.station_id)


def _single(place: LocationReferences | None) -> str | None:
    """The EVSE, where there is just one in question."""
    return place.evse_uids[0] if place is not None and len(place.evse_uids) == 1 else None


def _receiver(partner: Partner, question: Question) -> PartyId | None:
    """Which of the partner's parties is asked.  OCPI 2.2.1 transport_and_format 4.1.7"""
    if question.token is not None:
        return question.token.party
    if partner.is_hub:
        return question.issuer
    if question.issuer is not None:
        return question.issuer
    emsps = [role.party for role in partner.roles if role.role == "EMSP"] or [role.party for role in partner.roles]
    return emsps[0] if emsps else None
