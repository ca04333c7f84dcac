"""Telling partners: what waits in the outbox goes to their receivers, lane by lane, each partner by itself.

Woken by what the store publishes and by a timer per partner for what is to be tried again; nobody polls.  A delivery is
composed when it is sent, so a partner that was down for a day gets the present, not the past.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.core.delivery import Verdict, choose_next, find_due, find_pause, is_worth_trying, judge_answer
from gateway.domain.callbacks import CallbackState
from gateway.domain.deliveries import (
    POSTED,
    CdrReceipt,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Message,
    PartnerAnswer,
    Subject,
)
from gateway.domain.partners import Partner
from gateway.errors import CannotSayError, ConflictError, NotFoundError, StoreDownError
from gateway.flows.bills_again import list_bills
from gateway.flows.courier import Courier
from gateway.flows.desk import Desk
from gateway.flows.letters import Letters, Postman
from gateway.flows.outbox import Outbox
from gateway.flows.partner_book import PartnerBook, main_party, receiver_modules
from gateway.flows.refusals import drop_refused, find_dropped
from gateway.ops.failpoints import failpoint
from gateway.ports import (
    Change,
    Clock,
    DeleteHubClient,
    DropDeliveries,
    Enqueue,
    MarkSending,
    NoteInvoiceTold,
    RefuseDelivery,
    SaveCallback,
    SaveCdrReceipt,
    SaveHubClient,
    SavePartner,
    SettleDelivery,
    Store,
)

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How we stand with a partner: what waits (`deliveries`, refused ones among them), and if it is left alone for a
    while, until when and after which answer."""

    deliveries: Sequence[Delivery]
    is_suspended: bool
    failures: int
    paused_until: datetime | None
    trouble: PartnerAnswer | None


