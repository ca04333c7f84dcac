"""Lists as an eMSP pulls them: pages, windows, parties, and who sees what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from simulators.demo import LOCATION, TARIFF, tariff
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, site
from tests.e2e.operator import operate
from tests.e2e.wire import (
    ROUTING,
    Platform,
    Visit,
    charger,
    equip,
    next_link,
    now,
    parse,
    put_sites,
    put_tariffs,
    registered,
    stamp,
    visits,
)

UID = "04E2A1B2C3D480"
SINCE = "date_from=2020-01-01T00:00:00Z"
LISTS = ("locations", f"sessions?{SINCE}", "cdrs", "tariffs")
OPERATIONS = {
    "locations": "op:senderGetLocations",
    f"sessions?{SINCE}": "op:senderGetSessions",
    "cdrs": "op:senderGetCdrs",
    "tariffs": "op:senderGetTariffs",
}


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Platform]:
    async with registered(house) as platform:
        yield platform


def joined(path: str, query: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{query}"


# --- paging


@pytest.mark.parametrize(
    ("path", "query", "word"),
    [
        ("locations", "limit=many", "limit"),
        ("locations", "limit=0", "limit"),
        ("locations", "limit=-1", "limit"),
        ("locations", "limit=1.5", "limit"),
        ("cdrs", "offset=-1", "offset"),
        ("cdrs", "offset=first", "offset"),
        ("cdrs", "offset=99999999999999999999", "offset"),
        ("tariffs", "date_from=yesterday", "date_from"),
        ("tariffs", "date_to=2026-13-01T00:00:00Z", "date_to"),
        ("cdrs", "date_from=1700000000", "date_from"),
        ("sessions", "date_from=", "date_from"),
        ("sessions", "", "date_from"),
        ("sessions", "date_to=2026-01-01T00:00:00Z", "date_from"),
        ("cdrs", "after=garbage", "after"),
    ],
)
async def test_unusable_paging_values_are_2001_and_named(emsp: Platform, path: str, query: str, word: str) -> None:
    answer = await emsp.get(f"{path}?{query}")

    assert answer.codes == (200, 2001)
    assert word in answer.message
    assert "data" not in answer.body


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.123Z",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00:00%2B00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00%3A00%3A00Z",
    ],
)
async def test_dates_are_read_as_peers_write_them(emsp: Platform, text: str) -> None:
    assert (await emsp.get(f"sessions?date_from={text}")).codes == (200, 1000)


async def test_a_limit_above_ours_is_lowered_and_x_limit_is_always_ours(house: House, emsp: Platform) -> None:
    await put_sites(house, 2)

    for limit in (1, 1_000_000):
        answer = await emsp.get(f"locations?limit={limit}")
        assert answer.codes == (200, 1000)
        assert answer.headers["X-Limit"] == "100"
        assert answer.headers["X-Total-Count"] == "2"


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_following_the_links_gives_each_object_once(house: House, emsp: Platform, path: str, limit: int) -> None:
    await equip(house, "CS1")
    await put_sites(house, 4)
    await put_tariffs(house, 4)
    if "sessions" in path or "cdrs" in path:
        await emsp.push(UID)
        await visits(house, 5, uid=UID)
    if "cdrs" in path:
        await house.restart()

    pages = await emsp.follow(joined(path, f"limit={limit}"))

    ids = [item["id"] for page in pages for item in page]
    assert len(ids) == len(set(ids)) == 5
    assert [len(page) for page in pages] == {1: [1] * 5, 2: [2, 2, 1], 5: [5]}[limit]
    assert await emsp.follow(joined(path, f"limit={limit}")) == pages
    whole = await emsp.get(path)
    assert [item["id"] for item in whole.data] == ids
    assert_valid(OPERATIONS[path], whole.body)


async def test_a_link_repeats_the_filters_and_names_our_public_url(house: House, emsp: Platform) -> None:
    await put_sites(house, 3)
    until = stamp(now() + timedelta(hours=1))

    answer = await emsp.get(f"locations?{SINCE}&date_to={until}&limit=2")

    link = next_link(answer)
    assert link is not None
    assert link.startswith(f"{emsp.url('locations')}?")
    assert "date_from=2020-01-01T00:00:00Z" in link
    assert f"date_to={until}" in link
    assert "offset=2" in link
    assert "limit=2" in link
    last = await emsp.get(link)
    assert len(last.data) == 1
    assert "Link" not in last.headers
    assert last.headers["X-Total-Count"] == "3"


async def test_counting_offsets_on_ones_own_gives_each_object_once_too(house: House, emsp: Platform) -> None:
    await put_sites(house, 5)

    pages = [await emsp.load(f"locations?offset={offset}&limit=2") for offset in (0, 2, 4, 6)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert len({item["id"] for page in pages for item in page}) == 5


async def test_an_offset_beyond_the_end_is_an_empty_page(house: House, emsp: Platform) -> None:
    await put_sites(house, 1)

    answer = await emsp.get("locations?offset=1000")

    assert answer.data == []
    assert answer.headers["X-Total-Count"] == "1"


@pytest.mark.parametrize("path", LISTS)
async def test_date_from_is_inclusive_and_date_to_exclusive(house: House, emsp: Platform, path: str) -> None:
    await equip(house, "CS1")
    await emsp.push(UID)
    await visits(house, 2, uid=UID)
    if path == "locations":
        await put_sites(house, 1)
    if path == "tariffs":
        await put_tariffs(house, 1)
    items = sorted(await emsp.load(path), key=lambda item: parse(item["last_updated"]))
    assert len(items) == 2
    early, late = (parse(item["last_updated"]) for item in items)
    name = path.partition("?")[0]

    async def ids(date_from: str, date_to: str) -> set[str]:
        return {item["id"] for item in await emsp.load(f"{name}?date_from={date_from}&date_to={date_to}")}

    assert await ids(stamp(late), stamp(late + timedelta(days=1))) == {items[1]["id"]}
    assert await ids(stamp(early), stamp(late)) == {items[0]["id"]}
    assert await ids(stamp(late + timedelta(milliseconds=1)), stamp(late + timedelta(days=1))) == set()
    assert await ids(stamp(early), stamp(early)) == set()


# --- several parties of ours

TWO = '[{"country_code":"NL","party_id":"GWY","name":"One"},{"country_code":"BE","party_id":"TWO","name":"Two"}]'


@pytest.fixture
async def two_parties(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path, env={"GATEWAY_OCPI__PARTIES": TWO}) as running:
        for name, country, party in (("ONE", "NL", "GWY"), ("TWO", "BE", "TWO")):
            owner = {"country_code": country, "party_id": party}
            await running.call("PUT", f"tariffs/T-{name}", {**tariff(), **owner, "id": f"T-{name}"})
            body = {**site(f"CS-{name}"), **owner, "id": f"SITE-{name}"}
            body["evses"][0]["evse_id"] = f"{country}*{party}*E1"
            body["evses"][0]["connectors"][0]["tariff_ids"] = [f"T-{name}"]
            await running.call(
                "PUT", f"stations/CS-{name}", {"security_profile": 1, "password": "secret-of-the-station"}
            )
            await running.call("PUT", f"locations/SITE-{name}", body)
        yield running


async def test_all_parties_of_the_platform_are_roles_of_its_credentials(two_parties: House) -> None:
    async with registered(two_parties) as emsp:
        roles = (await emsp.load("credentials"))["roles"]

        assert {(role["country_code"], role["party_id"], role["role"]) for role in roles} == {
            ("NL", "GWY", "CPO"),
            ("BE", "TWO", "CPO"),
        }


@pytest.mark.parametrize(
    ("to", "sites"),
    [(None, {"SITE-ONE", "SITE-TWO"}), (("NL", "GWY"), {"SITE-ONE"}), (("BE", "TWO"), {"SITE-TWO"})],
)
async def test_a_party_that_is_asked_for_answers_with_what_is_its_own(
    two_parties: House, to: tuple[str, str] | None, sites: set[str]
) -> None:
    async with registered(two_parties) as emsp:
        await emsp.push(UID)
        for name in ("ONE", "TWO"):
            await visits(two_parties, 1, uid=UID, station_id=f"CS-{name}")
        headers = {} if to is None else dict(zip(ROUTING, (*to, "DE", "EMP"), strict=True))

        found = {path: await emsp.get(path, headers=headers) for path in LISTS}

        assert {item["id"] for item in found["locations"].data} == sites
        assert {item["id"] for item in found["tariffs"].data} == {site.replace("SITE", "T") for site in sites}
        assert {item["location_id"] for item in found[f"sessions?{SINCE}"].data} == sites
        assert {item["cdr_location"]["id"] for item in found["cdrs"].data} == sites
        for answer in found.values():
            assert answer.headers["X-Total-Count"] == str(len(sites))
            assert answer.routing == dict(zip(ROUTING, ("DE", "EMP", *(to or ("NL", "GWY"))), strict=True))


async def test_a_location_of_one_party_is_not_found_at_the_other(two_parties: House) -> None:
    async with registered(two_parties) as emsp:
        headers = dict(zip(ROUTING, ("BE", "TWO", "DE", "EMP"), strict=True))

        assert (await emsp.get("locations/SITE-ONE", headers=headers)).codes == (404, 2003)
        assert (await emsp.get("locations/SITE-TWO", headers=headers)).codes == (200, 1000)


# --- sessions, CDRs and tariffs


async def test_a_running_session_is_visible_and_grows(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await emsp.push(UID)
    async with charger(house) as plug:
        visit = Visit(UID, now() - timedelta(hours=1))
        transaction = await plug.begin(visit)
        (begun,) = await emsp.load(f"sessions?{SINCE}")
        await plug.meter(transaction, visit.start + timedelta(minutes=10), visit.meter_start + 2_500)
        (running,) = await emsp.load(f"sessions?{SINCE}")
        await plug.finish(transaction, visit)
        (ended,) = await emsp.load(f"sessions?{SINCE}")

    for session in (begun, running, ended):
        assert_valid("session", session)
        assert session["cdr_token"]["uid"] == UID
        assert session["location_id"] == LOCATION
        assert session["currency"] == "EUR"
    assert [one["status"] for one in (begun, running, ended)] == ["ACTIVE", "ACTIVE", "COMPLETED"]
    assert [one["kwh"] for one in (begun, running, ended)] == [0, 2.5, 10]
    # 0.50 + 2.5 kWh x 0.25, then 0.50 + 10 kWh x 0.25; 20 % VAT on both
    assert running["total_cost"] == {"excl_vat": 1.125, "incl_vat": 1.35}
    assert ended["total_cost"] == {"excl_vat": 3, "incl_vat": 3.6}
    assert "end_date_time" not in running
    assert parse(ended["end_date_time"]) == parse(stamp(visit.end))
    assert parse(begun["last_updated"]) < parse(running["last_updated"]) < parse(ended["last_updated"])


async def test_a_session_without_a_price_does_not_look_free(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    body = site("CS1")
    del body["evses"][0]["connectors"][0]["tariff_ids"]
    await house.call("PUT", f"locations/{LOCATION}", body)
    await emsp.push(UID)
    async with charger(house) as plug:
        await plug.live(Visit(UID, now() - timedelta(hours=1)))

    (session,) = await emsp.load(f"sessions?{SINCE}")

    assert_valid("session", session)
    assert "total_cost" not in session
    assert await emsp.load("cdrs") == []


async def test_tariffs_are_what_the_operator_put(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    (found,) = await emsp.load("tariffs")

    assert_valid("tariff", found)
    put = tariff()
    assert {name: found[name] for name in ("id", "currency", "type", "elements", "country_code", "party_id")} == {
        name: put[name] for name in ("id", "currency", "type", "elements", "country_code", "party_id")
    }


async def test_a_tariff_that_version_cannot_say_is_withheld_and_not_counted(house: House, emsp: Platform) -> None:
    taxed = {**tariff(), "id": "TAXED", "tax_included": "YES"}
    await house.call("PUT", "tariffs/TAXED", taxed)

    answer = await emsp.get("tariffs")

    # 0.25 with 20 % is 0.20833… before tax: no number of four decimals says that
    assert answer.data == []
    assert answer.headers["X-Total-Count"] == "0"


async def test_nothing_refers_to_a_tariff_that_the_version_cannot_say(house: House, emsp: Platform) -> None:
    """The bill stands for itself; a reference to what cannot be read would lead nowhere."""
    await equip(house, "CS1")
    await house.call("PUT", f"tariffs/{TARIFF}", {**tariff(), "tax_included": "YES"})
    await emsp.push(UID)
    await visits(house, 1, uid=UID)

    location = await emsp.load(f"locations/{LOCATION}")
    (session,) = await emsp.load(f"sessions?{SINCE}")
    (cdr,) = await emsp.load("cdrs")

    assert await emsp.load("locations") == [location]
    assert await emsp.load(f"locations/{LOCATION}/EVSE-CS1") == location["evses"][0]
    assert await emsp.load(f"locations/{LOCATION}/EVSE-CS1/1") == location["evses"][0]["connectors"][0]
    for module, item in (("location", location), ("session", session), ("cdr", cdr)):
        assert_valid(module, item)
        assert TARIFF not in str(item)
    assert cdr["total_cost"]["incl_vat"] == 3
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    assert TARIFF in str(await emsp.load("locations"))


async def test_a_deleted_tariff_is_gone(house: House, emsp: Platform) -> None:
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    await house.call("DELETE", f"tariffs/{TARIFF}")

    assert await emsp.load("tariffs") == []


async def test_a_partner_sees_sessions_and_cdrs_of_its_own_tokens_only(house: House, emsp: Platform) -> None:
    async with registered(house, "FR", "OTH") as other:
        await equip(house, "CS1")
        await emsp.push(UID)
        await other.push("OTHERCARD")
        await house.call("PUT", "tokens/LOCALCARD", {"status": "accepted"})
        await visits(house, 2, uid=UID)
        await visits(house, 1, uid="OTHERCARD")
        await visits(house, 1, uid="LOCALCARD")

        for platform, uid, count in ((emsp, UID, 2), (other, "OTHERCARD", 1)):
            for path in (f"sessions?{SINCE}", "cdrs"):
                answer = await platform.get(path)
                assert [item["cdr_token"]["uid"] for item in answer.data] == [uid] * count
                assert answer.headers["X-Total-Count"] == str(count)
                assert {item["cdr_token"]["party_id"] for item in answer.data} == {platform.party_id}
        assert len(await house.items("cdrs")) == 4


async def test_a_visit_at_an_unpublished_location_is_billed_like_any_other(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    await house.call("PUT", f"locations/{LOCATION}", {**site("CS1"), "publish": False})
    await emsp.push(UID)
    await visits(house, 1, uid=UID)

    (withdrawn,) = await emsp.load("locations")
    assert [evse["status"] for evse in withdrawn["evses"]] == ["REMOVED"]
    (session,) = await emsp.load(f"sessions?{SINCE}")
    (cdr,) = await emsp.load("cdrs")
    assert (session["location_id"], cdr["cdr_location"]["id"]) == (LOCATION, LOCATION)


async def test_a_refused_request_is_in_the_trace_with_its_reason(house: House, emsp: Platform) -> None:
    await emsp.push(UID)
    await emsp.get("cdrs?limit=many")
    await emsp.ask("PATCH", emsp.token_path(UID), body={"valid": False})

    entries = (await operate(house, "GET", "trace")).body

    texts = [f"{entry['reason']} {entry['text']}" for entry in entries if entry["direction"] == "event"]
    assert any("2001" in text and "limit" in text for text in texts)
    assert any("2001" in text and "last_updated" in text for text in texts)
    assert not any(UID in text for text in texts)
