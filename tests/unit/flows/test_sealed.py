"""A sealed CDR never changes, whatever happens after it."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.flows.corrections import CorrectionAsked
from gateway.ports import DropPartnerTokens, SaveLocation, SaveTariff, SaveToken
from tests.unit.flows.stage import Stage, opened
from tests.unit.flows.words import LOCATION, OTHER_CARD, TARIFF, TOKEN, energy_price, metered, start, status, stop


def stored_bytes(stage: Stage, cdr_id: str) -> list[tuple[Any, ...]]:
    """The row of a bill and the bytes in which partners saw it."""
    with closing(sqlite3.connect(stage.folder / "gateway.db")) as database:
        (row,) = database.execute("SELECT created_no, * FROM cdrs WHERE id = ?", (cdr_id,)).fetchall()
        return [row, *database.execute("SELECT * FROM cdr_renderings WHERE cdr_no = ?", row[:1])]


async def happen(stage: Stage, what: str, cdr_id: str) -> None:
    site = replace(LOCATION, name="Renamed", evses=LOCATION.evses[1:])
    dearer = replace(TARIFF, elements=(energy_price("9.99"),))
    match what:
        case "late reading":
            await stage.send(metered(15, 9000))
        case "another stop":
            await stage.send(stop(25, 9000, card=OTHER_CARD))
        case "the same stop":
            await stage.send(stop(20, 3000))
        case "status":
            await stage.send(status(30, "Charging"))
        case "tariff":
            await stage.provide(SaveTariff(dearer))
        case "location":
            await stage.provide(SaveLocation(site))
        case "token":
            await stage.provide(SaveToken(replace(TOKEN, valid=False, contract_id="NL-EMS-C9")))
        case "partner":
            await stage.provide(DropPartnerTokens("P1"))
        case "restart":
            await stage.reopen()
        case "time":
            await stage.wait(100_000)
        case "seal again":
            await stage.sealing.seal((await stage.load_session()).id)
        case "shown again":
            await stage.store.save_cdr_renderings("v", [(cdr_id, b"other bytes")])
        case "correction":
            bill = await stage.store.find_cdr_by_session((await stage.load_session()).id)
            asked = CorrectionAsked(reason="broken", energy_wh=Decimal(7))
            await stage.corrections.correct(bill.id, asked)


EVENTS = [
    *("late reading", "another stop", "the same stop", "status", "tariff", "location", "token", "partner"),
    *("restart", "time", "seal again", "shown again", "correction"),
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=8))
async def test_a_sealed_bill_keeps_every_byte(tmp_path_factory: Any, events: list[str]) -> None:
    async with opened(tmp_path_factory.mktemp("sealed")) as stage:
        await stage.provide_usual()
        await stage.send_all(start(), stop(20, 3000))
        await stage.wait(5)
        cdr = await stage.load_cdr()
        await stage.store.save_cdr_renderings("v", [(cdr.id, b"first bytes")])
        before = stored_bytes(stage, cdr.id)

        for event in events:
            await happen(stage, event, cdr.id)

        assert stored_bytes(stage, cdr.id) == before
        assert await stage.store.find_cdr(cdr.id) == cdr
        bills = await stage.store.load_cdrs_of_session(cdr.session_id)
        assert len(bills) == 1 + 2 * events.count("correction")