class Deliveries:
    """Sends what waits.

    `find_token` gives our credentials token for a partner, `look_up` the partner with its endpoints of now (it raises
    GatewayError), `chance` a number from 0 to 1000.
    """

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerBook,
        postman: Postman,
        letters: Letters,
        outbox: Outbox,
        find_token: Callable[[Partner], str],
        look_up: Callable[[Partner], Awaitable[Partner]],
        clock: Clock,
        chance: Callable[[], int],
        first_pause: timedelta = FIRST_PAUSE,
    ) -> None:
        self._store = store
        self._partners = partners
        self._letters = letters
        self._outbox = outbox
        self._courier = Courier(store, postman, letters, find_token, look_up, clock)
        self._clock = clock
        self._chance = chance
        self._first_pause = first_pause
        self._desks: dict[tuple[str, bool], Desk] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = False

    async def begin(self) -> None:
        """Take up what a stop of the program left, and go on from there."""
        for delivery in await self._store.load_deliveries():
            self._put(delivery)
            if delivery.state is not DeliveryState.REFUSED:
                self._outbox.note_waiting(delivery.subject)
        self._is_open = True
        for desk in list(self._desks.values()):
            self._pump(desk)

    async def stop(self) -> None:
        """Send nothing more; what is under way is sent again after the next start."""
        self._is_open = False
        for desk in self._desks.values():
            desk.stop_timer()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def on_changes(self, changes: Sequence[Change]) -> None:
        """What was committed."""
        woken = set()
        dropped = find_dropped(changes)
        for desk in self._desks.values() if dropped else ():
            drop_refused(desk.lanes, dropped)
        for change in changes:
            if isinstance(change, Enqueue):
                self._put(change.delivery)
                woken.add(change.delivery.partner_id)
            elif isinstance(change, DropDeliveries):
                for desk in self._desks_of(change.partner_id):
                    self._desks.pop((desk.partner_id, desk.is_of_results)).stop_timer()
            elif isinstance(change, SavePartner):
                self._on_partner(change.partner)
                woken.add(change.partner.id)
            elif isinstance(change, SaveHubClient | DeleteHubClient):
                self._release(change.client.hub_id)
                woken.add(change.client.hub_id)
        for partner_id in woken:
            for desk in self._desks_of(partner_id):
                self._pump(desk)

    # --- the operator's side --------------------------------------------------------------------------------------

    def standing(self, partner_id: str) -> Standing:
        """Raises NotFoundError."""
        self._partners.load(partner_id)
        desks = self._desks_of(partner_id)
        rows = (row for desk in desks for lane in desk.lanes.values() for row in lane.values())
        desk = max(desks, key=lambda desk: desk.failures, default=Desk(partner_id, False))
        return Standing(
            deliveries=sorted(rows, key=lambda row: row.no),
            is_suspended=desk.is_suspended,
            failures=desk.failures,
            paused_until=desk.paused_until,
            trouble=desk.trouble,
        )

    async def retry(self, partner_id: str, no: int) -> Delivery:
        """Send again what a partner refused, or at once what waits.  Raises NotFoundError."""
        found = next((row for row in self.standing(partner_id).deliveries if row.no == no), None)
        if found is None:
            raise NotFoundError(f"no delivery {no} waits for this partner")
        self._resume(self._desk(partner_id, found.subject))
        (saved,) = await self._store.commit([Enqueue(replace(found, due_at=self._clock.now()))])
        assert isinstance(saved, Enqueue)
        log.info("delivery sent again by the operator", partner_id=partner_id, kind=found.subject.kind, no=no)
        return saved.delivery

    async def resync(self, partner_id: str, bills_from: datetime | None = None) -> int:
        """Tell a partner everything again, its bills from a date on where one is given; how many deliveries that are.

        Raises NotFoundError and ConflictError (not registered, or without any receiver).
        """
        partner = self._partners.load(partner_id)
        modules = receiver_modules(partner)
        if not modules:
            raise ConflictError(f"partner {partner.name} has no receiver that could be told")
        rows = list(self._outbox.resync(partner))
        if bills_from is not None and "cdrs" in modules:
            rows += await list_bills(self._store, partner, bills_from, self._clock.now())
        for desk in self._desks_of(partner_id):
            self._resume(desk)
        await self._store.commit(rows, bulk=True)
        log.info("resync of partner begun", partner_id=partner_id, deliveries=len(rows))
        return len(rows)

    # --- lanes ----------------------------------------------------------------------------------------------------

    def _desk(self, partner_id: str, subject: Subject) -> Desk:
        """Results have a desk of their own: who waits for one must not wait because of an object that fails, and a URL
        for results that leads nowhere must not hold the objects up."""
        key = (partner_id, subject.kind is DeliveryKind.RESULT)
        desk = self._desks.get(key)
        if desk is None:
            partner = self._partners.find(partner_id)
            desk = self._desks[key] = Desk(*key, outbound_token=partner.outbound_token if partner else None)
        return desk

    def _desks_of(self, partner_id: str) -> list[Desk]:
        return [desk for key in (False, True) if (desk := self._desks.get((partner_id, key))) is not None]

    def _put(self, delivery: Delivery) -> None:
        desk, lane = self._desk(delivery.partner_id, delivery.subject), delivery.subject.lane
        rows = desk.lanes.setdefault(lane, {})
        known = rows.get(delivery.subject)
        if known is not None and known.no == delivery.no and known.state is DeliveryState.SENDING:
            delivery = replace(delivery, state=DeliveryState.SENDING)
        rows[delivery.subject] = delivery
        self._plan(desk, lane)

    def _plan(self, desk: Desk, lane: str) -> None:
        """Put a lane where its next delivery is due; the one under way plans it anew when it is over."""
        due_at = find_due(desk.lanes.get(lane, {}).values())
        if due_at is None or lane in desk.in_flight or lane in desk.held:
            desk.agenda.drop(lane)
        else:
            desk.agenda.put(lane, due_at)

    def _release(self, hub_id: str) -> None:
        """Go on with what waited for parties that are connected now: they are told what is so by now."""
        hub = self._partners.find(hub_id)
        if hub is None:
            return
        for desk in self._desks_of(hub_id):
            self._let_go(desk, hub)
            for lane in desk.failed:
                self._make_due(desk, lane)

    def _let_go(self, desk: Desk, partner: Partner) -> None:
        for lane, party in list(desk.held.items()):
            if self._partners.is_reachable(partner, party):
                del desk.held[lane]
                self._plan(desk, lane)

    def _on_partner(self, partner: Partner) -> None:
        """New credentials end a suspension; for whom a hub no longer stands, nothing waits."""
        for desk in self._desks_of(partner.id):
            self._let_go(desk, partner)
            if desk.outbound_token != partner.outbound_token:
                desk.outbound_token = partner.outbound_token
                self._resume(desk)

    def _resume(self, desk: Desk) -> None:
        """Try at once what was to wait."""
        desk.reset()
        desk.failed.clear()
        for lane in desk.lanes:
            self._make_due(desk, lane)

    def _make_due(self, desk: Desk, lane: str) -> None:
        now, rows = self._clock.now(), desk.lanes.get(lane, {})
        for subject, row in rows.items():
            rows[subject] = replace(row, due_at=min(row.due_at, now))
        self._plan(desk, lane)

    # --- sending --------------------------------------------------------------------------------------------------

    def _pump(self, desk: Desk) -> None:
        """Begin what is due, a few at once, one alone while the partner is down; and wake up for what is due later."""
        desk.stop_timer()
        is_known = self._desks.get((desk.partner_id, desk.is_of_results)) is desk
        if not self._is_open or not is_known or not self._partners.is_registered(desk.partner_id):
            return
        now = self._clock.now()
        if desk.paused_until is None or now >= desk.paused_until:
            self._begin_due(desk, now)
        wakes_at = desk.wakes_at()
        if wakes_at is not None:
            wait_s = max(0.0, (wakes_at - now).total_seconds())
            desk.timer = asyncio.get_running_loop().call_later(wait_s, self._pump, desk)

    def _begin_due(self, desk: Desk, now: datetime) -> None:
        while len(desk.in_flight) < desk.limit:
            lane = next(iter(desk.agenda.take_due(now)), None)
            if lane is None:
                return
            desk.in_flight.add(lane)
            task = asyncio.create_task(self._run(desk, lane), name=f"delivery to {desk.partner_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, desk: Desk, lane: str) -> None:
        partner_id = desk.partner_id
        try:
            await self._deliver(self._partners.load(partner_id), desk, lane)
        except StoreDownError as error:
            log.error("delivery not settled yet", partner_id=partner_id, reason=str(error))
            self._put_off(desk, lane, FIRST_PAUSE)
        except Exception:  # root of a task
            log.exception("delivery failed", partner_id=partner_id, lane=lane)
            self._put_off(desk, lane, FIRST_PAUSE * 12)
        finally:
            desk.in_flight.discard(lane)
            if not desk.lanes.get(lane, True):
                del desk.lanes[lane]
                desk.failed.pop(lane, None)
            self._plan(desk, lane)
            self._pump(desk)

    async def _deliver(self, partner: Partner, desk: Desk, lane: str) -> None:
        """Send the next delivery of a lane and do what the answer asks for."""
        chosen = choose_next(desk.lanes.get(lane, {}).values())
        if chosen is None:
            return
        head, covered = chosen
        self._outbox.on_sending(head.subject)
        try:
            await self._tell(partner, desk, head, covered)
        except CannotSayError as error:
            await self._withhold(partner, desk, head, str(error))

    async def _tell(self, partner: Partner, desk: Desk, head: Delivery, covered: tuple[Delivery, ...]) -> None:
        lane = head.subject.lane
        message = await self._letters.compose(partner, head.subject)
        if message is None:
            await self._settle(desk, lane, [head])
            return
        if self._is_held(partner, desk, head, message):
            return
        was_sent = head.state is DeliveryState.SENDING
        if head.subject.kind in POSTED and not was_sent:
            await self._store.commit([MarkSending(head.no)])
            head = replace(head, state=DeliveryState.SENDING)
            desk.lanes[lane][head.subject] = head
            failpoint("sending-committed")
        message, answer = await self._courier.send(partner, head, message, was_sent=was_sent)
        await self._act(partner, desk, (head, *covered), message, answer)

    def _is_held(self, partner: Partner, desk: Desk, head: Delivery, message: Message) -> bool:
        """Does its lane wait for a party that the hub is not connected to?  Who has asked for a result is there."""
        if head.subject.kind is DeliveryKind.RESULT or message.to is None:
            return False
        if self._partners.is_reachable(partner, message.to):
            return False
        desk.held[head.subject.lane] = message.to
        self._outbox.note_waiting(head.subject)
        return True

    async def _act(
        self,
        partner: Partner,
        desk: Desk,
        sent: tuple[Delivery, ...],
        message: Message,
        answer: PartnerAnswer,
    ) -> None:
        head = sent[0]
        kind = head.subject.kind
        is_bill, is_result = kind is DeliveryKind.CDR, kind is DeliveryKind.RESULT
        is_forwarded = partner.is_hub and message.to not in (None, main_party(partner))
        verdict = judge_answer(message.method, answer, is_bill=is_bill, is_result=is_result, is_forwarded=is_forwarded)
        is_tried_again = is_worth_trying(head, self._clock.now())
        if verdict in (Verdict.LATER, Verdict.SUSPENDED) and is_tried_again:
            self._on_failure(partner, desk, head.subject.lane, answer, is_suspended=verdict is Verdict.SUSPENDED)
            return
        desk.reset()
        if verdict is Verdict.UNREACHED and is_tried_again:
            self._on_unreached(partner, desk, head.subject.lane, message, answer)
            return
        desk.failed.pop(head.subject.lane, None)
        if verdict is not Verdict.DELIVERED:
            await self._refuse(partner, desk, head, answer)
            return
        self._letters.on_delivered(partner, head.subject, message)
        more: list[Change] = []
        if is_bill:
            receipt = CdrReceipt(cdr_id=head.subject.object_id, partner_id=partner.id, answer=answer)
            more = [SaveCdrReceipt(receipt)]
        elif is_result:
            more = await self._mark(head.subject, CallbackState.DELIVERED)
        elif kind is DeliveryKind.INVOICE and message.method != "DELETE":
            more = [NoteInvoiceTold(head.subject.object_id)]
        await self._settle(desk, head.subject.lane, sent, *more)

    async def _mark(self, subject: Subject, state: CallbackState) -> list[Change]:
        """What has become of telling a result, to be seen with what was asked."""
        callback = await self._store.find_callback(subject.object_id)
        return [] if callback is None else [SaveCallback(replace(callback, state=state))]

    async def _settle(self, desk: Desk, lane: str, sent: Sequence[Delivery], *more: Change) -> None:
        await self._store.commit([*(SettleDelivery(row.no, row.generation) for row in sent), *more])
        rows = desk.lanes.get(lane, {})
        for row in sent:
            if _is_same(rows.get(row.subject), row):
                del rows[row.subject]

    async def _refuse(self, partner: Partner, desk: Desk, row: Delivery, answer: PartnerAnswer) -> None:
        """A dead letter: the operator sees it with the answer, and the lane goes on without it."""
        is_result = row.subject.kind is DeliveryKind.RESULT
        more = await self._mark(row.subject, CallbackState.REFUSED) if is_result else []
        await self._store.commit([RefuseDelivery(row.no, row.generation, answer), *more])
        rows = desk.lanes.get(row.subject.lane, {})
        if _is_same(rows.get(row.subject), row):
            rows[row.subject] = replace(row, state=DeliveryState.REFUSED, answer=answer)
        log.warning(
            "delivery refused",
            partner_id=partner.id,
            kind=row.subject.kind,
            object_id=row.subject.object_id,
            http_status=answer.http_status,
            status_code=answer.status_code,
            message=answer.message,
        )

    async def _withhold(self, partner: Partner, desk: Desk, row: Delivery, reason: str) -> None:
        """The partner's version has no words for it.  A bill that cannot be told must be looked at."""
        log.warning("object withheld from partner", partner_id=partner.id, kind=row.subject.kind, reason=reason)
        if row.subject.kind is DeliveryKind.CDR:
            await self._refuse(partner, desk, row, PartnerAnswer(at=self._clock.now(), http_status=0, message=reason))
        else:
            await self._settle(desk, row.subject.lane, [row])

    def _on_failure(
        self, partner: Partner, desk: Desk, lane: str, answer: PartnerAnswer, *, is_suspended: bool
    ) -> None:
        """The partner is left alone the longer the more of its lanes fail: one object that it fails on keeps it from
        no other, and waits for longer each time by itself."""
        now = self._clock.now()
        failures = desk.failed[lane] = desk.failed.get(lane, 0) + 1
        if desk.paused_until is None or now >= desk.paused_until:
            desk.failures += 1
            desk.failing.add(lane)
            desk.paused_until = now + find_pause(len(desk.failing), answer, self._first_pause, self._chance())
            if desk.failures == 1 or is_suspended is not desk.is_suspended:
                log.warning(
                    "partner suspended" if is_suspended else "partner not reached",
                    partner_id=partner.id,
                    http_status=answer.http_status,
                    message=answer.message,
                )
        desk.is_suspended, desk.trouble = is_suspended, answer
        pause = find_pause(failures, answer, self._first_pause, self._chance())
        self._put_off(desk, lane, max(desk.paused_until - now, pause))

    def _on_unreached(self, partner: Partner, desk: Desk, lane: str, message: Message, answer: PartnerAnswer) -> None:
        """The hub is there, the party behind it is not: its lane alone waits."""
        failures = desk.failed[lane] = desk.failed.get(lane, 0) + 1
        if failures == 1:
            log.warning(
                "party not reached through hub",
                partner_id=partner.id,
                party=str(message.to),
                status_code=answer.status_code,
                message=answer.message,
            )
        self._put_off(desk, lane, find_pause(failures, answer, self._first_pause, self._chance()))

    def _put_off(self, desk: Desk, lane: str, pause: timedelta) -> None:
        """Let the other lanes go first: it may be this object alone that the partner fails on."""
        rows = desk.lanes.get(lane, {})
        due_at = self._clock.now() + pause
        for subject, row in rows.items():
            rows[subject] = replace(row, due_at=max(row.due_at, due_at))


def _is_same(known: Delivery | None, sent: Delivery) -> bool:
    """Did nothing change while it was sent?"""
    return known is not None and (known.no, known.generation) == (sent.no, sent.generation)
