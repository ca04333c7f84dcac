"""Pages of a partner that has a million CDRs against the same pages of one that has a thousand.

Each of the two has a gateway and a database of its own.  A hundred CDRs are made as always, by stations that charge;
what is measured are copies of their rows under ids, times and ordinals of their own, put into the tables at once while
the gateway is not there.  Their bytes are stored as well, as they are once they were pushed or shown.  One in ten is of
another party of ours, so that the list of one party is not that of all.  Whose CDRs they are is a platform with two
parties, of which one asks for those of its own drivers, six in seven.
"""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import orjson

from benchmarks import pages, partner
from benchmarks.gateway import PARTY_ID, running_gateway
from benchmarks.hot_path import sample
from benchmarks.http_load import fetch_whole, measure_pages
from benchmarks.load import LoadError
from benchmarks.pages import Page
from benchmarks.plan import MANY_CDRS, Plan
from benchmarks.processes import free_ports
from benchmarks.report import Results
from gateway.ocpi.wire import render_time
from gateway.store.cdrs import scopes_of
from gateway.store.codec import from_us, to_us
from gateway.store.statements import insert_row
from gateway.store.tables import cdr_numbers, cdr_renderings, cdrs

FEW = 1_000
RATIO = "pages.cdrs_million_vs_thousand"
PER_DAY = 1_000
OTHER_PARTY_ID = "VWZ"
ONE_OF_OTHER_IN = 10
EMSP = partner.Emsp(others=("ZWF",))
ONE_OF_OTHER_DRIVERS_IN = 7
_LIMIT = 100
_PATHS = 40
_DAY_US = 86_400_000_000
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?=T)")
_SEALED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A partner with so many CDRs: where its pages are, by kind."""

    count: int
    kinds: Mapping[str, _Kind]


@dataclass(frozen=True, slots=True)
class _Kind:
    """Pages of one kind; `page` says who asks, and for which of our parties."""

    page: Page
    paths: Sequence[str]


def run(plan: Plan, results: Results) -> None:
    if not plan.has(MANY_CDRS):
        return
    with ExitStack() as stack:
        shelves = [stack.enter_context(_shelf(plan, count)) for count in (FEW, plan.cdrs)]
        spent: dict[str, list[float]] = {}
        for round_no in range(1, plan.rounds + 1):
            for kind in shelves[0].kinds:
                few, many = (_measure(plan, results, shelf, kind, round_no) for shelf in shelves)
                spent.setdefault(kind, []).append(many / few)
    for kind, ratios in spent.items():
        results.figures[f"{RATIO}.{kind}"] = median(ratios)
    results.others[RATIO] = max(median(ratios) for ratios in spent.values())


def _measure(plan: Plan, results: Results, shelf: _Shelf, kind: str, round_no: int) -> float:
    """CPU µs of one page."""
    page, paths = shelf.kinds[kind].page, shelf.kinds[kind].paths
    measured = measure_pages(
        page.port,
        paths,
        page.headers,
        cpu_ns=page.server.cpu_ns,
        warm_up_s=0.1,
        seconds=plan.page_window_s * 0.4,
    )
    subject, server = f"{MANY_CDRS}.{kind}", f"{shelf.count:,}"
    results.samples.append(sample(subject, server, round_no, measured))
    print(
        f"  round {round_no}  {subject:<32} {server:<10}{measured.cpu_us_per_message:9.1f} µs"
        f" {measured.messages_per_s:9,.0f}/s",
        flush=True,
    )
    return measured.cpu_us_per_message


@contextmanager
def _shelf(plan: Plan, count: int) -> Iterator[_Shelf]:
    folder = plan.folder / f"cdrs-{count}"
    parties = (PARTY_ID, OTHER_PARTY_ID)
    with running_gateway(folder, cores=plan.cores, parties=parties) as gateway:
        pages.provision(gateway)
        registered = partner.register(gateway, port=free_ports(1)[0], emsp=EMSP)
        pages.charge(gateway)
        page = pages.gateway_page(gateway, registered, "page_cdrs")
        _await_total(page, pages.CDRS)
    started = time.monotonic()
    fill(folder / "data" / "gateway.sqlite3", count)
    size_mb = (folder / "data" / "gateway.sqlite3").stat().st_size / 1e6
    print(f"  {count:,} CDRs, {size_mb:,.0f} MB, filled in {time.monotonic() - started:.0f} s", flush=True)
    with running_gateway(folder, cores=plan.cores, parties=parties) as gateway:
        path, port = page.path.partition("?")[0], urlsplit(gateway.ocpi_url).port or 0
        of_all, of_party, of_drivers, of_both = (
            Page(gateway.server, port, path, _without(page.headers, *left_out))
            for left_out in (("OCPI-from", "OCPI-to"), ("OCPI-from",), ("OCPI-to",), ())
        )
        _await_total(of_all, count)
        _await_total(of_party, count - count // ONE_OF_OTHER_IN)
        _await_total(of_drivers, count - count // ONE_OF_OTHER_DRIVERS_IN)
        yield _Shelf(count, _choose_kinds(of_all, of_party, of_drivers, of_both))


def _without(headers: Mapping[str, str], *beginnings: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if not name.startswith(beginnings)}


def _await_total(page: Page, count: int) -> None:
    deadline = time.monotonic() + _SEALED_WITHIN_S
    while (total := int(_look(page, page.path)[0]["x-total-count"])) != count:
        if time.monotonic() > deadline:
            raise LoadError(f"there are {total} CDRs instead of {count}")
        time.sleep(0.25)


def _look(page: Page, path: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    headers, body = fetch_whole(page.port, path, page.headers)
    return headers, orjson.loads(body)["data"]


# --- which pages ------------------------------------------------------------------------------------------------------


_PLACES: Mapping[str, tuple[float, float]] = {
    "first": (0, 0),
    "middle": (0.45, 0.55),
    "deep": (0.8, 0.89),
    "last": (1, 1),
}


def _choose_kinds(of_all: Page, of_party: Page, of_drivers: Page, of_both: Page) -> dict[str, _Kind]:
    """By an offset of the client's own and by Link, of all our parties and of one, for all drivers and for those of one
    party, with and without `date_from`."""
    kinds = _choose_paths(of_all, "", tuple(_PLACES)) | _choose_paths(
        of_all, "from_", ("middle", "last"), has_window=True
    )
    kinds |= _choose_paths(of_party, "party_", ("middle", "last"))
    kinds |= _choose_paths(of_party, "party_from_", ("middle",), has_window=True)
    kinds |= _choose_paths(of_drivers, "drivers_", ("middle", "last"))
    return kinds | _choose_paths(of_both, "drivers_party_from_", ("middle",), has_window=True)


def _choose_paths(page: Page, prefix: str, places: Sequence[str], *, has_window: bool = False) -> dict[str, _Kind]:
    """Many pages of each place, so that no few of them stay in a cache."""
    count = int(_look(page, page.path)[0]["x-total-count"])
    chance, window, first = random.Random(count), "", 0
    if has_window:
        first = count // 4
        begin = _look(page, f"{page.path}?offset={first}&limit=1")[1][0]["last_updated"]
        window = f"date_from={quote(begin)}&"
    found: dict[str, _Kind] = {}
    for place in places:
        least, most = _PLACES[place]
        room = count - first - _LIMIT
        offsets = list(dict.fromkeys(int(chance.uniform(least, most) * room) for _ in range(_PATHS)))
        paths = [f"{page.path}?{window}offset={offset}&limit={_LIMIT}" for offset in offsets]
        found[f"{prefix}{place}_by_offset"] = _Kind(page, paths)
        if place != "first":  # no Link leads there
            found[f"{prefix}{place}_by_link"] = _Kind(page, [_link_to(page, window, offset) for offset in offsets])
    return found


def _link_to(page: Page, window: str, offset: int) -> str:
    """The path by which the page before leads to the one at `offset`."""
    before = f"{page.path}?{window}offset={offset - _LIMIT}&limit={_LIMIT}"
    link = _look(page, before)[0]["link"]
    parts = urlsplit(link[link.index("<") + 1 : link.index(">")])
    return f"{parts.path}?{parts.query}"


# --- rows -------------------------------------------------------------------------------------------------------------


def fill(database: Path, count: int) -> None:
    """Put copies of the CDRs that are there in their place, `count` in all, a thousand on each of the days before."""
    db = sqlite3.connect(database, isolation_level=None)
    try:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000", "locking_mode=EXCLUSIVE"):
            db.execute(f"PRAGMA {pragma}")
        templates = _load_templates(db)
        db.execute("DELETE FROM cdrs")
        db.execute("DELETE FROM cdr_numbers")
        db.execute("DELETE FROM cdr_renderings")
        db.execute("BEGIN")
        made = _make_rows(templates, count)
        insert_cdr, insert_rendering = insert_row(cdrs), insert_row(cdr_renderings)
        while rows := list(islice(made, 10_000)):
            db.executemany(insert_cdr.text, [insert_cdr.row(**cdr) for cdr, _ in rows])
            db.executemany(insert_rendering.text, [insert_rendering.row(**rendering) for _, rendering in rows])
        _number(db)
        db.execute("COMMIT")
        db.execute("PRAGMA journal_mode=WAL")
    finally:
        db.close()


def _number(db: sqlite3.Connection) -> None:
    """Count the CDRs of each list."""
    insert = insert_row(cdr_numbers)
    numbers: Counter[tuple[str, ...]] = Counter()

    def rows() -> Iterator[tuple[Any, ...]]:
        for owner, party, ordinal, cdr_no in db.execute("SELECT owner, party, ordinal, created_no FROM cdrs"):
            for scope in scopes_of(party, f"{EMSP.country_code}*{_drivers_of(ordinal)}"):
                numbers[key := tuple(scope.values())] += 1
                yield insert.row(owner=owner, **scope, ordinal=ordinal, number=numbers[key], cdr_no=cdr_no)

    db.executemany(insert.text, list(rows()))


@dataclass(frozen=True, slots=True)
class _Template:
    """The rows of a CDR; `body` and `shown` are cut at what differs between copies: ids, and times of that visit."""

    cdr: Mapping[str, Any]
    rendering: Mapping[str, Any]
    body: Sequence[str]
    shown: Sequence[str]


def _load_templates(db: sqlite3.Connection) -> list[_Template]:
    """In the order of the ordinals."""
    db.row_factory = sqlite3.Row
    rows = [dict(row) for row in db.execute("SELECT * FROM cdrs ORDER BY ordinal")]
    shown = {row["cdr_no"]: dict(row) for row in db.execute("SELECT * FROM cdr_renderings")}
    db.row_factory = None
    return [_cut(row, shown[row["created_no"]]) for row in rows]


def _cut(cdr: Mapping[str, Any], rendering: Mapping[str, Any]) -> _Template:
    ids = f"{cdr['id']}|{cdr['session_id']}"
    times = {text for text in re.findall(r"(?<!\d)\d{16}(?!\d)", cdr["body"]) if _is_of_visit(int(text), cdr)}
    text = rendering["body"].decode()
    stamp = re.escape(_stamp(cdr["last_updated_us"]))
    days = {day for day in _DATE.findall(text) if _is_of_visit(_us_of(day), cdr)}
    return _Template(
        cdr=cdr,
        rendering=rendering,
        body=re.split(f"({'|'.join((ids, *times))})", cdr["body"]),
        shown=re.split(f"({'|'.join((ids, stamp, *days))})", text),
    )


def _is_of_visit(at_us: int, cdr: Mapping[str, Any]) -> bool:
    return abs(at_us - int(cdr["ended_us"])) < 2 * _DAY_US


def _make_rows(templates: Sequence[_Template], count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of CDRs and of their bytes: visits of each day, billed over the day after, the last the day before
    those they are copied from."""
    chance = random.Random(count)
    last_us = templates[-1].cdr["last_updated_us"]
    today_us = last_us - last_us % _DAY_US
    days = -(-count // PER_DAY)
    for ordinal in range(1, count + 1):
        day, of_day = divmod(ordinal - 1, PER_DAY)
        billed_us = today_us - (days - day) * _DAY_US + of_day * (_DAY_US // PER_DAY)
        shift_days = day - days - 1
        template = templates[ordinal % len(templates)]
        yield _copy(template, ordinal, billed_us, shift_days, _new_id(chance), _new_id(chance))


def _copy(
    template: _Template, ordinal: int, billed_us: int, shift_days: int, cdr_id: str, session_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    known, shift_us = template.cdr, shift_days * _DAY_US
    changed = {
        known["id"]: cdr_id,
        known["session_id"]: session_id,
        _stamp(known["last_updated_us"]): _stamp(billed_us),
    }
    body = [(changed.get(part) or str(int(part) + shift_us)) if n % 2 else part for n, part in enumerate(template.body)]
    shown = [
        (changed.get(part) or _shifted(part, shift_days)) if n % 2 else part for n, part in enumerate(template.shown)
    ]
    party_id = PARTY_ID if ordinal % ONE_OF_OTHER_IN else OTHER_PARTY_ID

    def put(parts: Sequence[str]) -> str:
        return "".join(parts).replace(PARTY_ID, party_id).replace(EMSP.party_id, _drivers_of(ordinal))

    cdr = {
        **known,
        "created_no": ordinal,
        "id": cdr_id,
        "session_id": session_id,
        "ordinal": ordinal,
        "party": known["party"].replace(PARTY_ID, party_id),
        "last_updated_us": billed_us,
        "body": put(body),
        "ended_us": known["ended_us"] + shift_us,
    }
    return cdr, {
        **template.rendering,
        "cdr_no": ordinal,
        "body": put(shown).encode(),
        "shown_us": billed_us + 1_000_000,
    }


def _drivers_of(ordinal: int) -> str:
    return EMSP.party_id if ordinal % ONE_OF_OTHER_DRIVERS_IN else EMSP.others[0]


def _stamp(at_us: int) -> str:
    """As versions of OCPI with fractions of seconds show a time."""
    return render_time(from_us(at_us))


@cache
def _shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _us_of(day: str) -> int:
    return to_us(datetime.combine(date.fromisoformat(day), clock(), tzinfo=UTC))


def _new_id(chance: random.Random) -> str:
    return str(UUID(int=chance.getrandbits(128), version=4))
