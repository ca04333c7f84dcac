"""A whole OCPI edge over in-memory ports, and a client that speaks as the registered partner."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.domain.commands import Asked, CommandAnswer, Order
from gateway.domain.partners import Partner
from gateway.flows.hub_clients import HubClients
from gateway.flows.partner_book import PartnerBook
from gateway.flows.registration import Registration
from gateway.flows.tokens import TokenInbox
from gateway.flows.withheld import WithheldBook
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.exchange import Edge, PageLimits
from gateway.ocpi.hub_clients import ClientCalls
from gateway.ocpi.server import make_app
from gateway.ports import SavePartner
from tests.fakes.ocpi_samples import LOCATION, OTHER_OF_OURS, OURS, OWN_ROLE, PARTNER, PARTNER_TOKEN, TARIFF
from tests.fakes.ocpi_store import FakeCatalog, FakeClock, FakeIds, FakeSecrets, FakeStore, FakeTrace
from tests.fakes.smart_charging import FakePreferences, FakeProfiles

PUBLIC_URL = "https://cpo.example"


def authorization(token: str) -> dict[str, str]:
    return {"Authorization": "Token " + base64.b64encode(token.encode()).decode()}


class FakeCommands:
    """Writes down what is ordered, and answers with `answer`, or raises it."""

    def __init__(self) -> None:
        self.orders: list[tuple[Asked, Order]] = []
        self.answer: CommandAnswer | Exception = CommandAnswer(result="ACCEPTED", timeout_s=30)

    async def order(self, asked: Asked, order: Order) -> CommandAnswer:
        self.orders.append((asked, order))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Platform:
    """The gateway's OCPI side as a partner meets it."""

    def __init__(self, *partners: Partner) -> None:
        self.clock = FakeClock()
        self.trace = FakeTrace()
        self.secrets = FakeSecrets()
        self.catalog = FakeCatalog(locations={LOCATION.id: LOCATION}, tariffs={TARIFF.id: TARIFF})
        self.book = PartnerBook(partners)
        self.store = FakeStore(self.book.on_changes)
        self.store.partners = {partner.id: partner for partner in partners}
        self.api = OcpiClient(allow_insecure=True)
        self.registration = Registration(
            store=self.store,  # type: ignore[arg-type]
            partners=self.book,
            api=self.api,
            secrets=self.secrets,
            clock=self.clock,
            ids=FakeIds(),
            versions_url=f"{PUBLIC_URL}/ocpi/versions",
            roles=(OWN_ROLE,),
        )
        self.commands = FakeCommands()
        self.profiles = FakeProfiles()
        self.preferences = FakePreferences()
        self.edge = Edge(
            store=self.store,  # type: ignore[arg-type]
            catalog=self.catalog,
            partners=self.book,
            registration=self.registration,
            tokens=TokenInbox(self.store, self.book),  # type: ignore[arg-type]
            hub_clients=HubClients(
                store=self.store,  # type: ignore[arg-type]
                partners=self.book,
                api=ClientCalls(self.api, self.clock),
                access=self.registration.access,
                clock=self.clock,
            ),
            secrets=self.secrets,
            clock=self.clock,
            trace=self.trace,
            withheld=WithheldBook(self.clock),
            commands=self.commands,
            profiles=self.profiles,
            preferences=self.preferences,
            parties=(OURS, OTHER_OF_OURS),
            public_url=PUBLIC_URL + "/",
            limits=PageLimits(locations=2, sessions=2, cdrs=2, tariffs=2),
        )
        self.client = TestClient(TestServer(make_app(self.edge)))

    async def change_partner(self, partner: Partner) -> None:
        await self.store.commit([SavePartner(partner)])

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = PARTNER_TOKEN,
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> Answer:
        sent = {**(authorization(token) if token else {}), **(headers or {})}
        async with self.client.request(method, path, headers=sent, **rest) as response:
            return Answer(response.status, dict(response.headers), await response.json())


class Answer:
    def __init__(self, http: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        self.http = http
        self.headers = headers
        self.body = body

    @property
    def codes(self) -> tuple[int, int]:
        """HTTP and OCPI status codes."""
        return self.http, self.body["status_code"]

    @property
    def data(self) -> Any:
        return self.body["data"]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform(PARTNER)
    await platform.client.start_server()
    yield platform
    await platform.client.close()
    await platform.api.close()
