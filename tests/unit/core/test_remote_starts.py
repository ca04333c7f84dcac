"""Which order a transaction follows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.core.remote_starts import authorization_of_order, find_start_of_card, find_start_of_transaction
from gateway.domain.ids import ConnectorKey
from gateway.domain.remote_starts import RemoteStart
from gateway.domain.tokens import AuthStatus, IdToken
from tests.unit.flows.words import CARD, NOON, OTHER_CARD, STATION, TOKEN, after

KEY = ConnectorKey(station_id=STATION, evse_no=1, connector_no=1)
ORDER = RemoteStart(
    id="o-1",
    session_id="s-1",
    partner_id="P1",
    key=KEY,
    token=TOKEN,
    id_token=IdToken(value=CARD),
    remote_start_id=7,
    asked_at=NOON,
    starts_by=after(2.5),
    known_until=after(15),
    kept_until=after(1455),
)
ALIAS = replace(ORDER, id="o-2", id_token=IdToken(value="ALIAS"))
STOPPED = replace(ORDER, is_cancelled=True)


def find(
    *starts: RemoteStart,
    card: str | None = CARD,
    evse_no: int = 1,
    remote_start_id: str | None = None,
    moments: Sequence[datetime] = (NOON,),
) -> RemoteStart | None:
    id_token = None if card is None else IdToken(value=card)
    return find_start_of_transaction(starts, replace(KEY, evse_no=evse_no), id_token, remote_start_id, moments)


def test_the_id_of_the_order_tells_whatever_else_is_said() -> None:
    assert find(ORDER, card=None, remote_start_id="7", evse_no=2, moments=(after(60),)) == ORDER
    assert find(ORDER, remote_start_id="8") is None


@pytest.mark.parametrize(
    ("moments", "is_found"),
    [
        ((after(0),), True),
        ((after(14),), True),
        ((after(16),), False),
        ((after(-4),), True),
        ((after(-30),), False),
        ((after(-30), after(1)), True),  # a clock that is wrong
        ((after(1), after(600)), True),  # told late
    ],
)
def test_a_card_is_the_orders_around_its_time(moments: Sequence[datetime], is_found: bool) -> None:
    assert (find(ORDER, moments=moments) is not None) is is_found


def test_another_card_or_plug_or_a_used_order_is_none() -> None:
    assert find(ORDER, card=OTHER_CARD) is None
    assert find(ORDER, evse_no=2) is None
    assert find(replace(ORDER, used_by="s-1")) is None
    assert find(ORDER, card=None) is None


def test_the_newest_of_several_orders_counts() -> None:
    newer = replace(ORDER, id="o-3", asked_at=after(1))

    assert find(newer, ORDER) == newer


@pytest.mark.parametrize(
    ("start", "minutes", "is_found"),
    [
        (ORDER, 14, True),
        (ORDER, 16, False),
        (ALIAS, 2, True),
        (ALIAS, 3, False),
        (STOPPED, 2, True),
        (STOPPED, 3, False),
    ],
)
def test_a_name_is_good_for_its_window_and_a_card_for_a_quarter_of_an_hour(
    start: RemoteStart, minutes: float, is_found: bool
) -> None:
    found = find_start_of_card([start], 0, start.id_token, NOON + timedelta(minutes=minutes))

    assert (found is not None) is is_found


def test_an_order_that_was_stopped_lets_nobody_in() -> None:
    decision = authorization_of_order(replace(ORDER, is_cancelled=True))

    assert (decision.status, decision.token) == (AuthStatus.INVALID, None)
