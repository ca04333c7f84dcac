from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.partners import Endpoint, Partner, PartnerStatus
from gateway.errors import NotFoundError, PartnerError, RevisionConflictError
from gateway.flows.partner_api import Access, Credentials, VersionLink
from gateway.flows.partner_book import Admission, PartnerBook, find_endpoint
from gateway.flows.partner_urls import Fault
from gateway.flows.registration import AlreadyRegisteredError, NotRegisteredError, Registration
from gateway.ports import SavePartner
from tests.fakes.ocpi_samples import EMSP, EMSP_ROLE, OWN_ROLE, PARTNER, PARTNER_TOKEN
from tests.fakes.ocpi_store import NOON, FakeClock, FakeIds, FakeSecrets, FakeStore

CURRENT = "hash:" + PARTNER_TOKEN.encode().hex()
OLD = "hash:old"
LATER = timedelta(seconds=1)
INVITED = replace(
    PARTNER, status=PartnerStatus.INVITED, token_a_hash="hash:a", token_hash=None, roles=(), endpoints=(), version=None
)
THEIRS = Credentials(token="their-token", url="https://emsp.example/versions", roles=(EMSP_ROLE,))
ENDPOINTS = (Endpoint(identifier="credentials", role="SENDER", url="https://emsp.example/2.2.1/credentials"),)


