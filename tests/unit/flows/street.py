"""A street: eMSPs that order, a station that keeps books of its own, and the steps of a day there.

Steps may come in any order and several at once: what refers to something that is not there does nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    CancelReservationCall,
    ReserveCall,
    StationCall,
)
from gateway.domain.commands import (
    CancelReservationOrder,
    CommandAnswer,
    Order,
    ReserveOrder,
    StartOrder,
    StopOrder,
    UnlockOrder,
)
from gateway.domain.events import ReservationEnded, StatusReported, TransactionReported
from gateway.domain.ids import PartyId
from gateway.domain.sessions import ReservationEnd
from gateway.domain.tokens import IdToken, Token
from gateway.errors import GatewayError
from tests.unit.flows.books import Books, Visit
from tests.unit.flows.office import PARTNER, Office, Stations
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import (
    LOCATION,
    NOON,
    OTHER_TOKEN,
    STATION,
    TOKEN,
    ended,
    metered,
    receipt,
    start,
    started,
    status,
    stop,
    updated,
)

RIVAL_PARTY = PartyId(country_code="NL", party_id="RIV")
RIVAL = replace(PARTNER, id="P2", name="Rival", roles=(replace(PARTNER.roles[0], party=RIVAL_PARTY, name="Rival"),))
APP_TOKEN = replace(TOKEN, uid="0123456789ABCDEF01234", type="APP_USER", contract_id="NL-EMS-C3")
RIVAL_TOKEN = replace(TOKEN, uid="04778899", partner_id="P2", party=RIVAL_PARTY, contract_id="NL-RIV-C1")
TOKENS: Sequence[Token] = (TOKEN, OTHER_TOKEN, APP_TOKEN, RIVAL_TOKEN)
CARDS: Sequence[str] = (TOKEN.uid, OTHER_TOKEN.uid, RIVAL_TOKEN.uid, "STRANGER")
STATES_TOLD = ("Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Unavailable", "Faulted")
PLUGS: Sequence[tuple[int, int]] = ((1, 1), (2, 2), (3, 1), (3, 2))
"""EVSE and connector."""

JUST_AFTER = timedelta(seconds=5)
SILENCE = CallReply(outcome=CallOutcomeKind.TIMEOUT)
OFFLINE = CallReply(outcome=CallOutcomeKind.OFFLINE)
FAULT = CallReply(outcome=CallOutcomeKind.CALL_ERROR, error_code="InternalError")


@dataclass
class Call:
    """What the gateway asked of the station, and by when it wants the answer."""

    call: StationCall
    waiter: asyncio.Future[CallReply]
    due_at: datetime


class Line(Stations):
    """The line to the station, which loses what it was asked when it breaks."""

    def __init__(self, street: "Street", connected: set[str]) -> None:
        super().__init__()
        self.connected = connected
        self.street = street
        self.open: list[Call] = []

    async def send(self, station_id: str, call: StationCall, *, timeout_s: float) -> CallReply:
        if station_id not in self.connected:
            return OFFLINE
        due_at = self.street.stage.clock.at + timedelta(seconds=timeout_s)
        asked = Call(call, asyncio.get_running_loop().create_future(), due_at)
        self.calls.append(call)
        self.open.append(asked)
        self.waiting.append(asked.waiter)
        return await asked.waiter

    def answer(self, asked: Call, reply: CallReply) -> None:
        self.open.remove(asked)
        self.waiting.remove(asked.waiter)
        asked.waiter.set_result(reply)

    def break_off(self) -> None:
        """Whatever is asked is lost."""
        self.connected.discard(STATION)
        for asked in list(self.open):
            self.street.books.doubt(asked.call)
            self.answer(asked, OFFLINE)


class StreetOffice(Office):
    def __init__(self, stage: Stage, street: "Street") -> None:
        self.street = street
        super().__init__(stage)

    async def open(self) -> None:
        await super().open()
        self.callbacks._is_running = False  # its timer goes by the machine's time: the street looks itself what is due
        self.callbacks._set_timer()

    def meet_stations(self) -> Stations:
        return Line(self.street, {STATION})


class Street:
    """The gateway and those around it.  `answers` are those to orders, by the URL of the result."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.books = Books()
        self.answers: dict[str, CommandAnswer] = {}
        self.office = StreetOffice(stage, self)
        self._sending = asyncio.Lock()

    @property
    def line(self) -> Line:
        assert isinstance(self.office.stations, Line)
        return self.office.stations

    @property
    def is_connected(self) -> bool:
        return STATION in self.line.connected

    async def do(self, *steps: tuple[str, dict[str, Any]]) -> None:
        """Take steps at once, and let everything go on as far as it can."""
        async with asyncio.timeout(60):  # a guard: it fails where it would hang
            await asyncio.gather(*(getattr(self, name)(**about) for name, about in steps))
            await self.office.callbacks.end_overdue()
            await self.office.settle()

    # --- orders -------------------------------------------------------------------------------------------------------

    async def order_start(self, token: int, evse_no: int | None, reference: str | None) -> None:
        await self._order(
            TOKENS[token],
            lambda url: StartOrder(
                response_url=url,
                token=TOKENS[token],
                location_id=LOCATION.id,
                evse_uid=None if evse_no is None else f"{STATION}-{evse_no}",
                authorization_reference=reference,
            ),
        )

    async def order_stop(self, token: int, session: int) -> None:
        sessions = await self.office.sessions()
        if sessions:
            chosen = sessions[session % len(sessions)]
            await self._order(TOKENS[token], lambda url: StopOrder(response_url=url, session_id=chosen.id))

    async def reserve(self, token: int, name: str, evse_no: int | None, minutes: int) -> None:
        await self._order(
            TOKENS[token],
            lambda url: ReserveOrder(
                response_url=url,
                token=TOKENS[token],
                expires_at=self.stage.clock.at + timedelta(minutes=minutes),
                reservation_id=name,
                location_id=LOCATION.id,
                evse_uid=None if evse_no is None else f"{STATION}-{evse_no}",
            ),
        )

    async def cancel(self, token: int, name: str) -> None:
        await self._order(TOKENS[token], lambda url: CancelReservationOrder(response_url=url, reservation_id=name))

    async def unlock(self, token: int, evse_no: int) -> None:
        connector_id = "1" if evse_no == 3 else str(evse_no)
        uid = f"{STATION}-{evse_no}"
        await self._order(
            TOKENS[token],
            lambda url: UnlockOrder(response_url=url, location_id=LOCATION.id, evse_uid=uid, connector_id=connector_id),
        )

    async def withdraw(self, reservation: int) -> None:
        """The operator takes a reservation back."""
        known = list(self.stage.memory.reservations)
        if known:
            chosen = known[reservation % len(known)]
            if not self.is_connected:
                self.books.doubtful.add(self.stage.memory.reservations[chosen].no)  # it is not told of it later
            self.office.desk.spawn(self._withdraw(chosen))

    async def _withdraw(self, reservation_id: str) -> None:
        try:
            await self.office.ends.withdraw(reservation_id)
        except GatewayError:
            return

    async def _order(self, token: Token, make: Callable[[str], Order]) -> None:
        url = f"https://ems.example/results/{len(self.answers)}"
        order = make(url)
        self.answers[url] = CommandAnswer(result="", timeout_s=0)  # takes its number
        answer = await self.office.take(order, PARTNER if token.partner_id == "P1" else RIVAL)
        self.answers[url] = answer
        found = [one for one in self.office.callbacks._open.values() if one.response_url == url]
        assert len(found) == (answer.result == "ACCEPTED"), "a result has come before its answer"

    # --- what the station answers -------------------------------------------------------------------------------------

    async def answer(self, call: int, how: str) -> None:
        """Answer a call: `truly`, with a refusal, with a fault, or not at all, having done it or not."""
        if not self.line.open:
            return
        asked = self.line.open[call % len(self.line.open)]
        if how == "truly":
            self.line.answer(asked, self.books.obey(asked.call))
        elif how == "no":
            self.line.answer(asked, self.books.refuse(asked.call))
        elif how == "fault":
            if isinstance(asked.call, CancelReservationCall):
                self.books.doubt(asked.call)  # it is over for us all the same
            self.line.answer(asked, FAULT)
        else:
            if how == "lost answer":
                self.books.obey(asked.call)
            self.books.doubt(asked.call)
            self.line.answer(asked, SILENCE)

    # --- what the station tells ---------------------------------------------------------------------------------------

    async def begin(self, plug: int, card: int, is_numbered: bool, names_it: bool) -> None:
        """Somebody comes with a card; or with a cable first, where it is told as 2.x does."""
        id_token = IdToken(value=CARDS[card], type="ISO14443" if is_numbered else None)
        await self._begin(PLUGS[plug], id_token, is_numbered, names_it=names_it)

    async def plug_in(self, plug: int) -> None:
        """OCPP 2.x: the cable first."""
        await self._begin(PLUGS[plug], None, True)

    async def begin_ordered(self, order: int, is_numbered: bool, names_it: bool) -> None:
        """What was ordered begins; or goes on, where the cable was first."""
        starts = self.books.starts
        if not starts:
            return
        call = starts[order % len(starts)]
        remote_start_id = str(call.remote_start_id) if is_numbered else None
        waiting = [one for one in self.books.running_at(call.evse_no) if one.id_token is None]
        if waiting:
            await self._identify(waiting[0], call.id_token, remote_start_id, names_it)
            return
        plug = next(one for one in PLUGS if one[0] == call.evse_no)
        await self._begin(plug, call.id_token, is_numbered, names_it=names_it, remote_start_id=remote_start_id)

    async def show_card(self, visit: int, card: int, names_it: bool) -> None:
        waiting = [one for one in self.books.visits if one.id_token is None and not one.is_over]
        if waiting:
            id_token = IdToken(value=CARDS[card], type="ISO14443")
            await self._identify(waiting[visit % len(waiting)], id_token, None, names_it)

    async def meter(self, visit: int) -> None:
        running = [one for one in self.books.visits if not one.is_over]
        if not running:
            return
        chosen, at = running[visit % len(running)], self._now()
        if chosen.is_numbered:
            chosen.seq_no += 1
            seq_no = chosen.seq_no
            await self._send(lambda: updated(seq_no, at, self._wh(chosen, at), transaction_id=chosen.id))
        else:
            await self._send(lambda: self._metered(chosen, at))

    async def end(self, visit: int) -> None:
        running = [one for one in self.books.visits if not one.is_over]
        if not running:
            return
        chosen, at = running[visit % len(running)], self._now()
        chosen.is_over = True
        if chosen.is_numbered:
            chosen.seq_no += 1
            seq_no = chosen.seq_no
            await self._send(lambda: ended(seq_no, at, self._wh(chosen, at), transaction_id=chosen.id))
        else:
            await self._send(lambda: stop(at, self._wh(chosen, at), chosen.id or "-1"))

    async def send_again(self, message: int) -> None:
        """The answer to a message was lost."""
        if self.books.sent and self.is_connected:
            event, transaction_id = self.books.sent[message % len(self.books.sent)]
            async with self._sending:
                answer = await self._deliver(event)
            assert answer.transaction_id == transaction_id

    async def tell_status(self, plug: int, word: str) -> None:
        at, chosen = self._now(), PLUGS[plug]
        self.books.plugs[chosen] = word
        if word in ("Faulted", "Unavailable"):  # OCPP 1.6 5.13: it keeps it for nobody
            self.books.kept = {no: one for no, one in self.books.kept.items() if one.evse_no != chosen[0]}
        evse_no, connector_no = chosen
        await self._send(lambda: status(at, word, plug=evse_no, connector_no=connector_no))

    async def tell_reservation_ended(self, number: int, how: ReservationEnd) -> None:
        numbers = self.books.numbers
        if not numbers:
            return
        no = numbers[number % len(numbers)]
        self.books.kept.pop(no, None)
        told = ReservationEnded(receipt=receipt("ReservationStatusUpdate"), reservation_no=no, ended=how)
        await self._send(lambda: told)

    async def authorize(self, card: int) -> None:
        if self.is_connected:
            await self.stage.authorize(CARDS[card])

    async def _begin(
        self,
        plug: tuple[int, int],
        id_token: IdToken | None,
        is_numbered: bool,
        *,
        names_it: bool = False,
        remote_start_id: str | None = None,
    ) -> None:
        if self.books.running_at(plug[0]):
            return  # an EVSE serves one car at a time
        at, no = self._now(), len(self.books.visits) + 1
        visit = Visit(plug, is_numbered, f"tx-{no}" if is_numbered else None, id_token)
        self.books.visits.append(visit)
        about: dict[str, Any] = {"reservation_id": self._use(plug[0], id_token, names_it)}
        wh = self._wh(visit, at)
        if is_numbered:
            event = started(
                0,
                at,
                wh,
                id_token=id_token,
                evse=plug,
                transaction_id=visit.id,
                remote_start_id=remote_start_id,
                **about,
            )
        else:
            event = start(at, wh, id_token=id_token, plug=plug[0], connector_no=plug[1], **about)

        def told() -> TransactionReported:
            return event

        await self._send(told, visit)

    async def _identify(self, visit: Visit, id_token: IdToken, remote_start_id: str | None, names_it: bool) -> None:
        at = self._now()
        visit.seq_no += 1
        visit.id_token = id_token
        no = self._use(visit.plug[0], id_token, names_it)
        event = updated(
            visit.seq_no,
            at,
            self._wh(visit, at),
            transaction_id=visit.id,
            id_token=id_token,
            remote_start_id=remote_start_id,
            reservation_id=no,
        )
        await self._send(lambda: event)

    def _use(self, evse_no: int, id_token: IdToken | None, names_it: bool) -> str | None:
        """What is asked for still, the gateway takes for used; the station may keep it yet, after the visit."""
        for asked in self.line.open:
            if isinstance(asked.call, ReserveCall) and asked.call.evse_no == evse_no:
                self.books.doubt(asked.call)
        return self.books.use(evse_no, id_token, names_it)

    def _metered(self, visit: Visit, at: float) -> TransactionReported:
        evse_no, connector_no = visit.plug
        told = metered(at, self._wh(visit, at), visit.id or "-1", plug=evse_no, connector_no=connector_no)
        assert isinstance(told, TransactionReported)
        return told

    def _now(self) -> float:
        """The time in minutes after noon, another one each time."""
        self.stage.clock.at += timedelta(milliseconds=1)
        return (self.stage.clock.at - NOON) / timedelta(minutes=1)

    def _wh(self, visit: Visit, at: float) -> int:
        """The meter of a plug, which never stands still."""
        return 1000 * visit.plug[0] + int(at * 100)

    async def _send(self, make: Callable[[], Any], begun: Visit | None = None) -> None:
        async def send() -> None:
            event = make()
            answer = await self._deliver(event)
            if begun is not None:
                begun.id = answer.transaction_id
            if isinstance(event, TransactionReported):
                self.books.sent.append((event, answer.transaction_id))

        self.books.outbox.append(send)
        await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            while self.books.outbox and self.is_connected:
                await self.books.outbox[0]()
                self.books.outbox.pop(0)

    async def _deliver(self, event: Any) -> Any:
        if isinstance(event, ReservationEnded):
            event = replace(event, receipt=replace(event.receipt, received_at=self.stage.clock.at))
            return await self.stage.mailboxes.run(STATION, lambda: self.stage.events.on_reservation_ended(event))
        if isinstance(event, StatusReported | TransactionReported):
            return await self.stage.mailboxes.run(STATION, lambda: self.stage.send(event))
        raise AssertionError(event)

    # --- the world ----------------------------------------------------------------------------------------------------

    async def wait(self, seconds: int) -> None:
        """Time passes; an answer may come just after it was due, and no later."""
        self.stage.clock.at += timedelta(seconds=seconds)
        now = self.stage.clock.at
        self.books.kept = {no: one for no, one in self.books.kept.items() if now < one.expires_at}
        await self.office.callbacks.end_overdue()
        self.office.ends.on_due(now)
        await self.stage.keeper.tick(now)
        for asked in [one for one in self.line.open if one.due_at + JUST_AFTER <= now]:
            self.books.doubt(asked.call)
            self.line.answer(asked, SILENCE)

    async def disconnect(self) -> None:
        if self.is_connected:
            self.line.break_off()
            self.stage.events.on_disconnected(STATION)

    async def connect(self) -> None:
        if not self.is_connected:
            self.line.connected.add(STATION)
            self.stage.events.on_connected(STATION)
            await self._flush()

    async def restart(self, is_found: bool) -> None:
        """The gateway starts anew; the station finds its way back, or not yet."""
        for asked in self.line.open:
            self.books.doubt(asked.call)
        await self.office.reopen()
        self.line.connected.clear()
        if is_found:
            await self.connect()
