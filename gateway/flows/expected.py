"""Transactions that are expected, because a partner ordered or reserved them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey
from gateway.domain.sessions import Session
from gateway.domain.tokens import Authorization
from gateway.flows.inquiries import Shown
from gateway.ports import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A transaction that was expected and has come: what was decided for its driver, without asking anybody.

    `session_id` is that of the session that awaits it, or that it is to become; `changes_on_use` note that it has come,
    as the session with that id.
    """

    session_id: str
    authorization: Authorization
    changes_on_use: Callable[[str], Sequence[Change]]


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
    """Several of them, the first that knows it; or none, as in a replay, where no partner orders anything."""

    parts: Sequence[Expectations] = ()

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        found = (part.find_transaction(event, key, session) for part in self.parts)
        return next((expected for expected in found if expected is not None), None)

    def find_card(self, shown: Shown) -> Authorization | None:
        found = (part.find_card(shown) for part in self.parts)
        return next((authorization for authorization in found if authorization is not None), None)
