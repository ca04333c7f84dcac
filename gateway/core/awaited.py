"""Sessions that are there before their transaction: ordered or reserved by a partner."""

from dataclasses import replace
from datetime import datetime

from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Ledger, Session, SessionStatus, Terms
from gateway.domain.tokens import IdToken

NOWHERE = ConnectorKey(station_id="", evse_no=0, connector_no=0)


def await_transaction(
    *,
    id_: str,
    key: ConnectorKey,
    status: SessionStatus,
    terms: Terms,
    id_token: IdToken,
    partner_id: str,
    at: datetime,
    until: datetime,
    remote_start_id: str | None = None,
) -> Session:
    """The session, looked at again at `until`: by then its transaction has come or will not.

    `terms` name the token and that it came by a command; `id_token` is how the station was told of it.
    """
    return Session(
        id=id_,
        key=key,
        transaction_id=None,
        start_key=awaited_key(id_),
        status=status,
        ledger=Ledger(started_at=at, periods=(), last_at=at),
        terms=terms,
        id_token=id_token,
        partner_id=partner_id,
        remote_start_id=remote_start_id,
        seal_due_at=until,
        last_updated=at,
    )


def new_session(id_: str, now: datetime) -> Session:
    """A session of which nothing is known yet: its transaction is about to be adopted."""
    return Session(
        id=id_,
        key=NOWHERE,
        transaction_id=None,
        start_key=awaited_key(id_),
        status=SessionStatus.PENDING,
        ledger=Ledger(started_at=now, periods=(), last_at=now),
        last_updated=now,
    )


def adopt(awaited: Session, *, key: ConnectorKey, transaction_id: str, start_key: str, ledger: Ledger) -> Session:
    """Its transaction has come: the same session, from now on by what the station reports of it.

    OCPI 2.2.1 mod_sessions 9.3.1: it starts with the moment in which it becomes ACTIVE.
    """
    return replace(
        awaited,
        key=key,
        transaction_id=transaction_id,
        start_key=start_key,
        status=SessionStatus.PENDING,
        ledger=ledger,
        seal_due_at=None,
    )


def give_up(awaited: Session, now: datetime, status: SessionStatus = SessionStatus.INVALID) -> Session:
    """No transaction came: it is over, with nothing in it."""
    ledger = replace(awaited.ledger, ended_at=now, last_at=now)
    return replace(awaited, status=status, ledger=ledger, seal_due_at=None)


def awaited_key(session_id: str) -> str:
    """Stands for the key of a start that has not come."""
    return f"awaited|{session_id}"
