"""Everything that partners are given, served, pushed and asked, against the official schemas of each version.

The objects have every optional member set.  The community schemas of 2.1.1 have no patches and no location references:
these are held by hand.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.cdrs import Cdr
from gateway.domain.deliveries import (
    DeliveryKind,
    Message,
    Subject,
    bill_subject,
    location_subject,
    session_subject,
    tariff_subject,
)
from gateway.domain.locations import EvseStatus, Location
from gateway.domain.partners import Partner
from gateway.domain.sessions import Session
from gateway.domain.tariffs import TaxIncluded
from gateway.domain.tokens import LocationReferences, Whitelist
from gateway.errors import CannotSayError
from gateway.flows.inquiries import TokenAsk
from gateway.flows.letters import Letters
from gateway.flows.memory import Memory
from gateway.flows.partner_api import Access
from gateway.flows.withheld import WithheldBook
from gateway.ocpi import wire
from gateway.ocpi.client import Answer, OcpiClient
from gateway.ocpi.postman import OcpiPostman
from gateway.ocpi.renderings import Renderings
from gateway.ocpi.token_calls import TokenCalls
from gateway.ocpi.versions import VERSIONS
from gateway.ports import SaveToken, Store
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import ELEVEN, EMSP, OTHER_OF_OURS, OURS, PARTNER, TOKEN
from tests.fakes.ocpi_store import FakeClock
from tests.fakes.rich_objects import BILL, BILLS, DRIVER, LOCATIONS, RICH, RUNNING, SESSIONS, TARIFFS, names_in
from tests.fakes.smart_charging import FixedLimits
from tests.fakes.tariff_strategies import TARIFFS as ANY_TARIFF
from tests.unit.ocpi.conftest import Platform

NUMBERS = ["2.1.1", "2.2.1", "2.3.0"]
EVSE = RICH.evses[0]

# What a CPO serves: the operation of the official contract, the schema of its data, and the URL.
SERVED = [
    ("getVersions", "versions", "/ocpi/versions"),
    ("getVersionDetails", "version_details", "/ocpi/{number}"),
    ("getCredentials", "credentials", "/ocpi/cpo/{number}/credentials"),
    ("senderGetLocations", "locations", "/ocpi/cpo/{number}/locations"),
    ("senderGetLocation", "location", "/ocpi/cpo/{number}/locations/RICH"),
    ("senderGetLocation", "location", "/ocpi/cpo/{number}/locations/BARE"),
    ("senderGetEvse", "evse", f"/ocpi/cpo/{{number}}/locations/RICH/{EVSE.uid}"),
    ("senderGetConnector", "connector", f"/ocpi/cpo/{{number}}/locations/RICH/{EVSE.uid}/1"),
    ("senderGetSessions", "sessions", "/ocpi/cpo/{number}/sessions?date_from=2026-01-01T00:00:00Z"),
    ("senderGetCdrs", "cdrs", "/ocpi/cpo/{number}/cdrs"),
    ("senderGetTariffs", "tariffs", "/ocpi/cpo/{number}/tariffs"),
    ("receiverGetToken", "token", f"/ocpi/cpo/{{number}}/tokens/DE/EMP/{DRIVER.uid}"),
]


def partner_of(number: str) -> Partner:
    return replace(PARTNER, version=number, sees_unpublished=True)


@pytest.fixture(params=NUMBERS)
async def rich(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Platform]]:
    """A platform full of rich objects, and the version in which its partner speaks."""
    platform = Platform(partner_of(request.param))
    platform.catalog.locations.clear()
    platform.catalog.locations.update(LOCATIONS)
    platform.catalog.tariffs.clear()
    platform.catalog.tariffs.update(TARIFFS)
    platform.store.sessions = list(SESSIONS)
    platform.store.cdrs = list(BILLS)
    limits = replace(platform.edge.limits, locations=50, sessions=50, cdrs=50, tariffs=50)
    object.__setattr__(platform.edge, "limits", limits)
    await platform.store.commit([SaveToken(DRIVER)])
    await platform.client.start_server()
    yield request.param, platform
    await platform.client.close()
    await platform.api.close()


@pytest.mark.parametrize(("operation", "schema", "url"), SERVED, ids=[url for _, _, url in SERVED])
async def test_what_is_served_is_valid(rich: tuple[str, Platform], operation: str, schema: str, url: str) -> None:
    number, platform = rich
    answer = await platform.ask("GET", url.format(number=number))

    assert answer.codes == (200, 1000)
    if operation == "getVersions":  # the list of all versions; the newest schema knows all of them
        assert_valid(f"op:{operation}", answer.body, version="2.3.0")
    elif number != "2.1.1":
        assert_valid(f"op:{operation}", answer.body, version=number)
    else:
        assert_valid(schema, answer.body, version=number)


async def test_where_a_version_has_no_fractions_no_time_has_any(rich: tuple[str, Platform]) -> None:
    number, platform = rich
    moment = ELEVEN.replace(microsecond=250_000)
    platform.store.sessions = [replace(RUNNING, last_updated=moment)]
    platform.store.cdrs = [replace(BILL, last_updated=moment)]
    platform.catalog.locations["RICH"] = replace(RICH, last_updated=moment)

    for module in ("locations", "sessions", "cdrs"):
        answer = await platform.ask("GET", f"/ocpi/cpo/{number}/{module}?date_from=2026-01-01T00:00:00Z")
        ends = {item["last_updated"][19:] for item in answer.data}
        assert (".250Z" in ends) is (number != "2.1.1"), module
        assert ends <= {"Z", ".250Z"}


@pytest.mark.parametrize(
    ("url", "operation"),
    [("locations/NONE", "senderGetLocation"), ("tokens/DE/EMP/NONE", "receiverGetToken")],
)
async def test_an_error_is_a_valid_answer_too(rich: tuple[str, Platform], url: str, operation: str) -> None:
    number, platform = rich
    answer = await platform.ask("GET", f"/ocpi/cpo/{number}/{url}")

    assert answer.http == 404
    assert answer.body.keys() == {"status_code", "status_message", "timestamp"}
    if number != "2.1.1":
        assert_valid(f"op:{operation}", answer.body, version=number, status="404")


WRONG = [
    ("GET", "locations", {"token": None}, (401, 2000)),
    ("GET", "sessions", {}, (200, 2001)),
    ("GET", "locations?limit=many", {}, (200, 2001)),
    ("GET", "locations/NONE", {}, (404, 2003)),
    ("GET", "nothing", {}, (404, 2000)),
    ("PUT", "tokens/DE/EMP/04A2", {"data": b"{"}, (400, 2001)),
    ("PUT", "tokens/DE/EMP/04A2", {"json": {"uid": "04A2"}}, (200, 2001)),
    ("PATCH", "tokens/DE/EMP/04A2", {"json": {"valid": "yes"}}, (200, 2001)),
    ("GET", "tokens/FR/XYZ/04A2", {}, (404, 2001)),
    ("PATCH", "tokens/DE/EMP/NONE", {"json": {"last_updated": "2026-03-01T09:00:00Z"}}, (404, 2000)),
    ("DELETE", "tokens/DE/EMP/04A2", {}, (405, 2000)),
    ("POST", "credentials", {"json": {}}, (405, 2000)),
]


@pytest.mark.parametrize(
    ("method", "url", "sent", "codes"), WRONG, ids=[f"{row[0]} {row[1]} {row[3]}" for row in WRONG]
)
async def test_an_error_has_the_same_codes_in_every_version(
    rich: tuple[str, Platform], method: str, url: str, sent: dict[str, Any], codes: tuple[int, int]
) -> None:
    number, platform = rich

    answer = await platform.ask(method, f"/ocpi/cpo/{number}/{url}", **sent)

    assert answer.codes == codes
    assert answer.body.keys() == {"status_code", "status_message", "timestamp"}
    is_routed = any(name.lower().startswith("ocpi-from-") for name in answer.headers)
    needs_routing = number != "2.1.1" and codes[0] != 401 and url not in ("nothing", "credentials")
    assert is_routed is needs_routing or codes[0] == 405


async def test_the_lists_show_all_that_the_version_has_words_for(rich: tuple[str, Platform]) -> None:
    """So the walk above cannot be satisfied by empty lists."""
    number, platform = rich
    shown = {}
    for module, query in [("locations", ""), ("sessions", "?date_from=2026-01-01T00:00:00Z"), ("cdrs", "")]:
        answer = await platform.ask("GET", f"/ocpi/cpo/{number}/{module}{query}")
        shown[module] = len(answer.data)
    tariffs = (await platform.ask("GET", f"/ocpi/cpo/{number}/tariffs")).data

    # 2.1.1 has neither unpublished locations nor credits, and no words for the limits of the full tariff.
    is_old = number == "2.1.1"
    assert shown == {"locations": 2 if is_old else 3, "sessions": 3, "cdrs": 1 if is_old else 3}
    assert [tariff["id"] for tariff in tariffs] == (["PLAIN"] if is_old else ["PLAIN", "FULL"])


# --- what is pushed ---------------------------------------------------------------------------------------------------


class Bills:
    """The store of bills, and the bytes they were first shown with."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, str], bytes] = {}

    async def find_cdr(self, cdr_id: str) -> Cdr | None:
        return next((bill for bill in BILLS if bill.id == cdr_id), None)

    async def load_shown_cdr(self, cdr_id: str) -> Any:
        return [
            SimpleNamespace(version=version, body=body)
            for (version, shown), body in self._shown.items()
            if shown == cdr_id
        ]

    async def save_cdr_renderings(self, version: str, bodies: Iterable[tuple[str, bytes]]) -> None:
        self._shown |= {(version, cdr_id): body for cdr_id, body in bodies}


