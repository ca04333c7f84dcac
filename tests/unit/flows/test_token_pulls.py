"""Lists of tokens that are pulled: in full, then what changed, each partner on its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.domain.partners import Endpoint, Partner, PartnerStatus
from gateway.domain.tokens import Token
from gateway.errors import PartnerError
from gateway.flows.partner_api import Access
from gateway.flows.partner_book import PartnerBook
from gateway.flows.token_pulls import TokenPage, TokenPulls
from gateway.flows.tokens import TokenInbox, TokenPatch, token_key
from gateway.ports import SavePartner, SaveToken
from tests.fakes.ocpi_samples import PARTNER, STRANGER, TOKEN
from tests.fakes.ocpi_store import NOON, FakeClock, FakeStore

URL = "https://emsp.example/2.2.1/tokens"
PULLED = replace(
    PARTNER, pulls_tokens=True, endpoints=(Endpoint(identifier="tokens", role="SENDER", url=URL),), revision=1
)
MINUTE = timedelta(minutes=1)
INTERVAL = timedelta(seconds=300)


def token(uid: str, minutes_ago: float = 0) -> Token:
    return replace(TOKEN, uid=uid, last_updated=NOON - minutes_ago * MINUTE)


class Lists:
    """The eMSPs' lists, page by page; `before_page` is done before each page."""

    def __init__(self, *pages: list[Token]) -> None:
        self.pages = pages
        self.failure: PartnerError | None = None
        self.faulty = 0
        self.asked: list[tuple[str, datetime | None]] = []
        self.before_page = asyncio.Event()
        self.before_page.set()

    async def fetch_tokens(
        self, partner: Partner, access: Access, date_from: datetime | None
    ) -> AsyncIterator[TokenPage]:
        self.asked.append((partner.id, date_from))
        for tokens in self.pages:
            await self.before_page.wait()
            yield TokenPage(tokens=tuple(tokens), faulty=self.faulty)
        if self.failure is not None:
            raise self.failure


class Office:
    def __init__(self, lists: Lists, *partners: Partner) -> None:
        self.book = PartnerBook(partners)
        self.store = FakeStore(self.book.on_changes)
        self.store.partners = {partner.id: partner for partner in partners}
        self.clock = FakeClock()
        self.inbox = TokenInbox(self.store, self.book)  # type: ignore[arg-type]
        self.pulls = TokenPulls(
            store=self.store,  # type: ignore[arg-type]
            partners=self.book,
            inbox=self.inbox,
            api=lists,
            access=lambda partner: Access(token=partner.id),
            clock=self.clock,
            interval_s=INTERVAL.total_seconds(),
        )

    async def pull(self) -> None:
        """All that is due now."""
        self.pulls.rounds.on_due(self.clock.now())
        await self.pulls.rounds.settled()

    @property
    def valid(self) -> set[str]:
        return {each.uid for each in self.store.tokens.values() if each.valid}

    @property
    def uids(self) -> set[str]:
        return {each.uid for each in self.store.tokens.values()}


async def test_the_first_pull_is_of_the_full_list_page_by_page() -> None:
    lists = Lists([token("A", 60), token("B", 30)], [token("C", 90)])
    office = Office(lists, PULLED)

    await office.pull()

    assert lists.asked == [(PULLED.id, None)]
    assert office.uids == {"A", "B", "C"}
    assert office.book.load(PULLED.id).tokens_pulled_until == NOON - 30 * MINUTE


async def test_the_next_pull_is_of_what_changed_with_a_minute_of_overlap() -> None:
    lists = Lists([token("A", 60)])
    office = Office(lists, PULLED)
    await office.pull()
    office.clock.moment += INTERVAL

    await office.pull()

    assert lists.asked[1] == (PULLED.id, NOON - 61 * MINUTE)


async def test_nothing_is_pulled_before_its_time() -> None:
    lists = Lists([token("A")])
    office = Office(lists, PULLED)
    await office.pull()
    office.clock.moment += INTERVAL - MINUTE

    await office.pull()

    assert len(lists.asked) == 1


async def test_where_the_list_is_known_up_to_survives_a_restart() -> None:
    lists = Lists([])
    office = Office(lists, replace(PULLED, tokens_pulled_until=NOON))

    await office.pull()

    assert lists.asked == [(PULLED.id, NOON - MINUTE)]
    assert office.book.load(PULLED.id).tokens_pulled_until == NOON


