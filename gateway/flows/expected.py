"""Transactions that are expected, because a partner ordered or reserved them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Session
from gateway.domain.tokens import Authorization, IdToken, Question
from gateway.flows.inquiries import Shown
from gateway.ports import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A transaction that was expected and has come: what was decided for its driver, without asking anybody.

    `session_id` is that of the session that awaits it, or that it is to become; `changes_on_use` note that it has come,
    as the session with that id.  Where `judge` is set, its verdict takes the place of the `authorization`, from what is
    known of the card without it; None: it is not this driver's.
    """

    session_id: str
    authorization: Authorization
    changes_on_use: Callable[[str], Sequence[Change]]
    judge: Callable[[IdToken, Authorization | Question], Authorization | None] | None = None


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

    Who reserved a plug may order the start at it too: then the transaction is what both have waited for.
    """

    parts: Sequence[Expectations] = ()

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        found = [
            expected for part in self.parts if (expected := part.find_transaction(event, key, session)) is not None
        ]
        if len(found) < 2 or found[0].session_id != found[1].session_id:
            return found[0] if found else None
        both = found[0].changes_on_use, found[1].changes_on_use
        return replace(found[0], changes_on_use=lambda session_id: [*both[0](session_id), *both[1](session_id)])

    def find_card(self, shown: Shown) -> Authorization | None:
        found = (part.find_card(shown) for part in self.parts)
        return next((authorization for authorization in found if authorization is not None), None)