class Desk:
    def __init__(self, number: str) -> None:
        clock = FakeClock()
        self.number, self.partner, self.memory = number, partner_of(number), Memory()
        self.memory.locations |= LOCATIONS
        self.memory.tariffs |= TARIFFS
        self.memory.sessions |= {session.id: session for session in SESSIONS}
        client = cast(OcpiClient, None)  # nothing is sent
        self.postman = OcpiPostman(client, self.memory, Renderings(), WithheldBook(clock), clock, (OURS, OTHER_OF_OURS))
        self.letters = Letters(cast(Store, Bills()), self.memory, self.postman, FixedLimits())

    async def push(self, subject: Subject) -> tuple[str, Any]:
        message = await self.letters.compose(self.partner, subject)
        assert isinstance(message, Message)
        return message.method, self.sent(message)

    def sent(self, message: Message) -> Any:
        body = message.body
        return None if body is None else orjson.loads(body if isinstance(body, bytes) else self.dump(body))

    def dump(self, body: dict[str, Any]) -> bytes:
        return self.postman.dump(self.partner, body)


@pytest.fixture(params=NUMBERS)
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


def part(kind: DeliveryKind, connector_id: str = "") -> Subject:
    subject = location_subject(RICH.id)
    return replace(subject, kind=kind, evse_uid=EVSE.uid, connector_id=connector_id)