class FakeApi:
    """A partner that behaves; what we ask of it is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch_versions(self, url: str, access: Access) -> Sequence[VersionLink]:
        self.asked.append(f"versions with {access.token}")
        return [VersionLink(number="2.2.1", url="https://emsp.example/2.2.1")]

    async def fetch_endpoints(self, link: VersionLink, access: Access) -> Sequence[Endpoint]:
        self.asked.append(f"endpoints with {access.token}")
        return ENDPOINTS

    async def send_credentials(
        self, method: str, version: str, url: str, access: Access, credentials: Credentials
    ) -> Credentials:
        self.asked.append(f"{method} with {access.token}")
        return THEIRS

    async def delete_credentials(self, url: str, access: Access) -> None:
        raise PartnerError(Fault.UNUSABLE, "DELETE failed")

    def choose_version(self, offered: Iterable[str]) -> str | None:
        return max(offered)

    def sends_raw_token(self, version: str) -> bool:
        return version == "2.1.1"


class Office:
    def __init__(self, *partners: Partner) -> None:
        self.book = PartnerBook(partners)
        self.store = FakeStore(self.book.on_changes)
        self.store.partners = {partner.id: partner for partner in partners}
        self.clock = FakeClock()
        self.api = FakeApi()
        self.registration = Registration(
            store=self.store,  # type: ignore[arg-type]
            partners=self.book,
            api=self.api,
            secrets=FakeSecrets(),
            clock=self.clock,
            ids=FakeIds(),
            versions_url="https://cpo.example/ocpi/versions",
            roles=(OWN_ROLE,),
        )


@pytest.mark.parametrize(
    ("status", "admissions"),
    [
        (PartnerStatus.INVITED, {"hash:a": Admission.INVITATION}),
        (PartnerStatus.REGISTERING, {CURRENT: Admission.PENDING}),
        (
            PartnerStatus.REGISTERED,
            {"hash:a": Admission.INVITATION, CURRENT: Admission.CURRENT, OLD: Admission.OLD},
        ),
        (PartnerStatus.ENDED, {}),
    ],
)
def test_a_status_says_which_tokens_admit(status: PartnerStatus, admissions: dict[str, Admission]) -> None:
    partner = replace(PARTNER, status=status, token_a_hash="hash:a", old_token_hash=OLD, old_token_until=NOON + LATER)
    book = PartnerBook([partner])

    found = {h: book.find_by_hash(h, NOON) for h in ("hash:a", CURRENT, OLD)}

    assert {h: entry[1] for h, entry in found.items() if entry} == admissions


def test_an_old_token_admits_until_its_time() -> None:
    book = PartnerBook([replace(PARTNER, old_token_hash=OLD, old_token_until=NOON)])

    assert book.find_by_hash(OLD, NOON - LATER) is not None
    assert book.find_by_hash(OLD, NOON) is None


def test_the_book_does_not_go_back_to_an_older_revision() -> None:
    book = PartnerBook([])
    book.on_changes([SavePartner(replace(PARTNER, revision=2, name="new"))])
    book.on_changes([SavePartner(replace(PARTNER, revision=1, name="old"))])

    assert book.load(PARTNER.id).name == "new"
    with pytest.raises(NotFoundError, match="P9"):
        book.load("P9")


def test_a_party_belongs_to_a_partner_only_while_it_is_registered() -> None:
    assert PartnerBook([PARTNER]).find_by_party(EMSP) == PARTNER
    assert PartnerBook([replace(PARTNER, status=PartnerStatus.ENDED)]).find_by_party(EMSP) is None


def test_an_endpoint_is_found_by_module_and_role() -> None:
    assert find_endpoint(PARTNER, "tokens", "SENDER") == "https://emsp.example/ocpi/2.2.1/tokens"
    assert find_endpoint(PARTNER, "tokens", "RECEIVER") is None


async def test_an_invitation_keeps_only_the_hash_of_its_token() -> None:
    office = Office()

    partner, token_a = await office.registration.invite("eMSP", "EMSP")

    assert partner.status is PartnerStatus.INVITED
    assert token_a not in repr(office.store.partners)
    assert office.book.find_by_hash("hash:" + token_a.encode().hex(), NOON) == (partner, Admission.INVITATION)


async def test_the_peer_is_looked_at_with_its_own_token_before_it_is_answered() -> None:
    office = Office(INVITED)

    ours = await office.registration.on_posted("P1", "hash:a", THEIRS, "2.2.1")

    assert office.api.asked == ["versions with their-token", "endpoints with their-token"]
    partner = office.book.load("P1")
    assert partner.token_hash == "hash:" + ours.token.encode().hex()
    assert (partner.status, partner.token_a_hash, partner.endpoints) == (PartnerStatus.REGISTERED, None, ENDPOINTS)
    assert office.registration.access(partner) == Access(token="their-token")


async def test_a_token_a_is_used_once() -> None:
    office = Office(INVITED)
    await office.registration.on_posted("P1", "hash:a", THEIRS, "2.2.1")

    with pytest.raises(AlreadyRegisteredError):
        await office.registration.on_posted("P1", "hash:a", THEIRS, "2.2.1")


async def test_a_partner_that_changed_in_the_meantime_is_changed_once_more() -> None:
    office = Office(PARTNER)
    office.store.failures.append(RevisionConflictError("changed in the meantime"))

    await office.registration.on_deleted("P1", CURRENT)

    assert office.store.partners["P1"].status is PartnerStatus.ENDED


async def test_only_a_token_that_is_still_valid_may_update_or_leave() -> None:
    office = Office(PARTNER)

    with pytest.raises(NotRegisteredError):
        await office.registration.on_put("P1", "hash:gone", THEIRS, "2.2.1")
    with pytest.raises(NotRegisteredError):
        await office.registration.on_deleted("P1", "hash:gone")


async def test_the_first_use_of_the_new_token_writes_once() -> None:
    office = Office(replace(PARTNER, old_token_hash=OLD, old_token_until=NOON + LATER))

    await office.registration.on_token_used(office.book.load("P1"), Admission.OLD)
    await office.registration.on_token_used(office.book.load("P1"), Admission.CURRENT)
    await office.registration.on_token_used(office.book.load("P1"), Admission.CURRENT)

    assert len(office.store.works) == 1
    assert office.book.load("P1").old_token_hash is None


async def test_registrations_that_a_stop_cut_short_are_withdrawn_at_the_next_start() -> None:
    office = Office(replace(PARTNER, status=PartnerStatus.REGISTERING), replace(PARTNER, id="P2", token_hash="hash:2"))

    await office.registration.recover()

    assert [partner.status for partner in office.book.all()] == [PartnerStatus.ENDED, PartnerStatus.REGISTERED]
    assert office.book.find_by_hash(CURRENT, NOON) is None


async def test_a_partner_that_cannot_be_told_is_ended_all_the_same() -> None:
    office = Office(PARTNER)

    await office.registration.end("P1")

    assert office.book.load("P1").status is PartnerStatus.ENDED


async def test_a_partner_that_is_not_registered_cannot_be_called() -> None:
    with pytest.raises(NotRegisteredError):
        Office(INVITED).registration.access(replace(INVITED, outbound_token=None))


FOREIGN = Endpoint(identifier="tokens", role="SENDER", url="https://evil.example/2.2.1/tokens")


async def test_an_endpoint_on_a_host_that_is_not_the_partners_ends_the_registration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "ENDPOINTS", (*ENDPOINTS, FOREIGN))
    office = Office(INVITED)

    with pytest.raises(PartnerError, match=r'evil\.example.*PUT partners/.*"hosts": \["evil\.example"\]'):
        await office.registration.on_posted(INVITED.id, "hash:a", THEIRS, "2.2.1")

    assert office.book.load(INVITED.id).status is PartnerStatus.INVITED


async def test_the_operator_may_allow_a_partner_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ENDPOINTS", (*ENDPOINTS, FOREIGN))
    office = Office(replace(INVITED, hosts=("*.example",)))

    await office.registration.on_posted(INVITED.id, "hash:a", THEIRS, "2.2.1")

    assert FOREIGN in office.book.load(INVITED.id).endpoints


async def test_a_versions_url_that_leads_elsewhere_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "THEIRS", replace(THEIRS, url="https://evil.example/versions"))
    office = Office()

    partner = await office.registration.register_with(
        name="eMSP", role="EMSP", versions_url="https://emsp.example/versions", token="a"
    )

    assert partner.versions_url == "https://emsp.example/versions"


async def test_a_new_registration_has_the_list_of_tokens_pulled_in_full_again() -> None:
    office = Office(replace(INVITED, pulls_tokens=True, tokens_pulled_until=NOON))

    await office.registration.on_posted(INVITED.id, "hash:a", THEIRS, "2.2.1")

    partner = office.book.load(INVITED.id)
    assert (partner.pulls_tokens, partner.tokens_pulled_until) == (True, None)
