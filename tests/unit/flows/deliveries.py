"""Messages sent to the stage, and what came of them."""

from decimal import Decimal
from typing import Any

from gateway.core.cdrs import price_cuts_of
from gateway.core.sessions import fold_facts
from gateway.domain.sessions import Ledger, Phase, Session
from tests.unit.flows.stage import Stage


def phases(ledger: Ledger) -> list[tuple[Any, Phase, Decimal]]:
    return [(period.start_at, period.phase, period.energy_wh) for period in ledger.periods]


async def refold(stage: Stage, transaction_id: str = "1") -> Ledger:
    session = await stage.load_session(transaction_id)
    return fold_facts(await stage.load_facts(transaction_id), session.id_token, price_cuts_of(session.terms))


async def deliver(stage: Stage, *events: Any, transaction_id: str = "1") -> Session:
    """Send all, and check that steps and fold gave the same."""
    await stage.send_all(*events)
    session = await stage.load_session(transaction_id)
    assert session.ledger == await refold(stage, transaction_id)
    return session
