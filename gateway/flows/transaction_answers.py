"""What stations are answered when a message of a transaction is saved."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from gateway.domain.cdrs import Totals
from gateway.domain.events import TransactionAnswer, TransactionReported
from gateway.domain.quick import quick
from gateway.domain.sessions import Session
from gateway.flows.memory import Memory
from gateway.flows.session_costs import find_cost

log = structlog.get_logger(__name__)

_answer = quick(TransactionAnswer)


class CostsTold:
    """What stations that show the cost to the driver are told of it, in the answers to their transaction's events.

    OCPP 2.0.1 I02.FR.01, I03.FR.02: the running cost at intervals, the final one at the end, with taxes.
    """

    def __init__(self, interval_s: int) -> None:
        """`interval_s` between two running costs of a session; 0: the final cost only; negative: none."""
        self._interval = None if interval_s < 0 else timedelta(seconds=interval_s)
        self._due: dict[str, datetime] = {}

    def answer(self, session: Session, seq_no: int | None, now: datetime) -> TransactionAnswer:
        """The answer to a message that was saved; only those that are numbered have a place for the cost in theirs."""
        cost = None if seq_no is None else self.find_due(session, now)
        return _answer(transaction_id=session.transaction_id, cost=cost)

    def find_due(self, session: Session, now: datetime) -> Decimal | None:
        """The cost to tell now; None where it is too early, or not known with its taxes.

        A transaction of which messages are missing has no final cost yet.
        """
        if self._interval is None:
            return None
        if session.ledger.ended_at is not None:
            self.forget(session.id)
            return None if session.ledger.has_gap else _with_taxes(find_cost(session))
        due_at = self._due.get(session.id)
        if not self._interval or (due_at is not None and now < due_at):
            return None
        self._due[session.id] = now + self._interval
        return _with_taxes(find_cost(session))

    def forget(self, session_id: str) -> None:
        self._due.pop(session_id, None)


def _with_taxes(totals: Totals | None) -> Decimal | None:
    return None if totals is None else totals.cost.with_taxes


class Saving:
    """A message that is being saved: what its answer needs, and no more (see `ocpp.reported`).

    `session` is as it was before; once the message is saved, memory has it as it is.
    """

    __slots__ = ("_costs", "_memory", "_received_at", "_seq_no", "_session", "_then")

    def __init__(
        self,
        costs: CostsTold,
        memory: Memory,
        session: Session,
        event: TransactionReported,
        then: Callable[[TransactionAnswer | Exception], None],
    ) -> None:
        self._costs = costs
        self._memory = memory
        self._session = session
        self._seq_no = event.seq_no
        self._received_at = event.receipt.received_at
        self._then = then

    def on_saved(self, error: Exception | None) -> None:
        said: TransactionAnswer | Exception
        try:
            saved = self._memory.sessions.get(self._session.id, self._session)
            said = self._costs.answer(saved, self._seq_no, self._received_at) if error is None else error
        except Exception as fault:  # root of a task: whoever waits for the answer must be told
            log.exception("answer failed", session_id=self._session.id)
            said = fault
        self._then(said)
