"""The plugs that are kept for drivers, in memory: which transaction uses which."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gateway.core.reservations import (
    authorization_of_booking,
    find_for_card,
    find_for_transaction,
    is_driver,
    judge_driver,
)
from gateway.domain.events import TransactionReported
from gateway.domain.ids import ConnectorKey
from gateway.domain.reservations import ReservationState
from gateway.domain.sessions import Session
from gateway.domain.tokens import Authorization
from gateway.flows.expected import Expected
from gateway.flows.inquiries import Shown
from gateway.flows.memory import Memory
from gateway.ports import Change, Clock, SaveReservation


class Reserved:
    """Implements flows.expected.Expectations."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    def find_transaction(
        self, event: TransactionReported, key: ConnectorKey, session: Session | None
    ) -> Expected | None:
        """By the number that the station was given (OCPP 1.6 4.8, 2.0.1 H01.FR.15), or by the plug.

        Who charges there is known by his card alone: a cable in a reserved plug may be a stranger's.
        """
        if event.id_token is None or (session is not None and session.id_token is not None):
            return None
        live = self._memory.reservations_of(event.receipt.station_id)
        found = find_for_transaction(live, key, event.reservation_id, event.at, event.id_token) if live else None
        if found is None:
            return None
        return Expected(
            session_id=found.session_id,
            authorization=authorization_of_booking(found),
            changes_on_use=partial(self._use, found.id),
            judge=partial(judge_driver, found),
            is_drivers=is_driver(found, event.id_token),
        )

    def find_card(self, shown: Shown) -> Authorization | None:
        live = self._memory.reservations_of(shown.key.station_id)
        found = find_for_card(live, shown.key.evse_no, shown.id_token, shown.received_at) if live else None
        return None if found is None else authorization_of_booking(found)

    def _use(self, reservation_id: str, session_id: str) -> list[Change]:
        reservation = self._memory.reservations.get(reservation_id)
        if reservation is None:
            return []
        now = self._clock.now()
        used = replace(reservation, state=ReservationState.USED, session_id=session_id, ended_at=now, renewal=None)
        return [SaveReservation(used)]
