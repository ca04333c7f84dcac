"""Stations that answer to what is wanted of them as they were told to."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from gateway.domain.calls import CallOutcomeKind, CallReply, StationCall
from gateway.ports import CallOutcome, ConnectionInfo
from tests.unit.flows.words import NOON

Answer = CallReply | Callable[[Any], CallReply]


def answered(status: str, **more: Any) -> CallReply:
    return CallReply(outcome=CallOutcomeKind.ANSWERED, status=status, **more)


class AnsweringStations:
    """`answers` by the type of call; without one a call waits for ever, until `release`.  `calls` is what was asked."""

    def __init__(self) -> None:
        self.answers: dict[type, Answer] = {}
        self.calls: list[StationCall] = []
        self.offline: set[str] = set()
        self.release = asyncio.Event()

    async def send(self, station_id: str, call: StationCall, *, timeout_s: float) -> CallReply:
        self.calls.append(call)
        if station_id in self.offline:
            return CallReply(outcome=CallOutcomeKind.OFFLINE, reason="the station is not connected")
        if type(call) not in self.answers:
            await self.release.wait()
        if type(call) not in self.answers:
            return CallReply(outcome=CallOutcomeKind.TIMEOUT, reason="no answer in time")
        answer = self.answers[type(call)]
        return answer if isinstance(answer, CallReply) else answer(call)

    def calls_of(self, kind: type) -> list[Any]:
        return [call for call in self.calls if isinstance(call, kind)]

    async def call(self, station_id: str, action: str, payload: dict[str, Any], *, timeout_s: float) -> CallOutcome:
        raise AssertionError(f"{action} was called as the operator calls")

    def find_connection(self, station_id: str) -> ConnectionInfo | None:
        if station_id in self.offline:
            return None
        return ConnectionInfo(
            station_id=station_id, version="1.6", since=NOON, last_seen=NOON, remote="192.0.2.1:1", is_tls=False
        )

    def list_connections(self) -> Sequence[ConnectionInfo]:
        return ()

    async def disconnect(self, station_id: str, reason: str) -> None:
        self.offline.add(station_id)
