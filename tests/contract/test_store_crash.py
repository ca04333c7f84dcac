"""A store that is killed at the worst moment has every Work that it acknowledged, once."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ports import CdrRow, PageAsked
from tests.contract.conftest import World
from tests.contract.engines import ENGINES
from tests.contract.samples import PARTNER

ROOT = Path(__file__).parents[2]

VICTIM = """
import asyncio, sys
from datetime import UTC, datetime
from dataclasses import replace
from pathlib import Path
from gateway.ports import SaveCdr, SaveSession
from tests.contract.engines import ENGINES
from tests.contract.samples import FACT, SetClock, cdr_no, session_no, with_energy

async def visit(store, number):
    print("number", await store.next_transaction_no(), flush=True)
    (change,) = await store.commit([SaveSession(session_no(number), fact=FACT)])
    print("session", number, 1, flush=True)
    for key in range(2, 5):
        fact = replace(FACT, key=f"f-{key}")
        (change,) = await store.commit([SaveSession(with_energy(change.session, key), fact=fact)])
        print("session", number, key, flush=True)
    sealed = replace(change.session, sealed_cdr_id=f"c-{number}")
    await store.commit([SaveSession(sealed), SaveCdr(cdr_no(number))])
    print("cdr", number, 0, flush=True)
    credit = cdr_no(number, credit=True, credit_reference_id=f"c-{number}")
    again = cdr_no(number, corrects_id=f"c-{number}")
    await store.commit([SaveCdr(replace(credit, id=f"k-{number}")), SaveCdr(replace(again, id=f"a-{number}"))])
    print("corrected", number, 0, flush=True)

async def main():
    store = await ENGINES[sys.argv[1]](Path(sys.argv[2]), lambda changes: None, SetClock(), None)
    for number in range(0, 100, 5):
        await asyncio.gather(*(visit(store, n) for n in range(number, number + 5)))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "failpoint",
    [
        "before-commit:1",
        "before-commit:20",
        "after-commit:1",
        "after-commit:21",
        "cdr-made:1",
        "cdr-made:2",
        "cdr-made:3",
    ],
)
async def test_sigkill_at_a_failpoint_loses_no_acknowledged_work(world: World, failpoint: str) -> None:
    engine = next(name for name, open_engine in ENGINES.items() if open_engine is world.open_engine)
    victim = await asyncio.to_thread(_run_victim, engine, world.directory, failpoint)
    told = [line.split() for line in victim.stdout.splitlines()]

    store = await world.open()

    assert victim.returncode == -signal.SIGKILL, victim.stderr
    for what, number, count in (words for words in told if words[0] in {"session", "cdr"}):
        facts = await store.load_facts(f"s-{number}")
        if what == "session":
            session = await store.find_session(f"s-{number}")
            assert session is not None
            assert len(facts) >= int(count)
            assert session.revision == len(facts) + (session.sealed_cdr_id is not None)
        else:
            assert await store.find_cdr_by_session(f"s-{number}") is not None
    corrected = {f"s-{words[1]}" for words in told if words[0] == "corrected"}
    for cdr in await store.list_cdrs(limit=1_000):
        chain = [one.id[0] for one in await store.load_cdrs_of_session(cdr.session_id)]
        assert chain == ["c", "k", "a"] or (chain == ["c"] and cdr.session_id not in corrected)
    page = await store.page_cdrs(PARTNER, None, "v", PageAsked(offset=0, limit=1_000))
    assert _ordinals(page.items) == list(range(1, page.total + 1))
    given = {int(words[1]) for words in told if words[0] == "number"}
    assert await store.next_transaction_no() not in given


def _ordinals(rows: tuple[CdrRow, ...]) -> list[int]:
    return [row.cdr.ordinal for row in rows if row.cdr is not None]


def _run_victim(engine: str, directory: Path, failpoint: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", VICTIM, engine, str(directory)],
        cwd=ROOT,
        env={"GATEWAY_FAILPOINT": failpoint, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
