"""Sessions, CDRs and tariffs over HTTP."""

from dataclasses import replace
from decimal import Decimal

from gateway.domain.tariffs import TaxIncluded
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import CDR, OTHER_OF_OURS, SESSION, TARIFF, TERMS
from tests.unit.ocpi.conftest import Platform

SESSIONS = "/ocpi/cpo/2.2.1/sessions"
CDRS = "/ocpi/cpo/2.2.1/cdrs"
TARIFFS = "/ocpi/cpo/2.2.1/tariffs"
SINCE = "date_from=2026-01-01T00:00:00Z"


async def test_sessions_are_of_the_partners_own_tokens_only(platform: Platform) -> None:
    platform.store.sessions = [
        SESSION,
        replace(SESSION, id="other", partner_id="P2"),
        replace(SESSION, id="local", partner_id=None),
    ]

    answer = await platform.ask("GET", f"{SESSIONS}?{SINCE}")

    assert_valid("op:senderGetSessions", answer.body)
    assert [session["id"] for session in answer.data] == [SESSION.id]
    assert answer.headers["X-Total-Count"] == "1"


async def test_sessions_need_date_from(platform: Platform) -> None:
    answer = await platform.ask("GET", SESSIONS)

    assert answer.codes == (200, 2001)
    assert "date_from" in answer.body["status_message"]


async def test_a_session_has_no_url_of_its_own(platform: Platform) -> None:
    """The sender's interface is a list.  OCPI 2.2.1 mod_sessions 9.2.1"""
    platform.store.sessions = [SESSION]

    assert (await platform.ask("GET", f"/ocpi/cpo/2.2.1/sessions/{SESSION.id}")).codes == (404, 2000)


async def test_a_session_that_cannot_be_said_does_not_sink_the_page(platform: Platform) -> None:
    homeless = replace(SESSION, id="homeless", terms=replace(TERMS, place=None))
    platform.store.sessions = [homeless, SESSION]

    answer = await platform.ask("GET", f"{SESSIONS}?{SINCE}")

    assert [session["id"] for session in answer.data] == [SESSION.id]


async def test_session_links_keep_the_filter(platform: Platform) -> None:
    platform.store.sessions = [replace(SESSION, id=f"s{n}") for n in range(3)]

    first = await platform.ask("GET", f"{SESSIONS}?{SINCE}")
    path = first.headers["Link"].split(">")[0].removeprefix("<https://cpo.example")
    second = await platform.ask("GET", path)

    assert SINCE in path
    assert [session["id"] for session in first.data + second.data] == ["s0", "s1", "s2"]


async def test_cdrs_are_valid_and_of_the_partner_only(platform: Platform) -> None:
    platform.store.cdrs = [CDR, replace(CDR, id="other", partner_id="P2")]

    answer = await platform.ask("GET", CDRS)

    assert_valid("op:senderGetCdrs", answer.body)
    assert [cdr["id"] for cdr in answer.data] == [CDR.id]


async def test_a_cdr_is_kept_as_it_was_first_shown(platform: Platform) -> None:
    platform.store.cdrs = [CDR]
    first = await platform.ask("GET", CDRS)
    platform.store.cdrs = [replace(CDR, energy_wh=Decimal(1))]

    assert (await platform.ask("GET", CDRS)).data == first.data
    assert set(platform.store.renderings) == {("2.2.1", CDR.id)}


async def test_a_cdr_is_not_shown_unless_it_could_be_kept(platform: Platform) -> None:
    platform.store.cdrs = [CDR]
    platform.store.fail_renderings = True

    assert (await platform.ask("GET", CDRS)).codes == (200, 3000)


async def test_cdrs_of_one_of_our_parties(platform: Platform) -> None:
    platform.store.cdrs = [CDR, replace(CDR, id="belgian", party=OTHER_OF_OURS)]

    answer = await platform.ask("GET", CDRS, headers={"OCPI-to-country-code": "BE", "OCPI-to-party-id": "GWB"})

    assert [cdr["id"] for cdr in answer.data] == ["belgian"]


async def test_tariffs_are_valid(platform: Platform) -> None:
    answer = await platform.ask("GET", TARIFFS)

    assert_valid("op:senderGetTariffs", answer.body)
    assert [tariff["id"] for tariff in answer.data] == ["T1"]


async def test_a_tariff_that_cannot_be_said_exactly_is_neither_shown_nor_counted(platform: Platform) -> None:
    gross = replace(TARIFF, id="T2", tax_included=TaxIncluded.YES)
    platform.catalog.tariffs = {tariff.id: tariff for tariff in (gross, TARIFF)}

    answer = await platform.ask("GET", TARIFFS)

    assert [tariff["id"] for tariff in answer.data] == ["T1"]
    assert answer.headers["X-Total-Count"] == "1"


async def test_tariff_pages_follow_their_links(platform: Platform) -> None:
    platform.catalog.tariffs = {f"T{n}": replace(TARIFF, id=f"T{n}") for n in range(3)}

    first = await platform.ask("GET", TARIFFS)
    second = await platform.ask("GET", first.headers["Link"].split(">")[0].removeprefix("<https://cpo.example"))

    assert [tariff["id"] for tariff in first.data + second.data] == ["T0", "T1", "T2"]
