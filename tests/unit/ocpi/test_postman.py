"""What partners are pushed, in the version and dialect of each."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import orjson
import pytest
from aiohttp import web

from gateway.core.corrections import credit_of
from gateway.domain.cdrs import Correction
from gateway.domain.deliveries import (
    DeliveryKind,
    Message,
    Subject,
    bill_subject,
    location_subject,
    profile_subject,
    session_subject,
    tariff_subject,
)
from gateway.domain.ids import PartyId
from gateway.domain.partners import Endpoint, Partner
from gateway.domain.profiles import SessionProfile
from gateway.domain.sessions import SessionStatus
from gateway.errors import CannotSayError
from gateway.flows.letters import Letters
from gateway.flows.memory import Memory
from gateway.flows.withheld import WithheldBook
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.postman import OcpiPostman
from gateway.ocpi.renderings import Renderings
from gateway.ports import Store
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_peer import FakePeer, envelope
from tests.fakes.ocpi_samples import CDR, EMSP, LOCATION, NINE, OTHER_OF_OURS, OURS, PARTNER, SESSION, TARIFF
from tests.fakes.ocpi_store import FakeClock
from tests.fakes.smart_charging import ACTIVE, FixedLimits

PLAIN = replace(TARIFF, min_price=None)


class KeptBytes:
    """The one bill there is, and the bytes it was shown with."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    async def find_cdr(self, cdr_id: str) -> Any:
        return CDR if cdr_id == CDR.id else None

    async def load_shown_cdr(self, _cdr_id: str) -> Any:
        return [type("Shown", (), {"version": version, "body": body}) for version, body in self.shown]

    async def save_cdr_renderings(self, version: str, bodies: Any) -> None:
        self.shown += [(version, body) for _, body in bodies]


class Post:
    """Letters and their postman over objects in memory, and a peer with receivers."""

    def __init__(self, peer: FakePeer, client: OcpiClient, *parties: PartyId) -> None:
        clock = FakeClock()
        self.peer = peer
        self.withheld = WithheldBook(clock)
        self.memory = Memory()
        self.memory.locations[LOCATION.id] = LOCATION
        self.memory.tariffs[PLAIN.id] = PLAIN
        self.memory.sessions[SESSION.id] = SESSION
        self.postman = OcpiPostman(client, self.memory, Renderings(), self.withheld, clock, parties or (OURS,))
        self.letters = Letters(cast(Store, KeptBytes()), self.memory, self.postman, FixedLimits())

    def partner(self, version: str, **changes: Any) -> Partner:
        endpoints = tuple(
            Endpoint(identifier=module, role="RECEIVER", url=self.peer.url(f"/{version}/{module}"))
            for module in ("locations", "tariffs", "sessions", "cdrs")
        )
        profiles = Endpoint(
            identifier="chargingprofiles", role="SENDER", url=self.peer.url(f"/{version}/chargingprofiles")
        )
        return replace(
            PARTNER, version=version, versions_url=self.peer.url(), endpoints=(*endpoints, profiles), **changes
        )


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    peer = FakePeer(raw=True)
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
async def client() -> AsyncIterator[OcpiClient]:
    client = OcpiClient(allow_insecure=True)
    yield client
    await client.close()


@pytest.fixture
def post(peer: FakePeer, client: OcpiClient) -> Post:
    return Post(peer, client)


async def compose(post: Post, partner: Partner, subject: Any) -> Message:
    message = await post.letters.compose(partner, subject)
    assert message is not None
    return message


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_what_is_pushed_is_valid_in_the_version_of_the_partner(post: Post, version: str) -> None:
    partner = post.partner(version)
    subjects = {
        "location": location_subject(LOCATION.id),
        "tariff": tariff_subject(OURS, PLAIN.id),
        "session": session_subject(SESSION.id),
        "cdr": bill_subject(SESSION.id, CDR.id),
    }
    for module, subject in subjects.items():
        message = await compose(post, partner, subject)
        body = message.body if isinstance(message.body, bytes) else post.postman.dump(partner, message.body or {})
        assert_valid(module, orjson.loads(body), version=version)


