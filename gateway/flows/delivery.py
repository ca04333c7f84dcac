"""Telling partners: what waits in the outbox goes to their receivers, lane by lane, each partner by itself.

Woken by what the store publishes and by a timer per partner for what is to be tried again; nobody polls.  A delivery is
composed when it is sent, so a partner that was down for a day gets the present, not the past.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
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
from gateway.domain.ids import PartyId
from gateway.domain.partners import Partner, PartnerStatus
from gateway.errors import CannotSayError, ConflictError, NotFoundError, StoreDownError
from gateway.flows.agenda import Agenda
from gateway.flows.bills_again import list_bills
from gateway.flows.courier import Courier
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

IN_FLIGHT = 4
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


@dataclass(slots=True, eq=False)
class _Desk:
    """Some of one partner's lanes, and how it has answered to them of late.

    Of a hub: `held` lanes wait until a party behind it is connected; `unreached` ones have so often not been taken
    because it did not reach the party.
    """

    partner_id: str
    is_of_results: bool
    lanes: dict[str, dict[Subject, Delivery]] = field(default_factory=dict)
    agenda: Agenda = field(default_factory=Agenda)
    in_flight: set[str] = field(default_factory=set)
    held: dict[str, PartyId] = field(default_factory=dict)
    unreached: dict[str, int] = field(default_factory=dict)
    failures: int = 0
    is_suspended: bool = False
    paused_until: datetime | None = None
    trouble: PartnerAnswer | None = None
    outbound_token: str | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        return 1 if self.failures else IN_FLIGHT


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
        self._desks: dict[tuple[str, bool], _Desk] = {}
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
            _stop_timer(desk)
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
                    _stop_timer(self._desks.pop((desk.partner_id, desk.is_of_results)))
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
        desk = max(desks, key=lambda desk: desk.failures, default=_Desk(partner_id, False))
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

    def _desk(self, partner_id: str, subject: Subject) -> _Desk:
        """Results have a desk of their own: who waits for one must not wait because of an object that fails, and a URL
        for results that leads nowhere must not hold the objects up."""
        key = (partner_id, subject.kind is DeliveryKind.RESULT)
        desk = self._desks.get(key)
        if desk is None:
            partner = self._partners.find(partner_id)
            desk = self._desks[key] = _Desk(*key, outbound_token=partner.outbound_token if partner else None)
        return desk

    def _desks_of(self, partner_id: str) -> list[_Desk]:
        return [desk for key in (False, True) if (desk := self._desks.get((partner_id, key))) is not None]

    def _put(self, delivery: Delivery) -> None:
        desk, lane = self._desk(delivery.partner_id, delivery.subject), delivery.subject.lane
        rows = desk.lanes.setdefault(lane, {})
        known = rows.get(delivery.subject)
        if known is not None and known.no == delivery.no and known.state is DeliveryState.SENDING:
            delivery = replace(delivery, state=DeliveryState.SENDING)
        rows[delivery.subject] = delivery
        self._plan(desk, lane)

    def _plan(self, desk: _Desk, lane: str) -> None:
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
            for lane in desk.unreached:
                self._make_due(desk, lane)

    def _let_go(self, desk: _Desk, partner: Partner) -> None:
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

    def _resume(self, desk: _Desk) -> None:
        """Try at once what was to wait."""
        desk.failures, desk.is_suspended, desk.paused_until, desk.trouble = 0, False, None, None
        for lane in desk.lanes:
            self._make_due(desk, lane)

    def _make_due(self, desk: _Desk, lane: str) -> None:
        now, rows = self._clock.now(), desk.lanes.get(lane, {})
        for subject, row in rows.items():
            rows[subject] = replace(row, due_at=min(row.due_at, now))
        self._plan(desk, lane)

    # --- sending --------------------------------------------------------------------------------------------------

    def _pump(self, desk: _Desk) -> None:
        """Begin what is due, a few at once, one alone while the partner is down; and wake up for what is due later."""
        _stop_timer(desk)
        is_known = self._desks.get((desk.partner_id, desk.is_of_results)) is desk
        if not self._is_open or not is_known or not self._may_send(desk.partner_id):
            return
        now = self._clock.now()
        if desk.paused_until is None or now >= desk.paused_until:
            self._begin_due(desk, now)
        wakes_at = _wakes_at(desk)
        if wakes_at is not None:
            wait_s = max(0.0, (wakes_at - now).total_seconds())
            desk.timer = asyncio.get_running_loop().call_later(wait_s, self._pump, desk)

    def _begin_due(self, desk: _Desk, now: datetime) -> None:
        while len(desk.in_flight) < desk.limit:
            lane = next(iter(desk.agenda.take_due(now)), None)
            if lane is None:
                return
            desk.in_flight.add(lane)
            task = asyncio.create_task(self._run(desk, lane), name=f"delivery to {desk.partner_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _may_send(self, partner_id: str) -> bool:
        partner = self._partners.find(partner_id)
        return partner is not None and partner.status is PartnerStatus.REGISTERED

    async def _run(self, desk: _Desk, lane: str) -> None:
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
            self._plan(desk, lane)
            self._pump(desk)

    async def _deliver(self, partner: Partner, desk: _Desk, lane: str) -> None:
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

    async def _tell(self, partner: Partner, desk: _Desk, head: Delivery, covered: tuple[Delivery, ...]) -> None:
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

    def _is_held(self, partner: Partner, desk: _Desk, head: Delivery, message: Message) -> bool:
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
        desk: _Desk,
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
        desk.failures, desk.is_suspended, desk.paused_until, desk.trouble = 0, False, None, None
        if verdict is Verdict.UNREACHED and is_tried_again:
            self._on_unreached(partner, desk, head.subject.lane, message, answer)
            return
        desk.unreached.pop(head.subject.lane, None)
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

    async def _settle(self, desk: _Desk, lane: str, sent: Sequence[Delivery], *more: Change) -> None:
        await self._store.commit([*(SettleDelivery(row.no, row.generation) for row in sent), *more])
        rows = desk.lanes.get(lane, {})
        for row in sent:
            if _is_same(rows.get(row.subject), row):
                del rows[row.subject]

    async def _refuse(self, partner: Partner, desk: _Desk, row: Delivery, answer: PartnerAnswer) -> None:
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

    async def _withhold(self, partner: Partner, desk: _Desk, row: Delivery, reason: str) -> None:
        """The partner's version has no words for it.  A bill that cannot be told must be looked at."""
        log.warning("object withheld from partner", partner_id=partner.id, kind=row.subject.kind, reason=reason)
        if row.subject.kind is DeliveryKind.CDR:
            await self._refuse(partner, desk, row, PartnerAnswer(at=self._clock.now(), http_status=0, message=reason))
        else:
            await self._settle(desk, row.subject.lane, [row])

    def _on_failure(
        self, partner: Partner, desk: _Desk, lane: str, answer: PartnerAnswer, *, is_suspended: bool
    ) -> None:
        now = self._clock.now()
        if desk.paused_until is None or now >= desk.paused_until:
            desk.failures += 1
            pause = find_pause(desk.failures, answer, self._first_pause, self._chance())
            desk.paused_until = now + pause
            if desk.failures == 1 or is_suspended is not desk.is_suspended:
                log.warning(
                    "partner suspended" if is_suspended else "partner not reached",
                    partner_id=partner.id,
                    http_status=answer.http_status,
                    message=answer.message,
                )
        desk.is_suspended, desk.trouble = is_suspended, answer
        self._put_off(desk, lane, desk.paused_until - now)

    def _on_unreached(self, partner: Partner, desk: _Desk, lane: str, message: Message, answer: PartnerAnswer) -> None:
        """The hub is there, the party behind it is not: its lane alone waits."""
        failures = desk.unreached[lane] = desk.unreached.get(lane, 0) + 1
        if failures == 1:
            log.warning(
                "party not reached through hub",
                partner_id=partner.id,
                party=str(message.to),
                status_code=answer.status_code,
                message=answer.message,
            )
        self._put_off(desk, lane, find_pause(failures, answer, self._first_pause, self._chance()))

    def _put_off(self, desk: _Desk, lane: str, pause: timedelta) -> None:
        """Let the other lanes go first: it may be this object alone that the partner fails on."""
        rows = desk.lanes.get(lane, {})
        due_at = self._clock.now() + pause
        for subject, row in rows.items():
            rows[subject] = replace(row, due_at=max(row.due_at, due_at))


def _is_same(known: Delivery | None, sent: Delivery) -> bool:
    """Did nothing change while it was sent?"""
    return known is not None and (known.no, known.generation) == (sent.no, sent.generation)


def _stop_timer(desk: _Desk) -> None:
    if desk.timer is not None:
        desk.timer.cancel()
        desk.timer = None


def _wakes_at(desk: _Desk) -> datetime | None:
    next_at = desk.agenda.next_at()
    if next_at is None or len(desk.in_flight) >= desk.limit:
        return None
    return next_at if desk.paused_until is None else max(next_at, desk.paused_until)
