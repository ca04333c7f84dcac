"""A station on one connection: reads its frames, has its calls served in order, places ours."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from math import inf
from time import monotonic
from typing import Any, Final

import structlog
from websockets.exceptions import ConnectionClosed

from gateway.domain.stations import Admission
from gateway.errors import StoreDownError, StoreFullError
from gateway.flows.mailbox import Job, Step, in_task
from gateway.ocpp import frames
from gateway.ocpp.calls import OutgoingCalls
from gateway.ocpp.closing import GOING_AWAY, INTERNAL_ERROR, TRY_AGAIN_LATER, UNSUPPORTED_DATA, cut_reason, tell_end
from gateway.ocpp.frames import Call, Fault, Send
from gateway.ocpp.house import House
from gateway.ocpp.liveness import Liveness, Sign
from gateway.ocpp.message import Seat
from gateway.ocpp.reported import Reported, Rest
from gateway.ocpp.rpc import Connection, FrameRefused, LateReply, OutgoingCall, ReplyReceived
from gateway.ocpp.service import BOOT
from gateway.ocpp.station_socket import StationSocket, decode_text
from gateway.ocpp.validation import Problem
from gateway.ocpp.version import Metering, Version
from gateway.ops.failpoints import failpoint
from gateway.ports import CallOutcome, ConnectionInfo

log = structlog.get_logger(__name__)

_FULL_STORE_WAITS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


class Link:
    """One connection of a station.  `epoch` grows with every connection: the old one's end never harms the new one."""

    __slots__ = (
        "_backlog",
        "_calls",
        "_hold_timer",
        "_house",
        "_is_closing",
        "_liveness",
        "_room",
        "_rpc",
        "_since",
        "_tasks",
        "epoch",
        "opened_at",
        "seat",
        "socket",
        "version",
    )

    def __init__(self, *, socket: StationSocket, version: Version, station_id: str, epoch: int, house: House) -> None:
        self.socket = socket
        self.version = version
        self.seat = Seat(station_id)
        self.epoch = epoch
        self.opened_at = monotonic()
        settings = house.settings
        self._house = house
        self._since = house.clock.now()
        self._rpc = Connection(version.rules)
        self._calls = OutgoingCalls(version, self.seat, self._rpc, self._send_call, self._note, self._on_timeout)
        self._backlog = 0
        self._room: asyncio.Future[None] | None = None
        self._hold_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] | None = None
        self._is_closing = False
        jitter_s = random.uniform(-settings.ping_jitter_s, settings.ping_jitter_s)
        after_s = settings.ping_silence_s + jitter_s if settings.ping_silence_s else inf
        self._liveness = Liveness(after_s, settings.heartbeat_s)

    @property
    def station_id(self) -> str:
        return self.seat.station_id

    # Reading

    async def run(self) -> None:
        """Read until the connection ends."""
        # A known station that reconnects need not send a BootNotification (OCPP 2.0.1 part 4 5.3, OCPP-J 1.6 5.4).
        self._hold(self._house.settings.boot_wait_s)
        socket = self.socket
        socket.take = self._take
        try:
            while True:
                message = await socket.recv(decode=False)
                # It counts as waiting until it is taken: what comes meanwhile must not overtake it.
                await self._wait_for_room()
                if not socket.on_received():
                    await self._refuse_binary(message)
                    return
                self._on_message(decode_text(message))
        except ConnectionClosed as closed:
            self._trace_end(closed)
        finally:
            self._end()

    def _take(self, message: str | bytes) -> bool:
        """Take a text at once, unless enough calls wait already: then it is read when there is room."""
        if self._backlog >= self._house.settings.max_backlog:
            return False
        try:
            if type(message) is str:
                self._on_text(message)
            else:
                self._on_message(message)
        except Exception:  # root of a task: what is raised here would tear the transport down without a word
            log.exception("frame failed", station_id=self.station_id)
            self.close_soon(INTERNAL_ERROR, "internal error")
        return True

    def _on_message(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self._on_text(message)
            return
        text = message.decode("utf-8", "backslashreplace")
        self._house.trace.frame(self.station_id, "in", text)
        refused = self._rpc.receive_undecodable(text)
        self._post(partial(self._refuse, refused, refused.answer or b"", text, self._house.clock.now()))

    def _on_text(self, text: str) -> None:
        house = self._house
        now = house.clock.now()
        house.trace.frame(self.seat.station_id, "in", text, now)
        typed = self.version.schemas.typed.read(text)
        if typed is not None:
            self._post(partial(self._begin, typed, text, now))
            return
        received = self._rpc.receive(text, monotonic())
        if type(received) is Call:
            self._post(partial(self._begin, received, text, now))
        elif isinstance(received, ReplyReceived):
            self._calls.on_reply(received)
        elif isinstance(received, LateReply):
            late = received.call
            house.trace.event(self.station_id, "late", f"the answer to {late.action} {late.id} came after its deadline")
        elif isinstance(received, Send):
            call = Call(received.id, received.action, received.payload)
            self._post(partial(self._serve, call, text, now, is_answered=False))
        elif isinstance(received, FrameRefused):
            if received.answer is None:
                house.trace.event(self.station_id, "ignored", f"{received.id}: {received.reason}")
            else:
                self._post(partial(self._refuse, received, received.answer, text, now))

    def _post(self, job: Job) -> None:
        self._backlog += 1
        self._house.mailboxes.serve(self.seat.station_id, job)

    async def _wait_for_room(self) -> None:
        """Stop reading: TCP holds the station back.  While an answer to a call of ours is due, reading goes on."""
        while self._backlog >= self._house.settings.max_backlog and not self._rpc.is_waiting:
            self._room = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._room, self.socket.connection_lost_waiter), return_when=asyncio.FIRST_COMPLETED)
            self._room = None
            if self.socket.connection_lost_waiter.done():
                return

    def _make_room(self) -> None:
        self._backlog -= 1
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def _refuse_binary(self, data: bytes) -> None:
        # OCPP-J 1.6 4.1.2, OCPP 2.0.1 part 4 4.1.2: messages are JSON text.
        reason = "binary frame: OCPP messages are text frames"
        self._house.trace.event(self.station_id, "refused", f"{reason} ({len(data)} bytes: {data[:64].hex()})")
        await self.close(UNSUPPORTED_DATA, reason)

    # Serving the station's calls, in its mailbox

    def _begin(self, call: Call, text: str, received_at: datetime) -> Step | Coroutine[Any, Any, None]:
        """Serve a call; almost every one takes a single step, without a coroutine."""
        if self._is_closing or self._rpc.find_answer(call.id, text, monotonic()) is not None:
            return self._serve(call, text, received_at)
        try:
            report = self._house.service.read_report(self.version, self.seat, call, text, received_at)
            if report is not None:
                event, render = report
                reported = Reported(self, call.id, text, received_at, render)
                if self._house.stories.begin_transaction(event, reported.on_saved):
                    return reported
        except Exception:  # root of a task: the long way answers a fault of ours
            log.exception("step failed", station_id=self.station_id)
        return self._serve(call, text, received_at)

    def answer_report(self, call_id: str, text: str, received_at: datetime, answer: bytes | None) -> Rest:
        """Answer what was saved in a single step (None: it was not); what is left to do, if that does not end it."""
        if answer is not None:
            self._rpc.keep_answer(call_id, text, answer, monotonic())
            if self._send(answer):
                failpoint("after-answer")
                self._make_room()
                return None
        again = frames.parse_frame(text)
        assert isinstance(again, Call)
        return self._serve(again, text, received_at)

    async def _serve(self, call: Call, text: str, received_at: datetime, *, is_answered: bool = True) -> None:
        try:
            if self._is_closing:
                return
            answer = self._rpc.find_answer(call.id, text, monotonic())
            is_new = answer is None
            if answer is None:
                try:
                    answer = await self._house.service.answer(self.version, self.seat, call, text, received_at)
                except StoreFullError:
                    answer = await self._answer_patiently(call, text, received_at)
                except StoreDownError:
                    raise
                except Exception as error:  # root of a task
                    answer = await self._answer_failed(call, text, received_at, error)
                self._rpc.keep_answer(call.id, text, answer, monotonic())
            if is_answered and not self._send(answer):
                await in_task(self._send_patiently(answer))
            failpoint("after-answer")
            if is_new and call.action == BOOT:
                self._on_boot_answered()
        except StoreDownError as error:
            await self._give_up(error)
        finally:
            self._make_room()

    async def _answer_patiently(self, call: Call, text: str, received_at: datetime) -> bytes:
        """The store's queue was full and nothing was done: try again while it drains."""
        for wait_s in _FULL_STORE_WAITS_S:
            await asyncio.sleep(wait_s)
            with suppress(StoreFullError):
                return await self._house.service.answer(self.version, self.seat, call, text, received_at)
        raise StoreDownError("the store's queue stayed full")

    async def _answer_failed(self, call: Call, text: str, received_at: datetime, error: Exception) -> bytes:
        """A fault of ours must not make the station repeat its message for ever."""
        log.exception("message failed", station_id=self.station_id, action=call.action, message_id=call.id)
        reason = f"internal error: {type(error).__name__}"
        return await self._house.service.answer_unusable(
            self.version, self.seat, call.id, call.action, Fault.INTERNAL, reason, text, received_at
        )

    async def _refuse(self, refused: FrameRefused, answer: bytes, text: str, received_at: datetime) -> None:
        try:
            if refused.action in self.version.transaction_actions and not self._is_closing:
                salvaged = await self._house.service.answer_unusable(
                    self.version,
                    self.seat,
                    refused.id,
                    refused.action or "",
                    refused.fault,
                    refused.reason,
                    text,
                    received_at,
                )
                if refused.id != frames.UNREADABLE_ID:
                    answer = salvaged
            else:
                self._house.trace.event(self.station_id, "refused", f"{refused.id}: {refused.fault}: {refused.reason}")
            if not self._send(answer):
                await in_task(self._send_patiently(answer))
        except StoreDownError as error:
            await self._give_up(error)
        finally:
            self._make_room()

    async def _give_up(self, error: StoreDownError) -> None:
        """Nothing is acknowledged that is not durable: the message stays in the station's queue."""
        self._house.shut()
        log.warning("message not stored, closing connection", station_id=self.station_id, error=str(error))
        self._house.trace.event(self.station_id, "closed", f"the store is down, nothing was acknowledged: {error}")
        self.close_soon(TRY_AGAIN_LATER, "the message could not be stored, try again later")

    def _send(self, frame: bytes) -> bool:
        """Send at once; False if the station does not read what was sent before."""
        # A send on a closing socket would wait for its end, and the station's mailbox with it.
        if self._is_closing or not self.socket.is_open:
            log.debug("answer not delivered", station_id=self.station_id)
            return True
        if self.socket.is_congested:
            return False
        self._house.trace.frame(self.seat.station_id, "out", frame.decode())
        self.socket.send_frame(frame)
        return True

    async def _send_patiently(self, frame: bytes) -> None:
        self._house.trace.frame(self.seat.station_id, "out", frame.decode())
        try:
            await self.socket.send(frame, text=True)
        except ConnectionClosed:
            log.debug("answer not delivered", station_id=self.station_id)

    # Our calls

    async def call(self, action: str, payload: dict[str, Any], *, timeout_s: float) -> CallOutcome:
        """Call the station; see ports.Stations."""
        if action in self.version.large_answers:
            self.socket.allow_large(self._house.settings.max_large_message_bytes)
        admission = self._house.stories.admission_of(self.station_id)
        return await self._calls.call(action, payload, timeout_s=timeout_s, admission=admission)

    def _send_call(self, frame: bytes) -> None:
        if not self._is_closing and self.socket.is_open:
            self._house.trace.frame(self.station_id, "out", frame.decode())
            self.socket.send_frame(frame)

    def _note(self, action: str, problem: Problem) -> None:
        self.spawn(self._house.service.note(self.seat, action, problem, self._house.clock.now()))

    # From the handshake to an accepted station

    def _hold(self, wait_s: float) -> None:
        """Hold our calls back for so long."""
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._calls.is_held = True
        self._hold_timer = asyncio.get_running_loop().call_later(wait_s, self._release)

    def _release(self) -> None:
        self._hold_timer = None
        self._calls.release()

    def _on_boot_answered(self) -> None:
        settings = self._house.settings
        self._hold(settings.settle_s)
        if self._house.stories.admission_of(self.station_id) is Admission.ACCEPTED:
            self.seat.solicited = None
            if settings.metering is not None:
                self.spawn(self._look_at_meters(settings.metering))

    async def _look_at_meters(self, wanted: Metering) -> None:
        """Have sampled what live sessions need, and learn the keys that the meters sign with.

        A station that leaves the first unanswered is asked nothing more by us: the operator's calls must not wait.
        """
        await self.version.set_metering(self._call_briefly, wanted, self._record)
        if self._rpc.unanswered:
            return
        keys = await self.version.read_meter_keys(self._call_briefly)
        if keys:
            house = self._house
            await house.mailboxes.run(self.station_id, lambda: house.stories.on_meter_keys(self.station_id, keys))

    def _ask_statuses_if_accepted(self) -> None:
        """Have the state of every plug sent, once: the station did not do so by itself."""
        if self._house.stories.admission_of(self.station_id) is Admission.ACCEPTED:
            self.seat.has_status = True
            self.spawn(self.version.ask_statuses(self._call_briefly))

    async def _call_briefly(self, action: str, payload: dict[str, Any]) -> CallOutcome:
        return await self.call(action, payload, timeout_s=self._house.settings.call_timeout_s)

    def _record(self, kind: str, text: str) -> None:
        log.info("station configured", station_id=self.station_id, kind=kind, change=text)
        self._house.trace.event(self.station_id, kind, text)

    # Signs of life

    def on_tick(self, now: float) -> None:
        """Look after the connection; called by one timer for all of them."""
        if not self.seat.has_status and now - self.opened_at > self._house.settings.status_wait_s:
            self._ask_statuses_if_accepted()
        match self._liveness.decide(now, self.socket.heard_at):
            case Sign.NONE:
                return
            case Sign.DEAD:
                reason = f"silent for {now - self.socket.heard_at:.0f} s"
                self._house.trace.event(self.station_id, "closed", reason)
                self.close_soon(GOING_AWAY, "no sign of life")
            case sign:
                self._rpc.forget_answers()
                self.spawn(self._give_sign(sign))

    async def _give_sign(self, sign: Sign) -> None:
        with suppress(ConnectionClosed):
            if sign is Sign.PING:
                await self.socket.ping()
            else:
                await self.socket.pong()

    def _on_timeout(self, call: OutgoingCall, reason: str, count: int) -> None:
        """`count` calls in a row: a station that lives but answers nothing is of no use until it reconnects."""
        self._house.trace.event(self.station_id, "timeout", f"{call.action} {call.id}: {reason}")
        if call.sent_at is not None and count >= self._house.settings.unanswered_limit:
            self._house.trace.event(self.station_id, "closed", f"{count} calls in a row were not answered")
            self.close_soon(GOING_AWAY, f"no answer to {count} calls in a row")

    # The end

    async def close(self, code: int, reason: str) -> None:
        """Close the connection; calls that wait for it fail at once."""
        self._is_closing = True
        self._calls.fail_all(reason)
        await self.socket.close(code, cut_reason(reason))

    def close_soon(self, code: int, reason: str) -> None:
        """As close(), without waiting for the other side."""
        self._is_closing = True
        self._calls.fail_all(reason)
        self._house.keep(self.close(code, reason))

    async def finish(self, reason: str) -> None:
        """Close after the calls that came in were answered."""
        try:
            async with asyncio.timeout(self._house.settings.close_timeout_s):
                await self._house.mailboxes.run(self.station_id, _do_nothing)
        except TimeoutError:
            log.warning("closing with calls unanswered", station_id=self.station_id, backlog=self._backlog)
        await self.close(GOING_AWAY, reason)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the reading, as long as the connection lasts."""
        if self._tasks is None:
            self._tasks = set()
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._forget_task)

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        if self._tasks is not None:
            self._tasks.discard(task)
            self._tasks = self._tasks or None

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreDownError as error:
            log.warning("note not stored", station_id=self.station_id, error=str(error))
        except Exception:  # root of a task
            log.exception("task of a connection failed", station_id=self.station_id)

    def _end(self) -> None:
        self._is_closing = True
        self.socket.take = None
        if self._hold_timer is not None:
            self._hold_timer.cancel()
        self._calls.fail_all("the connection was lost")
        for task in list(self._tasks or ()):
            task.cancel()

    def _trace_end(self, closed: ConnectionClosed) -> None:
        text, is_faulty = tell_end(closed)
        if is_faulty and not self._is_closing:
            self._house.trace.event(self.station_id, "closed", text)
        else:
            self._house.trace.frame(self.station_id, "event", text)

    def info(self) -> ConnectionInfo:
        """What the operator sees of it."""
        remote = self.socket.remote_address
        tls = self.socket.transport.get_extra_info("ssl_object")
        return ConnectionInfo(
            station_id=self.station_id,
            version=self.version.name,
            since=self._since,
            last_seen=self._house.clock.now() - timedelta(seconds=monotonic() - self.socket.heard_at),
            remote=f"{remote[0]}:{remote[1]}" if remote else "",
            is_tls=tls is not None,
            id_tokens=self.version.id_tokens,
            tls=None if tls is None else " ".join(filter(None, (tls.version(), (tls.cipher() or ("",))[0]))),
        )


async def _do_nothing() -> None:
    """What was posted before it has been done when it is."""
