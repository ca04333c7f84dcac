"""Commands on the stage: a partner that orders, and a station that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gateway.core.reservation_limits import ReservationLimits
from gateway.domain.callbacks import Callback, CallbackKind
from gateway.domain.calls import CallOutcomeKind, CallReply, StationCall
from gateway.domain.commands import (
    Asked,
    CancelReservationOrder,
    CommandAnswer,
    Order,
    ReserveOrder,
    StartOrder,
    StopOrder,
    UnlockOrder,
)
from gateway.domain.deliveries import Delivery, DeliveryKind
from gateway.domain.ids import PartyId
from gateway.domain.locations import Evse, EvseStatus
from gateway.domain.partners import Partner, PartnerRole, PartnerStatus
from gateway.domain.sessions import Session
from gateway.errors import PartnerError
from gateway.flows.callbacks import Callbacks
from gateway.flows.commands import CommandRules, Commands
from gateway.flows.order_desk import OrderDesk
from gateway.flows.partner_urls import Fault
from gateway.flows.reservation_ends import ReservationEnds
from gateway.flows.reservations import Reservations
from gateway.ports import ConnectionInfo, SaveLocation, SavePartner
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import EMSP, LOCATION, NOON, STATION, THEN, TOKEN

URL = "https://ems.example/results/1"
ACCEPTED = CallReply(outcome=CallOutcomeKind.ANSWERED, status="Accepted")
PARTNER = Partner(
    id="P1",
    name="EMS",
    role="EMSP",
    status=PartnerStatus.REGISTERED,
    version="2.2.1",
    versions_url="https://ems.example/versions",
    roles=(PartnerRole(party=EMSP, role="EMSP", name="EMS"),),
    created_at=THEN,
    last_updated=THEN,
)
START = StartOrder(response_url=URL, token=TOKEN, location_id=LOCATION.id, evse_uid=f"{STATION}-1")


class Stations:
    """The stations that are connected; each call waits until `reply` answers it."""

    def __init__(self) -> None:
        self.connected = {STATION}
        self.calls: list[StationCall] = []
        self.waiting: list[asyncio.Future[CallReply]] = []

    async def send(self, station_id: str, call: StationCall, *, timeout_s: float) -> CallReply:
        self.calls.append(call)
        waiter: asyncio.Future[CallReply] = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        return await waiter

    def find_connection(self, station_id: str) -> ConnectionInfo | None:
        if station_id not in self.connected:
            return None
        return ConnectionInfo(station_id=station_id, version="1.6", since=THEN, last_seen=NOON, remote="", is_tls=False)


class Words:
    """Results as plain bytes."""

    def render_result(self, callback: Callback, word: str, message: str | None, content: Any) -> bytes:
        return f"{word} {message or ''}".strip().encode()

    def has_word(self, callback: Callback, word: str) -> bool:
        return callback.version != "2.1.1"

    def timeout_word(self, callback: Callback) -> str:
        return "TIMEOUT"


class Office:
    """A stage on which partners order."""

    def __init__(
        self, stage: Stage, rules: CommandRules | None = None, limits: ReservationLimits | None = None
    ) -> None:
        self.stage = stage
        self.stations = self.meet_stations()
        self.rules = rules or CommandRules()
        self.limits = limits or ReservationLimits()

    def meet_stations(self) -> Stations:
        """Those that are there at a start of the program."""
        return Stations()

    async def open(self) -> None:
        stage, store = self.stage, self.stage.store
        self.callbacks = Callbacks(
            store=store,  # type: ignore[arg-type]
            partners=stage.partners,
            writer=Words(),
            clock=stage.clock,
            check_url=_check_url,
        )
        self.desk = OrderDesk(
            store=store,  # type: ignore[arg-type]
            memory=stage.memory,
            stations=self.stations,  # type: ignore[arg-type]
            callbacks=self.callbacks,
            clock=stage.clock,
            ids=stage.ids,
            timeout_s=self.rules.timeout_s,
        )
        self.ends = ReservationEnds(
            store=store,  # type: ignore[arg-type]
            memory=stage.memory,
            mailboxes=stage.mailboxes,
            desk=self.desk,
            availability=stage.availability,
            clock=stage.clock,
            ids=stage.ids,
        )
        self.reservations = Reservations(
            store=store,  # type: ignore[arg-type]
            memory=stage.memory,
            partners=stage.partners,
            mailboxes=stage.mailboxes,
            desk=self.desk,
            terms=stage.transactions.terms,
            availability=stage.availability,
            ends=self.ends,
            clock=stage.clock,
            ids=stage.ids,
            limits=self.limits,
        )
        stage.events.reservations = self.ends
        stage.subscribers[:] = [self.callbacks.on_changes, self.ends.on_changes]
        self.commands = Commands(
            store=store,  # type: ignore[arg-type]
            memory=stage.memory,
            partners=stage.partners,
            mailboxes=stage.mailboxes,
            desk=self.desk,
            starts=stage.starts,
            reservations=self.reservations,
            terms=stage.transactions.terms,
            clock=stage.clock,
            ids=stage.ids,
            rules=self.rules,
        )
        await self.callbacks.begin()
        await self.ends.begin()

    async def close(self) -> None:
        await self.desk.stop()
        await self.callbacks.stop()

    async def reopen(self) -> None:
        """The program is started anew; what waited for a station waits no more."""
        await self.close()
        self.stations = self.meet_stations()
        await self.stage.reopen()
        await self.open()

    async def provide(self) -> None:
        """The partner, and EVSEs that can be started from afar."""
        stage = self.stage
        await stage.provide(SavePartner(PARTNER))
        await self.change_evses(capabilities=("REMOTE_START_STOP_CAPABLE", "RESERVABLE"), status=EvseStatus.AVAILABLE)

    async def change_evses(self, **changes: Any) -> None:
        location = self.stage.memory.locations[LOCATION.id]
        evses: tuple[Evse, ...] = tuple(replace(evse, **changes) for evse in location.evses)
        await self.stage.provide(SaveLocation(replace(location, evses=evses)))

    async def order(self, order: Order, partner: Partner = PARTNER, *, sender: PartyId | None = None) -> CommandAnswer:
        answer = await self.take(order, partner, sender)
        await self.settle()
        return answer

    async def take(self, order: Order, partner: Partner, sender: PartyId | None = None) -> CommandAnswer:
        """The answer, before anything is done."""
        kinds = {
            StartOrder: CallbackKind.START_SESSION,
            StopOrder: CallbackKind.STOP_SESSION,
            UnlockOrder: CallbackKind.UNLOCK_CONNECTOR,
            ReserveOrder: CallbackKind.RESERVE_NOW,
            CancelReservationOrder: CallbackKind.CANCEL_RESERVATION,
        }
        asked = Asked(partner=partner, version="2.2.1", kind=kinds[type(order)], sender=sender)
        return await self.commands.order(asked, order)

    async def reply(self, reply: CallReply = ACCEPTED) -> None:
        """The station answers the call that waits longest."""
        self.stations.waiting.pop(0).set_result(reply)
        await self.settle()

    async def settle(self) -> None:
        """Let everything go on as far as it can: until a station is waited for, or nothing is left."""
        for _ in range(200):
            await asyncio.sleep(0.001)
            is_waiting = len(self.stations.waiting) >= len(self.desk._tasks)
            if is_waiting and not self.stage.store.real.queued_rows:
                await self.stage.mailboxes.drained()
                return
        raise AssertionError("something goes on for ever")

    async def pass_s(self, seconds: float) -> None:
        self.stage.clock.at += timedelta(seconds=seconds)
        await self.callbacks.end_overdue()
        self.ends.on_due(self.stage.clock.at)
        await self.stage.tick()

    async def results(self) -> list[str | None]:
        """The words of all results, the first order first."""
        callbacks = await self.stage.store.real.list_callbacks(limit=100)
        return [callback.result for callback in reversed(callbacks)]

    async def told(self) -> list[Delivery]:
        rows = await self.stage.store.real.load_deliveries()
        return [row for row in rows if row.subject.kind is DeliveryKind.RESULT]

    async def sessions(self) -> list[Session]:
        return list(reversed(await self.stage.store.real.list_sessions(limit=100)))


@asynccontextmanager
async def opened_office(stage: Stage, **given: Any) -> AsyncIterator[Office]:
    office = Office(stage, **given)
    await office.open()
    await office.provide()
    yield office
    await office.close()


def _check_url(url: str) -> None:
    if "private" in url:
        raise PartnerError(Fault.UNUSABLE, f"{url} leads into a private network")
