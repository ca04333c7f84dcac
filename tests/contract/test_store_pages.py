"""Pages of lists, however they are narrowed and reached, are what looking at every object gives."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Generic, Protocol, TypeVar

from gateway.domain.cdrs import Cdr
from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.sessions import Session, Terms
from gateway.ports import PageAsked, SaveCdr, SaveSession
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import NOON, OURS, PARTNER, TERMS, THEIRS, TOKEN, cdr_no, session_no, with_energy

OUR_OTHER = party_id_of("NL", "DEF")
THEIR_OTHER = party_id_of("FR", "QRS")
STRANGER = party_id_of("BE", "NOB")
MINUTE = timedelta(minutes=1)
COUNT = 24


class Listed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def last_updated(self) -> datetime: ...


T = TypeVar("T", bound=Listed)
Shown = tuple[list[str], int, int | None]
"""The ids on a page, how many the list has, and what the Link to the next one says."""
LoadPage = Callable[[PartyId | None, PartyId | None, PageAsked], Awaitable[Shown]]


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """What a list is made of: whose it is, and its place."""

    object: T
    number: int
    party: PartyId
    drivers: PartyId | None


def whose(number: int) -> tuple[str, PartyId, PartyId | None]:
    """The partner, our party and the driver's party of an object: all combinations, in no simple order."""
    partner_id = PARTNER if number % 5 else "partner-2"
    party = OURS if number % 3 else OUR_OTHER
    drivers = (THEIRS, THEIR_OTHER, THEIRS, THEIRS, THEIR_OTHER, None)[number * 7 % 6]
    return partner_id, party, drivers


def asked_in_all_ways() -> Iterator[tuple[PartyId | None, PartyId | None, PageAsked]]:
    begins = (None, NOON, NOON + 7 * MINUTE, NOON + 99 * MINUTE)
    ends = (None, NOON, NOON + 13 * MINUTE)
    parties = (None, OURS, OUR_OTHER, STRANGER)
    drivers = (None, THEIRS, THEIR_OTHER, STRANGER)
    for party, drivers_of, begin, end in product(parties, drivers, begins, ends):
        for offset, limit in product((0, 1, 4, COUNT), (1, 3, COUNT)):
            yield party, drivers_of, PageAsked(offset=offset, limit=limit, date_from=begin, date_to=end)


def listed(
    entries: Sequence[Entry[T]], party: PartyId | None, drivers_of: PartyId | None, asked: PageAsked
) -> list[Entry[T]]:
    """What the list holds, by looking at each."""
    return [
        entry
        for entry in entries
        if party in (None, entry.party)
        and drivers_of in (None, entry.drivers)
        and (asked.date_from is None or entry.object.last_updated >= asked.date_from)
        and (asked.date_to is None or entry.object.last_updated < asked.date_to)
    ]


def page_from(within: Sequence[Entry[T]], first: int, limit: int) -> Shown:
    shown = within[first : first + limit]
    follows = shown[-1].number if shown and shown[-1] is not within[-1] else None
    return [entry.object.id for entry in shown], len(within), follows


async def check_pages(entries: Sequence[Entry[T]], load_page: LoadPage) -> None:
    """Every page, and the one that its Link leads to."""
    for party, drivers_of, asked in asked_in_all_ways():
        within = listed(entries, party, drivers_of, asked)
        expected = page_from(within, asked.offset, asked.limit)
        assert await load_page(party, drivers_of, asked) == expected, (party, drivers_of, asked)
        if expected[2] is not None:
            linked = await load_page(party, drivers_of, replace(asked, after=expected[2]))
            assert linked == page_from(within, asked.offset + asked.limit, asked.limit), (party, drivers_of, asked)


async def save_cdrs(world: World, store: SqliteStore) -> list[Entry[Cdr]]:
    """One a minute; the partner's."""
    entries = []
    for number in range(1, COUNT + 1):
        world.clock.at = NOON + (number - 1) * MINUTE
        partner_id, party, drivers = whose(number)
        cdr = cdr_no(number, partner_id=partner_id, party=party, terms=terms_of(party, drivers))
        (change,) = await store.commit([SaveCdr(cdr)])
        assert isinstance(change, SaveCdr)
        if partner_id == PARTNER:
            entries.append(Entry(change.cdr, change.cdr.ordinal, party, drivers))
    return entries


def terms_of(party: PartyId, drivers: PartyId | None) -> Terms:
    assert TERMS.place is not None
    place = replace(TERMS.place, location=replace(TERMS.place.location, party=party))
    return replace(TERMS, place=place, token=None if drivers is None else replace(TOKEN, party=drivers))


async def test_a_page_of_cdrs_is_what_looking_at_each_gives(world: World) -> None:
    store = await world.open()
    entries = await save_cdrs(world, store)

    async def load_page(party: PartyId | None, drivers_of: PartyId | None, asked: PageAsked) -> Shown:
        page = await store.page_cdrs(PARTNER, text(party), "v", asked, drivers_of=text(drivers_of))
        return [row.cdr_id for row in page.items], page.total, page.next_after

    await check_pages(entries, load_page)


async def test_a_joined_page_of_cdrs_is_what_looking_at_each_gives(world: World) -> None:
    store = await world.open()
    entries = await save_cdrs(world, store)
    await store.save_cdr_renderings("v", [(entry.object.id, entry.object.id.encode()) for entry in entries])

    async def load_page(party: PartyId | None, drivers_of: PartyId | None, asked: PageAsked) -> Shown:
        found = await store.find_joined_cdrs(PARTNER, text(party), "v", asked, drivers_of=text(drivers_of))
        if found is None:  # there is nothing to join: the page is asked for row by row
            page = await store.page_cdrs(PARTNER, text(party), "v", asked, drivers_of=text(drivers_of))
            assert page.items == ()
            return [], page.total, page.next_after
        return found[1].decode().split(","), found[0].total, found[0].next_after

    await check_pages(entries, load_page)


async def test_a_page_of_sessions_is_what_looking_at_each_gives(world: World) -> None:
    store = await world.open()
    entries = await save_sessions(world, store)

    async def load_page(party: PartyId | None, drivers_of: PartyId | None, asked: PageAsked) -> Shown:
        page = await store.page_sessions(PARTNER, text(party), asked, drivers_of=text(drivers_of))
        return [session.id for session in page.items], page.total, page.next_after

    await check_pages(entries, load_page)


async def save_sessions(world: World, store: SqliteStore) -> list[Entry[Session]]:
    """One a minute, begun at another site by another driver; of every fourth there is news at the end."""
    entries = []
    for number in range(1, COUNT + 1):
        world.clock.at = NOON + (number - 1) * MINUTE
        partner_id, party, drivers = whose(number)
        saved = await save_session(
            store, session_no(number, partner_id=partner_id, terms=terms_of(OUR_OTHER, STRANGER))
        )
        saved = await save_session(store, replace(saved, terms=terms_of(party, drivers)), write_terms=True)
        if partner_id == PARTNER and drivers is not None:
            entries.append(Entry(saved, saved.created_no, party, drivers))
    world.clock.at = NOON + COUNT * MINUTE
    return [
        entry if place % 4 else replace(entry, object=await save_session(store, with_energy(entry.object, 99)))
        for place, entry in enumerate(entries)
    ]


async def save_session(store: SqliteStore, session: Session, *, write_terms: bool = False) -> Session:
    (change,) = await store.commit([SaveSession(session, write_terms=write_terms)])
    assert isinstance(change, SaveSession)
    return change.session


def text(party: PartyId | None) -> str | None:
    return None if party is None else str(party)
