"""Transactions that are expected, because a partner ordered or reserved them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Session
from gateway.domain.tokens import Authorization, AuthStatus, IdToken, Question
from gateway.flows.inquiries import Shown
from gateway.ports import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A transaction that was expected and has come: what was decided for its driver, without asking anybody.

    `session_id` is that of the session that awaits it, or that it is to become; `changes_on_use` note that it has come,
    as the session with that id.  Where `judge` is set, its verdict takes the place of the `authorization`, from what is
    known of the card without it; None: it is not this driver's.  `is_drivers`: the card is the very one that it is
    expected of.  `session_ids` are those of other sessions that await the same transaction.
    """

    session_id: str
    authorization: Authorization
    changes_on_use: Callable[[str], Sequence[Change]]
    judge: Callable[[IdToken, Authorization | Question], Authorization | None] | None = None
    is_drivers: bool = True
    session_ids: Sequence[str] = ()


class Expectations(Protocol):
    """What knows of transactions before they come."""

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        """`session` is the one that the event belongs to already, None for the beginning of one."""

    def find_card(self, shown: Shown) -> Authorization | None:
        """The decision on a card that is shown for a transaction that is expected."""


@dataclass(frozen=True, slots=True)
class AllExpected:
    """Several of them, the first that knows it; or none, as in a replay, where no partner orders anything.

    Who reserved a plug may order the start at it too: then the transaction is what both have waited for, also where the
    start was ordered before the plug was kept for its driver, so that each has a session of its own.
    """

    parts: Sequence[Expectations] = ()

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        found = [
            expected for part in self.parts if (expected := part.find_transaction(event, key, session)) is not None
        ]
        if len(found) < 2 or not _are_one(*found[:2]):
            return found[0] if found else None
        first, second = found[:2]
        # That of the reservation, for the time in which the plug was kept is part of the visit.
        others = () if first.session_id == second.session_id else (first.session_id,)
        return replace(
            first,
            session_id=second.session_id,
            session_ids=others,
            changes_on_use=lambda session_id: [
                *first.changes_on_use(session_id),
                *second.changes_on_use(session_id),
            ],
        )

    def find_card(self, shown: Shown) -> Authorization | None:
        found = (part.find_card(shown) for part in self.parts)
        return next((authorization for authorization in found if authorization is not None), None)


def _are_one(start: Expected, reserved: Expected) -> bool:
    if start.session_id == reserved.session_id:
        return True
    return reserved.is_drivers and start.authorization.status is AuthStatus.ACCEPTED