def check_request(number: str, operation: str, schema: str, body: Any) -> None:
    if number == "2.1.1":
        assert_valid(schema, body, version=number)
    else:
        assert_valid(f"op:{operation}", body, version=number, request=True)


@pytest.mark.parametrize(
    ("subject", "operation", "schema"),
    [
        (location_subject("RICH"), "receiverPutLocation", "location"),
        (location_subject("BARE"), "receiverPutLocation", "location"),
        (part(DeliveryKind.EVSE), "receiverPutEvse", "evse"),
        (part(DeliveryKind.CONNECTOR, "1"), "receiverPutConnector", "connector"),
        (tariff_subject(OURS, "PLAIN"), "receiverPutTariff", "tariff"),
        *((session_subject(session.id), "receiverPutSession", "session") for session in SESSIONS),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind} {value.object_id}",
)
async def test_a_whole_object_is_put_validly(desk: Desk, subject: Subject, operation: str, schema: str) -> None:
    method, body = await desk.push(subject)

    assert method == "PUT"
    check_request(desk.number, operation, schema, body)


@pytest.mark.parametrize("bill", BILLS, ids=["bill", "credit", "corrected"])
async def test_a_bill_is_posted_validly(desk: Desk, bill: Cdr) -> None:
    subject = bill_subject(bill.session_id, bill.id)
    if desk.number == "2.1.1" and bill is not BILL:
        with pytest.raises(CannotSayError):  # it has no credits: what corrects a bill is withheld
            await desk.push(subject)
        return
    method, body = await desk.push(subject)

    assert method == "POST"
    check_request(desk.number, "receiverPostCdr", "cdr", body)
    assert body.get("credit", False) == bill.credit


