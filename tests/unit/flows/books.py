"""What a station knows: its plugs, those it keeps for drivers, its transactions, and what it makes of calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    CancelReservationCall,
    ReserveCall,
    StartCall,
    StationCall,
    StopCall,
    UnlockCall,
)
from gateway.domain.events import TransactionReported
from gateway.domain.tokens import IdToken


def answered(word: str, transaction_id: str | None = None) -> CallReply:
    return CallReply(outcome=CallOutcomeKind.ANSWERED, status=word, transaction_id=transaction_id)


@dataclass
class Visit:
    """A transaction as the station knows it; `id` is not known until a StartTransaction was answered."""

    plug: tuple[int, int]
    is_numbered: bool
    id: str | None
    id_token: IdToken | None
    seq_no: int = 0
    is_over: bool = False


@dataclass
class Books:
    """What the station knows.  `kept` are its reservations by number; of those in `doubtful` the gateway cannot know
    what the station made of the last call."""

    kept: dict[int, ReserveCall] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    visits: list[Visit] = field(default_factory=list)
    starts: list[StartCall] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    plugs: dict[tuple[int, int], str] = field(default_factory=dict)
    outbox: list[Callable[[], Any]] = field(default_factory=list)
    """Messages that wait for the connection, and for the answer to the one before."""
    sent: list[tuple[TransactionReported, str | None]] = field(default_factory=list)

    def running_at(self, evse_no: int) -> list[Visit]:
        return [visit for visit in self.visits if visit.plug[0] == evse_no and not visit.is_over]

    def doubt(self, call: StationCall) -> None:
        if isinstance(call, ReserveCall | CancelReservationCall):
            self.doubtful.add(call.no)

    def refuse(self, call: StationCall) -> CallReply:
        if isinstance(call, CancelReservationCall) and call.no in self.kept:
            self.doubtful.add(call.no)  # it says that it does not keep it, and does
        return answered("UnlockFailed" if isinstance(call, UnlockCall) else "Rejected")

    def obey(self, call: StationCall) -> CallReply:
        if isinstance(call, ReserveCall):
            return answered(self._keep(call))
        if isinstance(call, CancelReservationCall):
            return answered("Accepted" if self.kept.pop(call.no, None) else "Rejected")
        if isinstance(call, StartCall):
            return self._take_order(call)
        if isinstance(call, StopCall):
            is_known = any(visit.id == call.transaction_id and not visit.is_over for visit in self.visits)
            return answered("Accepted" if is_known else "Rejected")
        return answered("Unlocked")

    def _keep(self, call: ReserveCall) -> str:
        self.numbers.append(call.no)
        others = [one for no, one in self.kept.items() if no != call.no and one.evse_no == call.evse_no]
        if others or self.running_at(call.evse_no):
            return "Occupied"
        if any(word != "Available" for plug, word in self.plugs.items() if plug[0] == call.evse_no):
            return "Faulted"
        self.kept[call.no] = call
        return "Accepted"

    def _take_order(self, call: StartCall) -> CallReply:
        running = self.running_at(call.evse_no)
        others = [
            one
            for one in self.kept.values()
            if one.evse_no == call.evse_no and one.id_token.value != call.id_token.value
        ]
        if others or any(visit.id_token is not None for visit in running):
            return answered("Rejected")
        self.starts.append(call)
        return answered("Accepted", running[0].id if running and running[0].is_numbered else None)

    def use(self, evse_no: int, id_token: IdToken | None, names_it: bool) -> str | None:
        """The station lets go of what is used now."""
        used = [
            no
            for no, one in self.kept.items()
            if id_token is not None and one.evse_no == evse_no and one.id_token.value == id_token.value
        ]
        for no in used:
            del self.kept[no]
        return str(used[0]) if used and names_it else None
