"""Brings one message to a partner: the request, and what its answer asks for before it counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.core.delivery import Verdict, judge_answer, may_be_there
from gateway.domain.deliveries import Delivery, DeliveryKind, Message, PartnerAnswer
from gateway.domain.partners import Partner
from gateway.errors import GatewayError
from gateway.flows.letters import Letters, Postman
from gateway.ops.failpoints import failpoint
from gateway.ports import Clock, Store

log = structlog.get_logger(__name__)

LOOK_UP_PAUSE = timedelta(minutes=10)
"""Between two looks at the endpoints of a partner that answers 404."""


class Courier:
    """`find_token` gives our credentials token for a partner, `look_up` the partner with its endpoints of now; both
    raise GatewayError."""

    def __init__(
        self,
        store: Store,
        postman: Postman,
        letters: Letters,
        find_token: Callable[[Partner], str],
        look_up: Callable[[Partner], Awaitable[Partner]],
        clock: Clock,
    ) -> None:
        self._store = store
        self._postman = postman
        self._letters = letters
        self._find_token = find_token
        self._look_up = look_up
        self._clock = clock
        self._looked_up_at: dict[str, datetime] = {}

    async def send(
        self, partner: Partner, head: Delivery, message: Message, *, was_sent: bool
    ) -> tuple[Message, PartnerAnswer]:
        """Bring a message; gives what was brought in the end and the answer that counts.

        What is missing over there is given whole, once.  `was_sent`: an earlier attempt may have arrived.
        """
        try:
            token = self._find_token(partner)
        except GatewayError as error:
            return message, PartnerAnswer(at=self._clock.now(), http_status=401, message=str(error))
        message, answer = await self._ask(partner, token, head, message)
        if answer.http_status == 404 and message.url is None:
            try:
                moved = await self._find_moved(partner)
            except GatewayError as error:  # nothing of it is where it was: this says nothing of the object
                log.warning("endpoints of partner not looked up", partner_id=partner.id, reason=str(error))
                return message, replace(answer, http_status=0, message=f"404, and its versions are away too: {error}")
            if moved is not None:
                partner = moved
                message, answer = await self._ask(partner, token, head, message)
        if message.method == "POST":
            failpoint("after-post")
        if head.subject.kind is DeliveryKind.CDR:
            answer = await self._look_for_bill(partner, token, head, message, answer, was_sent=was_sent)
        return message, answer

    async def _ask(
        self, partner: Partner, token: str, head: Delivery, message: Message
    ) -> tuple[Message, PartnerAnswer]:
        answer = await self._postman.send(partner, token, message)
        if judge_answer(message.method, answer) is Verdict.MISSING or _has_record(head, message, answer):
            whole = await self._letters.compose(partner, head.subject, whole=True)
            if whole is not None and (whole.method, whole.path) != (message.method, message.path):
                return whole, await self._postman.send(partner, token, whole)
        return message, answer

    async def _find_moved(self, partner: Partner) -> Partner | None:
        """The partner with its endpoints of now, where they are others than we know.  It is not asked each time.

        Raises GatewayError.
        """
        now, before = self._clock.now(), self._looked_up_at.get(partner.id)
        if before is not None and now - before < LOOK_UP_PAUSE:
            return None
        fresh = await self._look_up(partner)
        self._looked_up_at[partner.id] = now
        return None if fresh.endpoints == partner.endpoints else fresh

    async def _look_for_bill(
        self,
        partner: Partner,
        token: str,
        head: Delivery,
        message: Message,
        answer: PartnerAnswer,
        *,
        was_sent: bool,
    ) -> PartnerAnswer:
        """The answer that counts: what the partner will not take it may have already, and then it was delivered."""
        is_refused = judge_answer("POST", answer, is_bill=True) is Verdict.REFUSED
        if not is_refused or not may_be_there(answer, was_sent=was_sent):
            return answer
        cdr_id = head.subject.object_id
        receipts, _ = await self._store.load_pushed_cdr(cdr_id)
        kept = [receipt.answer.location for receipt in receipts if receipt.partner_id == partner.id]
        url = next(iter(kept), None) or answer.location
        found = await self._postman.look_for(partner, token, message, cdr_id, url)
        verdict = judge_answer("GET", found)
        if verdict is Verdict.DELIVERED:
            log.info("bill was there already", partner_id=partner.id, cdr_id=cdr_id, message=answer.message)
        return found if verdict in (Verdict.DELIVERED, Verdict.LATER) else answer


def _has_record(head: Delivery, message: Message, answer: PartnerAnswer) -> bool:
    """Has the partner the record of an invoice that was to be new to it?  Its answer to an earlier attempt was lost."""
    if head.subject.kind is not DeliveryKind.INVOICE or message.method != "POST":
        return False
    is_refused = judge_answer("POST", answer) is Verdict.REFUSED
    return is_refused and (answer.http_status == 409 or may_be_there(answer, was_sent=False))