async def test_a_partner_whose_clock_is_ahead_hides_nothing_from_us() -> None:
    office = Office(Lists([token("A", -60)]), PULLED)

    await office.pull()

    assert office.book.load(PULLED.id).tokens_pulled_until == NOON


async def test_a_pull_that_breaks_off_keeps_what_came_and_is_done_again() -> None:
    lists = Lists([token("A", 5)])
    lists.failure = PartnerError("unusable", "gone")
    office = Office(lists, PULLED)

    await office.pull()
    assert (office.uids, office.book.load(PULLED.id).tokens_pulled_until) == ({"A"}, None)

    office.clock.moment += INTERVAL
    await office.pull()
    assert lists.asked[1] == (PULLED.id, None)


@pytest.mark.parametrize(
    "partner",
    [
        replace(PULLED, pulls_tokens=False),
        replace(PULLED, endpoints=()),
        replace(PULLED, status=PartnerStatus.ENDED),
        replace(PULLED, status=PartnerStatus.INVITED),
    ],
)
async def test_others_are_not_pulled(partner: Partner) -> None:
    lists = Lists([token("A")])

    await Office(lists, partner).pull()

    assert lists.asked == []


async def test_tokens_of_parties_that_are_not_the_partners_are_left_out() -> None:
    office = Office(Lists([token("A"), replace(token("B"), party=STRANGER)]), PULLED)

    await office.pull()

    assert office.uids == {"A"}


async def test_a_partner_that_leaves_during_a_pull_leaves_no_tokens_behind() -> None:
    lists = Lists([token("A")])
    lists.before_page.clear()
    office = Office(lists, PULLED)
    office.pulls.rounds.on_due(NOON)
    await asyncio.sleep(0)

    ended = replace(PULLED, status=PartnerStatus.ENDED, outbound_token=None, endpoints=())
    await office.store.commit([SavePartner(ended)])
    lists.before_page.set()
    await office.pulls.rounds.settled()

    assert office.uids == set()
    assert office.book.load(PULLED.id).tokens_pulled_until is None


async def test_a_pull_under_way_is_given_up_at_the_end() -> None:
    lists = Lists([token("A")])
    lists.before_page.clear()
    office = Office(lists, PULLED)
    office.pulls.rounds.on_due(NOON)
    await asyncio.sleep(0)

    await office.pulls.rounds.close()

    assert office.uids == set()


# --- what a whole list does not hold


async def known_before(office: Office, *uids: str) -> None:
    await office.store.commit([SaveToken(token(uid, 600)) for uid in uids])


async def test_tokens_that_a_whole_list_does_not_hold_are_invalid_from_then_on() -> None:
    office = Office(Lists([token("A", 60)], [token("c", 60)]), PULLED)
    await known_before(office, "A", "B", "C")

    await office.pull()

    assert (office.uids, office.valid) == ({"A", "B", "c"}, {"A", "c"})


async def test_a_token_that_is_pushed_during_the_pull_stays_valid() -> None:
    lists = Lists([token("A", 60)])
    lists.before_page.clear()
    office = Office(lists, PULLED)
    await known_before(office, "B", "C")
    office.pulls.rounds.on_due(NOON)
    await asyncio.sleep(0)
    inbox = office.inbox
    await inbox.put(PULLED, token_key("DE", "EMP", "B"), token("B", 600))
    await inbox.patch(PULLED, token_key("DE", "EMP", "C"), TokenPatch(last_updated=NOON, changes={"issuer": "New"}))

    lists.before_page.set()
    await office.pulls.rounds.settled()

    assert office.valid == {"A", "B", "C"}


@pytest.mark.parametrize("faulty", [0, 1])
async def test_an_empty_list_or_one_that_cannot_be_read_proves_nothing(faulty: int) -> None:
    lists = Lists([] if not faulty else [token("A")])
    lists.faulty = faulty
    office = Office(lists, PULLED)
    await known_before(office, "B")

    await office.pull()

    assert "B" in office.valid


async def test_the_pull_of_what_changed_leaves_all_other_tokens_alone() -> None:
    office = Office(Lists([token("A", 1)]), replace(PULLED, tokens_pulled_until=NOON))
    await known_before(office, "B")

    await office.pull()

    assert office.valid == {"A", "B"}