@pytest.mark.parametrize("status", list(EvseStatus))
async def test_the_status_of_an_evse_is_patched_validly(desk: Desk, status: EvseStatus) -> None:
    desk.memory.locations[RICH.id] = replace(RICH, evses=(replace(EVSE, status=status),))
    whole = (await desk.push(part(DeliveryKind.EVSE)))[1]

    method, body = await desk.push(part(DeliveryKind.EVSE_STATUS))

    assert (method, body) == ("PATCH", {"status": status.value, "last_updated": whole["last_updated"]})
    check_request(desk.number, "receiverPatchEvse", "evse", whole | body if desk.number == "2.1.1" else body)


async def test_the_progress_of_a_session_is_patched_validly(desk: Desk) -> None:
    subject = session_subject(RUNNING.id)
    message = await desk.letters.compose(desk.partner, subject)
    assert message is not None
    desk.letters.on_delivered(desk.partner, subject, message)
    more = replace(RUNNING.ledger, energy_wh=RUNNING.ledger.energy_wh + 1000)
    desk.memory.sessions[RUNNING.id] = replace(RUNNING, ledger=more, last_updated=ELEVEN.replace(minute=5))

    method, body = await desk.push(subject)

    if desk.number == "2.1.1":  # what a PATCH of periods means is not said there
        assert method == "PUT"
        assert_valid("session", body, version=desk.number)
        return
    assert method == "PATCH"
    assert {"kwh", "last_updated"} <= body.keys()
    assert_valid("op:receiverPatchSession", body, version=desk.number, request=True)


async def test_a_location_that_is_withdrawn_is_put_validly_with_its_evses_removed(desk: Desk) -> None:
    hidden = replace(RICH, publish=False, was_published=True, extra=None)
    desk.memory.locations[RICH.id] = hidden
    desk.partner = replace(desk.partner, sees_unpublished=False)

    _, body = await desk.push(location_subject(RICH.id))

    check_request(desk.number, "receiverPutLocation", "location", body)
    assert {evse["status"] for evse in body["evses"]} == {"REMOVED"}


async def test_a_tariff_that_is_gone_or_cannot_be_said_is_deleted_without_a_body(desk: Desk) -> None:
    del desk.memory.tariffs["PLAIN"]

    assert await desk.push(tariff_subject(OURS, "PLAIN")) == ("DELETE", None)
    method, body = await desk.push(tariff_subject(OURS, "FULL"))
    assert method == ("DELETE" if desk.number == "2.1.1" else "PUT")
    if body is not None:
        check_request(desk.number, "receiverPutTariff", "tariff", body)


# --- what is asked ----------------------------------------------------------------------------------------------------


class Line:
    """Keeps what a call would send."""

    def __init__(self) -> None:
        self.bodies: list[bytes | None] = []

    async def request(self, *_: Any, body: bytes | None = None, **__: Any) -> Answer:
        self.bodies.append(body)
        return Answer(http_status=200, status_code=1000, message=None, data={"allowed": "BLOCKED"}, headers={})


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("evse_uids", [(), ("GWY-1-1", "GWY-2-1")])
async def test_an_authorize_request_is_valid(number: str, evse_uids: tuple[str, ...]) -> None:
    line = Line()
    endpoints = tuple(
        replace(endpoint, url=f"https://emsp.example/{number}/tokens") for endpoint in PARTNER.endpoints[1:]
    )
    place = LocationReferences(location_id="RICH", evse_uids=evse_uids)
    ask = TokenAsk(uid="04A2", type="RFID", place=place, sender=OURS, receiver=EMSP)

    await TokenCalls(cast(OcpiClient, line), OURS).authorize(
        replace(partner_of(number), endpoints=endpoints), Access(token="t"), ask
    )

    (body,) = line.bodies
    assert body is not None
    sent = orjson.loads(body)
    assert sent == {"location_id": "RICH"} | ({"evse_uids": list(evse_uids)} if evse_uids else {})
    if number != "2.1.1":
        assert_valid("op:senderPostAuthorize", sent, version=number, request=True)