async def test_a_push_in_2_1_1_goes_without_routing_with_the_token_as_it_is_and_in_whole_seconds(post: Post) -> None:
    partner = post.partner("2.1.1", raw_token=True)
    seen: list[tuple[str, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request.path, await request.read()))
        return envelope()

    path = f"/2.1.1/sessions/{OURS.country_code}/{OURS.party_id}/{SESSION.id}"
    post.peer.override[f"PUT {path}"] = take

    answer = await post.postman.send(
        partner, post.peer.token, await compose(post, partner, session_subject(SESSION.id))
    )

    assert (answer.http_status, answer.status_code) == (200, 1000)
    headers = post.peer.requests[-1][2]
    assert headers["Authorization"] == f"Token {post.peer.token}"
    assert not [name for name in headers if name.lower().startswith("ocpi-")]
    ((sent_to, body),) = seen
    assert sent_to == path
    assert b"." not in orjson.loads(body)["last_updated"].encode()


@pytest.mark.parametrize(("version", "method"), [("2.1.1", "PUT"), ("2.2.1", "PATCH")])
async def test_the_progress_of_a_session_is_told_whole_where_a_patch_is_not_defined(
    post: Post, version: str, method: str
) -> None:
    partner, subject = post.partner(version), session_subject(SESSION.id)
    ledger = replace(SESSION.ledger, ended_at=None)
    post.memory.sessions[SESSION.id] = replace(SESSION, status=SessionStatus.ACTIVE, ledger=ledger)
    post.letters.on_delivered(partner, subject, await compose(post, partner, subject))

    assert (await compose(post, partner, subject)).method == method


async def test_a_2_1_1_partner_is_told_of_the_one_party_it_knows(peer: FakePeer, client: OcpiClient) -> None:
    post = Post(peer, client, OURS, OTHER_OF_OURS)
    subject = location_subject(LOCATION.id)

    assert await post.letters.compose(post.partner("2.1.1"), subject) is not None
    assert await post.letters.compose(post.partner("2.1.1", our_party=OTHER_OF_OURS), subject) is None
    assert await post.letters.compose(post.partner("2.2.1", our_party=OTHER_OF_OURS), subject) is not None


@pytest.mark.parametrize(("was_published", "told"), [(True, ["REMOVED"]), (False, None)])
async def test_a_location_that_2_1_1_must_not_show_is_withdrawn_or_never_told(
    post: Post, was_published: bool, told: list[str] | None
) -> None:
    post.memory.locations[LOCATION.id] = replace(LOCATION, publish=False, was_published=was_published)
    partner = post.partner("2.1.1", sees_unpublished=True)

    message = await post.letters.compose(partner, location_subject(LOCATION.id))

    body = message.body if message is not None else None
    assert (None if body is None else [evse["status"] for evse in cast(Any, body)["evses"]]) == told


async def test_what_cannot_be_pushed_is_withheld_and_listed(post: Post) -> None:
    with pytest.raises(CannotSayError):
        post.postman.render("2.1.1", TARIFF)

    assert [(entry.kind, entry.id, entry.is_whole_object) for entry in post.withheld.all()] == [("tariff", "T1", True)]


RUNNING = replace(SESSION, status=SessionStatus.ACTIVE, ledger=replace(SESSION.ledger, ended_at=None))
PROFILE = SessionProfile(session_id=SESSION.id, station_id="CS-1", partner_id="P1", profile=ACTIVE.profile, set_at=NINE)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_the_limits_of_a_session_go_to_who_set_a_profile_on_it(post: Post, version: str) -> None:
    post.memory.sessions[SESSION.id] = RUNNING
    post.memory.profiles[SESSION.id] = PROFILE
    partner = post.partner(version, raw_token=True)
    path = f"/{version}/chargingprofiles/{SESSION.id}"

    async def take(_request: web.Request) -> web.Response:
        return envelope()

    post.peer.override[f"PUT {path}"] = take

    message = await compose(post, partner, profile_subject(SESSION.id))
    answer = await post.postman.send(partner, post.peer.token, message)

    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert isinstance(message.body, dict)
    body = orjson.loads(post.postman.dump(partner, message.body))
    assert_valid("op:senderPutActiveChargingProfile", body, version=version, request=True)
    headers = post.peer.requests[-1][2]
    assert (headers["OCPI-from-party-id"], headers["OCPI-to-party-id"]) == (OURS.party_id, EMSP.party_id)


