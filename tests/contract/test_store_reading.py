"""What every store promises: reading."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest

from gateway.domain.ids import party_id_of
from gateway.domain.locations import Place
from gateway.domain.partners import ConnectionStatus, HubClient
from gateway.domain.sessions import Session, SessionStatus, Terms
from gateway.domain.tokens import LocalStatus, LocalToken
from gateway.ports import (
    DeleteHubClient,
    DeleteLocalToken,
    DropPartnerTokens,
    InvalidateToken,
    PageAsked,
    SaveCdr,
    SaveConnectorStatus,
    SaveDeviation,
    SaveHubClient,
    SaveIncident,
    SaveLateFact,
    SaveLocalToken,
    SaveLocation,
    SaveNotice,
    SavePartner,
    SaveQuarantined,
    SaveSession,
    SaveStation,
    SaveTariff,
    SaveToken,
)
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import (
    CDR,
    DEVIATION,
    FACT,
    KEY,
    LOCAL_TOKEN,
    LOCATION,
    MS,
    NOON,
    NOTICE,
    OURS,
    PARTNER,
    PARTNER_ROW,
    QUARANTINED,
    SESSION,
    STATION,
    STATUS,
    TARIFF,
    TERMS,
    THEIRS,
    TOKEN,
    cdr_no,
    session_no,
    with_energy,
)

HOUR = timedelta(hours=1)
OTHER_PARTY = party_id_of("NL", "DEF")


async def test_everything_comes_back_equal_after_the_store_was_closed_and_opened(world: World) -> None:
    store = await world.open()
    (station, _, session, cdr, location, tariff, _, partner, local) = await store.commit(
        [
            SaveStation(STATION),
            SaveConnectorStatus(STATUS),
            SaveSession(SESSION, fact=FACT),
            SaveCdr(CDR),
            SaveLocation(LOCATION),
            SaveTariff(TARIFF),
            SaveToken(TOKEN),
            SavePartner(PARTNER_ROW),
            SaveLocalToken(LOCAL_TOKEN),
        ]
    )

    store = await world.reopen()

    assert [SaveStation(found) for found in await store.load_stations()] == [station]
    assert await store.load_connector_statuses() == [STATUS]
    assert [SaveSession(found) for found in await store.load_unsealed_sessions()] == [session]
    assert await store.load_facts("s-1") == [FACT]
    assert [SaveCdr(found) for found in await store.list_cdrs(limit=9)] == [cdr]
    assert [SaveLocation(found) for found in await store.load_locations()] == [location]
    assert [SaveTariff(found) for found in await store.load_tariffs()] == [tariff]
    assert await store.find_tokens(TOKEN.uid) == [TOKEN]
    assert [SavePartner(found) for found in await store.load_partners()] == [partner]
    assert [SaveLocalToken(found) for found in await store.list_local_tokens()] == [local]


# --- sessions -----------------------------------------------------------------------------------------------------


async def test_a_session_is_found_by_each_of_its_keys(store: SqliteStore) -> None:
    await store.commit([SaveSession(session_no(1)), SaveSession(session_no(2))])
    session = await store.find_session("s-2")

    assert session is not None
    assert await store.find_session_by_transaction("cp-1", "2") == session
    assert await store.find_session_by_start("start-2") == session
    assert await store.find_session_by_transaction("CP-2", "2") is None
    assert await store.find_session_by_start("start-3") is None


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (NOON - MS, None),
        (NOON, "s-1"),
        (NOON + HOUR, "s-1"),
        (NOON + HOUR + MS, None),
        (NOON + 2 * HOUR, "s-2"),
        (NOON + 9 * HOUR, "s-2"),
    ],
)
async def test_a_session_is_found_by_a_time_in_its_span(store: SqliteStore, at: datetime, found: str | None) -> None:
    over = replace(SESSION.ledger, ended_at=NOON + HOUR)
    later = replace(SESSION.ledger, started_at=NOON + 2 * HOUR)
    await store.commit(
        [
            SaveSession(session_no(1, ledger=over, status=SessionStatus.COMPLETED)),
            SaveSession(session_no(2, ledger=later)),
            SaveSession(session_no(3, key=replace(KEY, connector_no=3))),
        ]
    )

    session = await store.find_session_by_time(KEY, at)

    assert (session and session.id) == found


async def test_facts_come_in_the_order_of_their_device_times(store: SqliteStore) -> None:
    later = replace(FACT, key="f-2", at=NOON + HOUR)
    same_time = replace(FACT, key="a-3", received_at=NOON + HOUR)
    session = SESSION
    for fact in (later, same_time, FACT):
        (change,) = await store.commit([SaveSession(session, fact=fact)])
        assert isinstance(change, SaveSession)
        session = change.session

    assert await store.load_facts("s-1") == [FACT, same_time, later]
    assert await store.has_fact("s-1", "a-3")
    assert not await store.has_fact("s-2", "a-3")


async def test_unsealed_are_open_refused_waiting_and_held_sessions_without_a_cdr(store: SqliteStore) -> None:
    done = {"status": SessionStatus.COMPLETED}
    over = replace(SESSION.ledger, ended_at=NOON)
    await store.commit(
        [
            SaveSession(session_no(1)),
            SaveSession(session_no(2, **done, seal_due_at=NOON)),
            SaveSession(session_no(3, **done, hold="no tariff")),
            SaveSession(session_no(4, **done, sealed_cdr_id="c-4")),
            SaveSession(session_no(5, status=SessionStatus.INVALID, ledger=over)),
            SaveSession(session_no(6, status=SessionStatus.INVALID)),
        ]
    )

    assert [session.id for session in await store.load_unsealed_sessions()] == ["s-1", "s-2", "s-3", "s-6"]


async def test_the_operator_lists_all_sessions_newest_first(store: SqliteStore) -> None:
    elsewhere = replace(KEY, station_id="CP-2")
    await store.commit(
        [SaveSession(session_no(n, partner_id=None, key=elsewhere if n % 2 else KEY)) for n in range(1, 7)]
    )

    assert [session.id for session in await store.list_sessions(limit=2, offset=1)] == ["s-5", "s-4"]
    assert [session.id for session in await store.list_sessions(limit=9, station_id="cp-1")] == ["s-6", "s-4", "s-2"]


async def pages_of_sessions(store: SqliteStore, asked: PageAsked, party: str | None = None) -> list[str]:
    """All ids, page by page, as the Links lead."""
    ids: list[str] = []
    page = await store.page_sessions(PARTNER, party, asked)
    while True:
        ids += [session.id for session in page.items]
        if page.next_after is None:
            return ids
        page = await store.page_sessions(PARTNER, party, replace(asked, after=page.next_after))


async def test_sessions_are_paged_in_order_of_creation_by_offset_and_by_after(store: SqliteStore) -> None:
    await store.commit([SaveSession(session_no(n)) for n in range(1, 8)])
    asked = PageAsked(offset=2, limit=3)

    page = await store.page_sessions(PARTNER, None, asked)

    assert ([session.id for session in page.items], page.total) == (["s-3", "s-4", "s-5"], 7)
    assert await pages_of_sessions(store, asked) == ["s-3", "s-4", "s-5", "s-6", "s-7"]
    beyond = await store.page_sessions(PARTNER, None, PageAsked(offset=7, limit=3))
    assert (beyond.items, beyond.total, beyond.next_after) == ((), 7, None)


async def test_a_partner_sees_published_sessions_of_its_own_tokens_only(store: SqliteStore) -> None:
    elsewhere = Terms(place=replace_party(SESSION, "DEF"), token=TOKEN)
    await store.commit(
        [
            SaveSession(session_no(1)),
            SaveSession(session_no(2, partner_id="partner-2")),
            SaveSession(session_no(3, partner_id=None)),
            SaveSession(session_no(4, terms=Terms(token=TOKEN))),
            SaveSession(session_no(5, terms=elsewhere)),
        ]
    )
    asked = PageAsked(offset=0, limit=1)

    assert await pages_of_sessions(store, asked) == ["s-1", "s-5"]
    assert await pages_of_sessions(store, asked, str(OURS)) == ["s-1"]
    assert await pages_of_sessions(store, asked, str(OTHER_PARTY)) == ["s-5"]
    assert (await store.page_sessions(PARTNER, str(OURS), asked)).total == 1


async def test_a_window_of_sessions_is_by_last_updated_but_in_order_of_creation(world: World) -> None:
    store = await world.open()
    saved = await store.commit([SaveSession(session_no(n)) for n in range(1, 7)])
    world.clock.at = NOON + HOUR
    touched = [change.session for change in saved if isinstance(change, SaveSession)]
    await store.commit([SaveSession(with_energy(touched[n], 99)) for n in (4, 0, 2)])
    since = PageAsked(offset=0, limit=2, date_from=NOON + HOUR)

    assert await pages_of_sessions(store, since) == ["s-1", "s-3", "s-5"]
    assert (await store.page_sessions(PARTNER, None, since)).total == 3
    before = PageAsked(offset=1, limit=9, date_to=NOON + HOUR)
    assert await pages_of_sessions(store, before) == ["s-4", "s-6"]
    empty = PageAsked(offset=0, limit=9, date_from=NOON + HOUR + MS)
    assert (await store.page_sessions(PARTNER, None, empty)).total == 0


def replace_party(session: Session, party_id: str) -> Place:
    place = session.terms.place
    assert place is not None
    return replace(place, location=replace(place.location, party=party_id_of("NL", party_id)))


# --- CDRs ---------------------------------------------------------------------------------------------------------


async def save_cdrs(world: World, store: SqliteStore, count: int) -> None:
    """One CDR a minute: c-1 at noon; every third belongs to our other party; between them, one of another partner."""
    for number in range(1, count + 1):
        world.clock.at = NOON + (number - 1) * timedelta(minutes=1)
        party = OTHER_PARTY if number % 3 == 0 else OURS
        await store.commit(
            [SaveCdr(cdr_no(number, party=party)), SaveCdr(cdr_no(number + 100, partner_id="partner-2"))]
        )


async def ids_on_page(store: SqliteStore, party: str | None, asked: PageAsked) -> tuple[list[str], int, int | None]:
    page = await store.page_cdrs(PARTNER, party, "v", asked)
    return [row.cdr_id for row in page.items], page.total, page.next_after


async def test_cdrs_are_paged_by_ordinal_with_totals_from_the_index(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 7)

    assert await ids_on_page(store, None, PageAsked(offset=2, limit=3)) == (["c-3", "c-4", "c-5"], 7, 5)
    assert await ids_on_page(store, None, PageAsked(offset=2, limit=3, after=5)) == (["c-6", "c-7"], 7, None)
    assert await ids_on_page(store, None, PageAsked(offset=7, limit=3)) == ([], 7, None)
    page = await store.page_cdrs("nobody", None, "v", PageAsked(offset=0, limit=3))
    assert (page.items, page.total, page.next_after) == ((), 0, None)


@pytest.mark.parametrize(
    ("first", "last", "offset", "ids", "total"),
    [
        (2, 5, 0, ["c-3", "c-4"], 3),
        (2, 5, 2, ["c-5"], 3),
        (2, None, 3, ["c-6", "c-7"], 5),
        (None, 2, 0, ["c-1", "c-2"], 2),
        (5, 5, 0, [], 0),
        (9, None, 0, [], 0),
    ],
)
async def test_a_window_of_cdrs_includes_its_begin_and_excludes_its_end(
    world: World, first: int | None, last: int | None, offset: int, ids: list[str], total: int
) -> None:
    store = await world.open()
    await save_cdrs(world, store, 7)
    begin, end = (None if minute is None else NOON + timedelta(minutes=minute) for minute in (first, last))

    found, count, _ = await ids_on_page(store, None, PageAsked(offset=offset, limit=2, date_from=begin, date_to=end))

    assert (found, count) == (ids, total)


async def test_cdrs_can_be_narrowed_to_one_of_our_parties(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 9)
    window = PageAsked(offset=1, limit=2, date_from=NOON + timedelta(minutes=1))

    assert await ids_on_page(store, str(OTHER_PARTY), PageAsked(offset=0, limit=2)) == (["c-3", "c-6"], 3, 6)
    assert await ids_on_page(store, str(OTHER_PARTY), PageAsked(offset=0, limit=2, after=6)) == (["c-9"], 3, None)
    assert await ids_on_page(store, str(OURS), window) == (["c-4", "c-5"], 5, 5)


async def test_pages_of_one_party_are_what_is_left_of_the_others(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 9)
    for party, numbers in ((OTHER_PARTY, [3, 6, 9]), (OURS, [1, 2, 4, 5, 7, 8])):
        for first, offset, limit in product((None, 0, 2, 3, 5, 8, 9), (0, 1, 2, 5, 9), (1, 3)):
            begin = None if first is None else NOON + timedelta(minutes=first)
            within = [number for number in numbers if first is None or number > first]
            shown = within[offset : offset + limit]
            follows = shown[-1] if shown and shown[-1] != within[-1] else None

            found = await ids_on_page(store, str(party), PageAsked(offset=offset, limit=limit, date_from=begin))

            assert found == ([f"c-{number}" for number in shown], len(within), follows)


async def test_a_page_has_the_stored_bytes_of_a_cdr_and_the_first_ones_stay(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 2)
    await store.save_cdr_renderings("v", [("c-1", b"first")])
    await store.save_cdr_renderings("v", [("c-1", b"second")])
    world.published.clear()

    page = await store.page_cdrs(PARTNER, None, "v", PageAsked(offset=0, limit=9))
    other = await store.page_cdrs(PARTNER, None, "w", PageAsked(offset=0, limit=9))

    assert [(row.body, row.cdr is None) for row in page.items] == [(b"first", True), (None, False)]
    assert [row.cdr for row in other.items] == [await store.find_cdr("c-1"), await store.find_cdr_by_session("s-2")]
    assert world.published == []


async def test_cdrs_are_found_and_listed_newest_first(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 2)

    assert [cdr.id for cdr in await store.list_cdrs(limit=2, offset=1)] == ["c-2", "c-101"]
    assert await store.find_cdr("c-9") is None
    assert await store.find_cdr_by_session("s-9") is None


# --- tokens -------------------------------------------------------------------------------------------------------


async def test_tokens_are_found_without_regard_to_case(store: SqliteStore) -> None:
    await store.commit([SaveToken(TOKEN), SaveToken(replace(TOKEN, type="APP_USER"))])

    assert len(await store.find_tokens("04a2b3")) == 2
    assert await store.find_token("de", "xyz", "04a2B3", "RFID") == TOKEN
    assert await store.find_token("DE", "XYZ", "04A2B3", "OTHER") is None


async def test_of_two_versions_of_a_token_the_newer_counts_whichever_comes_last(store: SqliteStore) -> None:
    newer = replace(TOKEN, uid="04a2b3", valid=False, last_updated=NOON + HOUR)
    await store.commit([SaveToken(newer)])
    await store.commit([SaveToken(TOKEN)])
    assert await store.find_tokens(TOKEN.uid) == [newer]

    same_age = replace(newer, valid=True)
    await store.commit([SaveToken(same_age)])
    assert await store.find_tokens(TOKEN.uid) == [same_age]


async def test_tokens_of_an_ended_registration_are_invalid_until_pushed_again(store: SqliteStore) -> None:
    other = replace(TOKEN, partner_id="partner-2", uid="OTHER")
    await store.commit([SaveToken(TOKEN), SaveToken(other)])
    await store.commit([DropPartnerTokens(PARTNER)])

    assert await store.find_tokens(TOKEN.uid) == [replace(TOKEN, valid=False)]
    assert await store.find_tokens("OTHER") == [other]
    moved = replace(TOKEN, partner_id="partner-3", last_updated=NOON - HOUR)
    await store.commit([SaveToken(moved)])
    assert await store.find_tokens(TOKEN.uid) == [moved]


async def test_local_tokens_are_saved_found_and_deleted_without_regard_to_case(store: SqliteStore) -> None:
    await store.commit([SaveLocalToken(replace(LOCAL_TOKEN, last_updated=NOON - HOUR))])

    assert await store.find_local_token("cafe01") == LOCAL_TOKEN
    await store.commit([DeleteLocalToken("Cafe01")])
    assert await store.find_local_token("CAFE01") is None


async def test_a_uid_is_ambiguous_until_the_operator_settles_it(store: SqliteStore) -> None:
    def local(**changes: object) -> SaveLocalToken:
        return SaveLocalToken(LocalToken(uid=TOKEN.uid.lower(), last_updated=NOON, **changes))  # type: ignore[arg-type]

    other = replace(TOKEN, partner_id="partner-2", party=party_id_of("FR", "QRS"), uid=TOKEN.uid.lower())
    await store.commit([SaveToken(TOKEN), SaveToken(replace(TOKEN, type="APP_USER"))])
    assert await store.list_ambiguous_uids() == []
    await store.commit([SaveToken(replace(other, valid=False))])
    assert await store.list_ambiguous_uids() == []
    await store.commit([SaveToken(other)])
    assert [uid.upper() for uid in await store.list_ambiguous_uids()] == [TOKEN.uid]

    await store.commit([local(preferred_partner_id="partner-9")])
    assert len(await store.list_ambiguous_uids()) == 1
    await store.commit([local(preferred_partner_id="partner-2")])
    assert await store.list_ambiguous_uids() == []
    await store.commit([local(status=LocalStatus.BLOCKED)])
    assert await store.list_ambiguous_uids() == []
    assert TOKEN.party == THEIRS


# --- what the technician looks at ---------------------------------------------------------------------------------


async def test_a_deviation_that_comes_again_is_counted(store: SqliteStore) -> None:
    again = replace(DEVIATION, station_id="cp-1", example="Oops2", first_at=NOON + HOUR, last_at=NOON + HOUR)
    await store.commit([SaveDeviation(DEVIATION)])
    await store.commit([SaveDeviation(again)])
    await store.commit([SaveDeviation(replace(DEVIATION, path="$.info"))])

    first, second = await store.list_deviations("CP-1")

    assert first == replace(DEVIATION, example="Oops2", last_at=NOON + HOUR, count=2)
    assert second.path == "$.info"
    assert await store.list_deviations("CP-2") == []


async def test_notices_incidents_and_quarantined_messages_are_listed_newest_first(store: SqliteStore) -> None:
    elsewhere = replace(NOTICE, receipt=replace(NOTICE.receipt, station_id="CP-2"))
    incidents = [SaveIncident(station, NOON, "handshake", "wrong password") for station in ("CP-1", "CP-2")]
    await store.commit([SaveNotice(NOTICE), SaveNotice(elsewhere), *incidents])
    await store.commit([SaveQuarantined(QUARANTINED), SaveQuarantined(replace(QUARANTINED, reason="other"))])

    assert await store.list_notices(None, limit=9) == [elsewhere, NOTICE]
    assert await store.list_notices("cp-1", limit=9) == [NOTICE]
    assert await store.list_incidents(None, limit=1) == [incidents[1]]
    assert await store.list_incidents("cp-1", limit=9) == [incidents[0]]
    quarantined = await store.list_quarantined(limit=9)
    assert [row.message.reason for row in quarantined] == ["other", "no timestamp"]
    assert quarantined[0].no > quarantined[1].no
    assert quarantined[1].message == QUARANTINED


async def test_late_facts_are_kept_and_listed_newest_first(store: SqliteStore) -> None:
    await store.commit([SaveLateFact("CP-1", "s-1", FACT, "sealed"), SaveLateFact("CP-1", None, FACT, "no session")])

    rows = await store.list_late_facts(limit=9)

    assert [(row.session_id, row.reason, row.fact) for row in rows] == [
        (None, "no session", FACT),
        ("s-1", "sealed", FACT),
    ]


async def test_a_page_of_one_party_comes_joined_too(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 9)
    await store.save_cdr_renderings("v", [(f"c-{number}", b"%d" % number) for number in (3, 6)])

    for asked, joined, follows in (
        (PageAsked(offset=0, limit=2), b"3,6", 6),
        (PageAsked(offset=1, limit=1), b"6", 6),
        (PageAsked(offset=1, limit=1, after=3), b"6", 6),
    ):
        page, bodies = await store.find_joined_cdrs(PARTNER, str(OTHER_PARTY), "v", asked) or (None, b"")
        assert page is not None
        assert (page.total, page.next_after, bodies) == (3, follows, joined)
    assert await store.find_joined_cdrs(PARTNER, str(OTHER_PARTY), "v", PageAsked(offset=0, limit=3)) is None
    assert await store.find_joined_cdrs(PARTNER, "NL*NO1", "v", PageAsked(offset=0, limit=3)) is None


async def test_a_page_of_cdrs_that_were_all_shown_comes_joined(world: World) -> None:
    store = await world.open()
    await save_cdrs(world, store, 5)
    await store.save_cdr_renderings("v", [(f"c-{number}", f'{{"id":{number}}}'.encode()) for number in range(1, 5)])

    page, joined = await store.find_joined_cdrs(PARTNER, None, "v", PageAsked(offset=1, limit=2)) or (None, b"")
    assert joined == b'{"id":2},{"id":3}'
    assert page is not None
    assert (page.total, page.next_after) == (5, 3)
    after = await store.find_joined_cdrs(PARTNER, None, "v", PageAsked(offset=1, limit=1, after=3))
    assert after is not None
    assert (after[0].next_after, after[1]) == (4, b'{"id":4}')
    assert await store.find_joined_cdrs(PARTNER, None, "v", PageAsked(offset=0, limit=5)) is None, (
        "c-5 was not shown yet"
    )
    assert await store.find_joined_cdrs(PARTNER, None, "w", PageAsked(offset=0, limit=2)) is None
    assert await store.find_joined_cdrs("nobody", None, "v", PageAsked(offset=0, limit=2)) is None
    assert await store.find_joined_cdrs(PARTNER, None, "v", PageAsked(offset=9, limit=2)) is None


async def test_the_newer_word_about_a_client_of_a_hub_counts_and_only_an_older_one_is_deleted(world: World) -> None:
    store = await world.open()
    told = HubClient(hub_id=PARTNER, party=THEIRS, role="EMSP", status=ConnectionStatus.OFFLINE, last_updated=NOON)
    older = replace(told, status=ConnectionStatus.CONNECTED, last_updated=NOON - MS)
    other = replace(told, role="CPO")
    await store.commit([SaveHubClient(told)])
    await store.commit([SaveHubClient(older), SaveHubClient(other), DeleteHubClient(older)])

    store = await world.reopen()

    assert await store.load_hub_clients() == [other, told]
    await store.commit([DeleteHubClient(told)])
    assert await store.load_hub_clients() == [other]


@pytest.mark.parametrize("party", [None, str(OURS)])
async def test_lists_can_be_narrowed_to_the_drivers_of_one_party(store: SqliteStore, party: str | None) -> None:
    other = replace(TERMS, token=replace(TOKEN, party=OTHER_PARTY))
    for number, terms in enumerate([TERMS, other, TERMS, other, TERMS], start=1):
        await store.commit([SaveSession(session_no(number, terms=terms)), SaveCdr(cdr_no(number, terms=terms))])
    asked = PageAsked(offset=1, limit=1, date_from=NOON - HOUR)

    sessions = await store.page_sessions(PARTNER, party, asked, drivers_of=str(THEIRS))
    cdrs = await store.page_cdrs(PARTNER, party, "v", asked, drivers_of=str(THEIRS))
    rest = await store.page_cdrs(PARTNER, party, "v", replace(asked, after=cdrs.next_after), drivers_of=str(THEIRS))

    assert ([one.id for one in sessions.items], sessions.total) == (["s-3"], 3)
    assert ([one.cdr_id for one in cdrs.items], cdrs.total) == (["c-3"], 3)
    assert ([one.cdr_id for one in rest.items], rest.next_after) == (["c-5"], None)
    nobody = PageAsked(offset=0, limit=9)
    assert (await store.page_sessions(PARTNER, party, nobody, drivers_of="FR*XYZ")).items == ()
    assert (await store.page_cdrs(PARTNER, party, "v", nobody, drivers_of="FR*XYZ")).items == ()


async def test_a_token_is_made_invalid_only_as_it_was_seen_and_until_it_is_pushed_again(store: SqliteStore) -> None:
    await store.commit([SaveToken(TOKEN), SaveToken(replace(TOKEN, uid="OTHER"))])
    seen = {stamp.uid_key: stamp for stamp in await store.list_token_stamps(PARTNER)}
    await store.commit([SaveToken(replace(TOKEN, uid="OTHER", last_updated=NOON + MS))])

    await store.commit([InvalidateToken(PARTNER, stamp) for stamp in seen.values()])

    assert [token.valid for token in await store.find_tokens(TOKEN.uid)] == [False]
    assert [stamp.uid_key for stamp in await store.list_token_stamps(PARTNER)] == ["other"]
    await store.commit([SaveToken(TOKEN)])
    assert [token.valid for token in await store.find_tokens(TOKEN.uid)] == [True]
