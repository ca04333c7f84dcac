"""What the operator's API is made of."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from gateway.flows.corrections import Corrections
from gateway.flows.delivery import Deliveries
from gateway.flows.inventory import Inventory
from gateway.flows.invoices import Invoices
from gateway.flows.local_tokens import LocalTokens
from gateway.flows.memory import Memory
from gateway.flows.partner_book import PartnerBook
from gateway.flows.provisioning import Provisioning
from gateway.flows.registration import Registration
from gateway.flows.reservation_ends import ReservationApi
from gateway.flows.sealing import Sealing
from gateway.flows.signatures import Signatures
from gateway.flows.withheld import WithheldBook
from gateway.ports import Clock, Stations, Store, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """`listeners` by name: is it up?  `versions`: what is spoken, by protocol, and the gateway's own."""

    listeners: Mapping[str, bool]
    is_store_up: bool
    versions: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`token` is the operator's; `versions_url` is what a partner is told together with its token A."""

    token: bytes
    store: Store
    memory: Memory
    stations: Stations
    trace: Trace
    clock: Clock
    provisioning: Provisioning
    inventory: Inventory
    local_tokens: LocalTokens
    partners: PartnerBook
    registration: Registration
    deliveries: Deliveries
    signatures: Signatures
    corrections: Corrections
    sealing: Sealing
    reservations: ReservationApi
    invoices: Invoices
    withheld: WithheldBook
    versions_url: str
    report_health: Callable[[], Awaitable[HealthReport]]


PARTS = web.AppKey("parts", Parts)