async def test_a_session_that_is_over_or_without_a_profile_has_no_limits_to_tell(post: Post) -> None:
    partner = post.partner("2.2.1")
    assert await post.letters.compose(partner, profile_subject(SESSION.id)) is None

    post.memory.profiles[SESSION.id] = PROFILE
    assert await post.letters.compose(partner, profile_subject(SESSION.id)) is None  # the session has ended

    post.memory.sessions[SESSION.id] = RUNNING
    assert await post.letters.compose(partner, profile_subject(SESSION.id)) is not None


async def test_2_1_1_has_no_words_for_charging_profiles(post: Post) -> None:
    post.memory.sessions[SESSION.id] = RUNNING
    post.memory.profiles[SESSION.id] = PROFILE

    with pytest.raises(CannotSayError, match="no charging profiles"):
        await post.letters.compose(post.partner("2.1.1"), profile_subject(SESSION.id))


async def test_a_credit_that_2_1_1_has_no_word_for_is_listed_for_settling_by_hand(post: Post) -> None:
    correction = Correction(reason="the meter was broken")
    credit = credit_of(CDR, cdr_id="K" * 36, now=CDR.last_updated, correction=correction)
    with pytest.raises(CannotSayError, match=f"takes back CDR {CDR.id}"):
        post.postman.render("2.1.1", credit)

    assert [(entry.kind, entry.id, entry.is_whole_object) for entry in post.withheld.all()] == [("cdr", "K" * 36, True)]


async def test_a_partner_that_takes_no_patch_is_told_the_whole(post: Post) -> None:
    partner = post.partner("2.2.1", puts_only=True)
    progress = session_subject(SESSION.id)
    running = replace(SESSION, status=SessionStatus.ACTIVE, ledger=replace(SESSION.ledger, ended_at=None))
    post.memory.sessions[SESSION.id] = running
    status = Subject(
        kind=DeliveryKind.EVSE_STATUS, lane_id=LOCATION.id, object_id=LOCATION.id, evse_uid=LOCATION.evses[0].uid
    )
    for told in (partner, post.partner("2.2.1")):
        post.letters.on_delivered(told, progress, await compose(post, told, progress))
        messages = [await compose(post, told, subject) for subject in (status, progress)]
        if told is partner:
            assert [message.method for message in messages] == ["PUT", "PUT"]
            assert messages[0].body == post.postman.render("2.2.1", LOCATION.evses[0])
        else:
            assert [message.method for message in messages] == ["PATCH", "PATCH"]


# --- a bill that may be there already


async def look_for(post: Post, url: str | None, data: Any, path: str) -> tuple[int, str | None]:
    async def answer(_request: web.Request) -> web.Response:
        return envelope(data)

    post.peer.override[f"GET {path}"] = answer
    partner = post.partner("2.2.1", raw_token=True)
    message = await compose(post, partner, bill_subject(SESSION.id, CDR.id))
    found = await post.postman.look_for(partner, post.peer.token, message, CDR.id, url)
    return found.http_status, found.location


@pytest.mark.parametrize(
    ("url", "path"),
    [("{peer}/kept/77", "/kept/77"), ("/kept/77", "/kept/77"), (None, f"/2.2.1/cdrs/{CDR.id}")],
)
async def test_a_bill_is_looked_for_where_it_is_kept_or_under_its_id(post: Post, url: str | None, path: str) -> None:
    kept = url and url.replace("{peer}", post.peer.url("").rstrip("/"))

    assert await look_for(post, kept, {"id": CDR.id.upper()}, path) == (200, post.peer.url(path))
    assert "OCPI-to-party-id" in post.peer.requests[-1][2]


@pytest.mark.parametrize("data", [{"id": "another"}, [{"id": CDR.id}], None])
async def test_another_object_than_the_bill_is_no_sign_that_it_is_there(post: Post, data: Any) -> None:
    assert (await look_for(post, None, data, f"/2.2.1/cdrs/{CDR.id}"))[0] == 404


async def test_a_place_on_a_foreign_host_is_not_asked(post: Post) -> None:
    path = f"/2.2.1/cdrs/{CDR.id}"

    assert await look_for(post, "https://evil.example/cdrs/1", {"id": CDR.id}, path) == (200, post.peer.url(path))