# --- what is in the walk ----------------------------------------------------------------------------------------------


def test_the_rich_objects_set_every_member_that_the_newest_version_has() -> None:
    """What no operator of ours can set is named here."""
    render = VERSIONS["2.3.0"]
    shown = [render.render_location(location) for location in LOCATIONS.values()]
    shown += [render.render_cdr(bill) for bill in BILLS] + [render.render_tariff(tariff) for tariff in TARIFFS.values()]
    names = names_in(orjson.loads(wire.dump_json(shown)))

    expected = {
        "publish_allowed_to", "related_locations", "parking_places", "help_phone", "status_schedule", "parking",
        "accepted_service_providers", "parking_restrictions", "capabilities", "max_electric_power", "energy_mix",
        "environ_impact", "exceptional_openings", "exceptional_closings", "suboperator", "owner", "thumbnail",
        "physical_reference", "floor_level", "terms_and_conditions", "tariff_alt_url", "min_price", "max_price",
        "after_taxes", "taxes", "percentage", "reservation", "min_current", "start_date_time", "end_date_time",
        "signed_values", "public_key", "total_reservation_cost", "credit_reference_id",
        "home_charging_compensation", "invoice_reference_id", "remark", "authorization_reference",
    }  # fmt: skip
    assert expected - names == set()


# --- any object -------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=300)
DECIMALS = st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False, places=7)


@pytest.mark.parametrize("number", NUMBERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tariff=ANY_TARIFF, tax_included=st.sampled_from(list(TaxIncluded)))
def test_any_tariff_is_valid_or_withheld(number: str, tariff: Any, tax_included: TaxIncluded) -> None:
    try:
        body = VERSIONS[number].render_tariff(replace(tariff, tax_included=tax_included))
    except CannotSayError:
        return
    assert_valid("tariff", orjson.loads(wire.dump_json(body)), version=number)


@pytest.mark.parametrize("number", NUMBERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=TEXTS, address=TEXTS, floor=TEXTS, status=st.sampled_from(list(EvseStatus)), micro=st.integers(0, 999_999))
def test_any_text_status_and_moment_of_a_location_is_valid(
    number: str, name: str, address: str, floor: str, status: EvseStatus, micro: int
) -> None:
    evse = replace(EVSE, floor_level=floor, physical_reference=floor, status=status)
    at = ELEVEN.replace(microsecond=micro)
    location: Location = replace(RICH, name=name, address=address, evses=(evse,), last_updated=at)

    assert_valid("location", load(number, VERSIONS[number].render_location(location)), version=number)


@pytest.mark.parametrize("number", NUMBERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(energy_wh=DECIMALS, seconds=DECIMALS, whitelist=st.sampled_from(list(Whitelist)))
def test_any_amount_of_a_session_and_a_bill_is_valid(
    number: str, energy_wh: Any, seconds: Any, whitelist: Whitelist
) -> None:
    version = VERSIONS[number]
    terms = replace(RUNNING.terms, token=replace(TOKEN, whitelist=whitelist))
    ledger = replace(RUNNING.ledger, energy_wh=energy_wh)
    session: Session = replace(RUNNING, ledger=ledger, terms=terms)
    bill = replace(BILL, energy_wh=energy_wh, time_s=seconds, parking_time_s=seconds)

    assert_valid("session", load(number, version.render_session(session, bill.totals)), version=number)
    assert_valid("cdr", load(number, version.render_cdr(bill)), version=number)


def load(number: str, rendered: dict[str, Any]) -> Any:
    """As it goes out."""
    body = wire.dump_json(rendered)
    return orjson.loads(wire.without_fractions(body) if VERSIONS[number].whole_seconds else body)
