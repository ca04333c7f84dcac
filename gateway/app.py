"""The only place that wires: settings in, a running gateway out."""

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import structlog

from gateway import __version__
from gateway.config import Settings as Config
from gateway.config import TlsSettings
from gateway.console.parts import HealthReport, Parts
from gateway.console.probe import StoreProbe
from gateway.console.server import Console
from gateway.core.doubts import DoubtRules
from gateway.core.status import StatusRules
from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.locations import EvseStatus
from gateway.domain.partners import PartnerRole
from gateway.errors import SettingsError
from gateway.flows.admission import AdmissionRules, Doorkeeper
from gateway.flows.authorization import Authorizer
from gateway.flows.availability import Availability
from gateway.flows.corrections import Corrections
from gateway.flows.inventory import Inventory
from gateway.flows.local_tokens import LocalTokens
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.partner_book import PartnerBook
from gateway.flows.provisioning import Provisioning
from gateway.flows.registration import Registration
from gateway.flows.sealing import Sealing
from gateway.flows.signatures import Signatures
from gateway.flows.station_events import BootRules, StationEvents
from gateway.flows.timekeeper import Timekeeper
from gateway.flows.tokens import TokenInbox
from gateway.flows.trace import TraceRing
from gateway.flows.transactions import SealRules, Transactions
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.exchange import VERSIONS_PATH, Edge, PageLimits
from gateway.ocpi.server import Listener, OcpiServer
from gateway.ocpi.versions import VERSIONS as OCPI_VERSIONS
from gateway.ocpp.server import OcppServer
from gateway.ocpp.settings import Settings as OcppRules
from gateway.ocpp.version import Metering
from gateway.ocpp.versions import VERSIONS as OCPP_VERSIONS
from gateway.ops.clock import RandomIds, SystemClock
from gateway.ops.secrets import FileSecrets, load_console_token, load_secrets
from gateway.ops.signatures import EcdsaVerifier
from gateway.ops.systemd import notify
from gateway.ports import Change, Clock, SavePartner
from gateway.store.sqlite import SqliteStore

log = structlog.get_logger(__name__)

DRAIN_S = 10.0
NOBODY = PartyId(country_code="XX", party_id="GWY")


class Gateway:
    """A running gateway.  `ports` names the bound port of each listener."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._stack = contextlib.AsyncExitStack()
        self.ports: dict[str, int] = {}
        self._listeners: dict[str, bool] = {}
        self._probe: StoreProbe | None = None

    async def start(self) -> None:
        """Open the store, then every listener.  Raises SettingsError, StoreDownError, OSError."""
        config = self._config
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        secrets = load_secrets(config.data_dir / "secret.key")
        console_token = _console_token(config)
        _check_parties(config)
        try:
            await self._start(secrets, console_token)
        except BaseException:
            await self._stack.aclose()
            raise
        notify("READY=1")
        log.info("gateway started", version=__version__, **self.ports)

    async def stop(self) -> None:
        """Drain: stop accepting, finish what is under way, close the connections, then the store."""
        notify("STOPPING=1")
        self._listeners = dict.fromkeys(self._listeners, False)
        await self._stack.aclose()
        log.info("gateway stopped")

    async def _start(self, secrets: FileSecrets, console_token: bytes) -> None:
        config, clock, ids = self._config, self._clock, RandomIds()
        memory, partners, mailboxes = Memory(), PartnerBook(), Mailboxes()

        def publish(changes: Sequence[Change]) -> None:
            memory.apply(changes)
            partners.on_changes(changes)

        store = await SqliteStore.open(config.store_url, publish, clock, synchronous=config.store.synchronous)
        self._stack.push_async_callback(store.close)
        trace = TraceRing(clock)
        authorizer = Authorizer(store)
        seal_rules = SealRules(
            seal_after_s=config.sessions.seal_after_s,
            gap_wait_s=config.sessions.gap_wait_s,
            ghost_after_s=config.sessions.ghost_after_s,
            round_to=_roundings(config),
        )
        availability = Availability(
            store,
            memory,
            clock,
            mailboxes,
            StatusRules(
                preparing_is=EvseStatus(config.ocpp.preparing_is), finishing_is=EvseStatus(config.ocpp.finishing_is)
            ),
            offline_grace_s=config.ocpp.offline_grace_s,
            restart_grace_s=config.ocpp.restart_grace_s,
        )
        transactions = Transactions(store, memory, clock, ids, authorizer, seal_rules)
        signatures = Signatures(store, memory, EcdsaVerifier())
        doubts = _doubt_rules(config)
        sealing = Sealing(
            store, memory, clock, ids, mailboxes, transactions, availability, seal_rules, signatures, doubts
        )
        await memory.load(store)
        partners.on_changes([SavePartner(partner) for partner in memory.partners.values()])
        availability.begin()
        events = StationEvents(
            store,
            memory,
            clock,
            authorizer,
            availability,
            transactions,
            BootRules(
                heartbeat_interval_s=config.ocpp.heartbeat_interval_s, pending_retry_s=config.ocpp.pending_retry_s
            ),
        )
        rules = AdmissionRules(unknown_stations=config.ocpp.unknown_stations)
        stations_edge = OcppServer(
            doorkeeper=Doorkeeper(store, memory, clock, secrets, rules),
            stories=events,
            mailboxes=mailboxes,
            clock=clock,
            trace=trace,
            settings=_ocpp_rules(config),
        )
        keeper = Timekeeper(store, clock, sealing, availability, trace)
        self._stack.push_async_callback(mailboxes.drained)
        self._stack.push_async_callback(_cancelled, asyncio.create_task(keeper.run()))

        public_url = config.ocpi.public_url or _local_url(config)
        client = OcpiClient(allow_insecure=config.ocpi.allow_insecure_partners, timeout_s=config.ocpi.request_timeout_s)
        self._stack.push_async_callback(client.close)
        registration = Registration(
            store=store,
            partners=partners,
            api=client,
            secrets=secrets,
            clock=clock,
            ids=ids,
            versions_url=public_url + VERSIONS_PATH,
            roles=tuple(_roles(config)),
        )
        partners_edge = OcpiServer(
            Edge(
                store=store,
                catalog=memory,
                partners=partners,
                registration=registration,
                tokens=TokenInbox(store, partners),
                secrets=secrets,
                clock=clock,
                trace=trace,
                parties=_parties(config),
                public_url=public_url,
                limits=_page_limits(config),
            ),
            max_body_bytes=config.ocpi.max_body_bytes,
        )
        await registration.recover()
        console = Console(
            Parts(
                token=console_token,
                store=store,
                memory=memory,
                stations=stations_edge.stations,
                trace=trace,
                clock=clock,
                provisioning=Provisioning(
                    store=store,
                    memory=memory,
                    mailboxes=mailboxes,
                    stations=stations_edge.stations,
                    clock=clock,
                    secrets=secrets,
                    versions=[version.name for version in OCPP_VERSIONS],
                ),
                inventory=Inventory(
                    store=store,
                    memory=memory,
                    parties=_parties(config),
                    published_status=availability.published_status,
                    on_placed=sealing.on_placed,
                ),
                local_tokens=LocalTokens(store=store),
                registration=registration,
                signatures=signatures,
                corrections=Corrections(
                    store=store,
                    memory=memory,
                    clock=clock,
                    ids=ids,
                    mailboxes=mailboxes,
                    signatures=signatures,
                    doubt_rules=doubts,
                ),
                sealing=sealing,
                versions_url=public_url + VERSIONS_PATH,
                report_health=self._report_health,
            )
        )
        self._probe = StoreProbe(store, clock.now)
        await self._listen(stations_edge, partners_edge, console)

    async def _listen(self, stations_edge: OcppServer, partners_edge: OcpiServer, console: Console) -> None:
        config = self._config
        # The stations last: they are let go first when the gateway stops, and what waits for them ends with them.
        self._listeners = {"ocpp": False, "ocpi": False, "console": False}
        self._stack.push_async_callback(console.stop)
        self.ports["console"] = await console.start(*config.console.address)
        self._listeners["console"] = True
        listeners = [Listener(*config.ocpi.address)]
        if config.ocpi.tls is not None:
            listeners.append(Listener(*config.ocpi.tls.address, _tls_context(config.ocpi.tls, "ocpi.tls")))
        self._stack.push_async_callback(partners_edge.stop)
        bound = await partners_edge.start(*listeners)
        self.ports |= dict(zip(("ocpi", "ocpi_tls"), bound, strict=False))
        self._listeners["ocpi"] = True
        self._stack.push_async_callback(stations_edge.drain, within_s=DRAIN_S)
        self.ports["ocpp"] = await stations_edge.listen(*config.ocpp.address)
        if config.ocpp.tls is not None:
            context = _tls_context(config.ocpp.tls, "ocpp.tls")
            self.ports["ocpp_tls"] = await stations_edge.listen(*config.ocpp.tls.address, context)
        self._listeners["ocpp"] = True

    async def _report_health(self) -> HealthReport:
        versions: Mapping[str, Sequence[str]] = {
            "gateway": [__version__],
            "ocpp": [version.name for version in OCPP_VERSIONS],
            "ocpi": list(OCPI_VERSIONS),
        }
        is_store_up = self._probe is not None and await self._probe.is_up()
        return HealthReport(listeners=self._listeners, is_store_up=is_store_up, versions=versions)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _ocpp_rules(config: Config) -> OcppRules:
    ocpp = config.ocpp
    return OcppRules(
        fallback_version=ocpp.fallback_version,
        is_tolerant=not ocpp.strict_pending,
        compression=ocpp.compression,
        max_message_bytes=ocpp.max_message_bytes,
        max_handshakes=ocpp.handshakes_in_flight,
        ping_silence_s=ocpp.ping_interval_s,
        call_timeout_s=ocpp.call_timeout_s,
        settle_s=ocpp.settle_delay_s,
        heartbeat_s=ocpp.heartbeat_interval_s,
        metering=Metering(interval_s=ocpp.metering_interval_s) if ocpp.configure_metering else None,
    )


def _doubt_rules(config: Config) -> DoubtRules:
    review = config.review
    hours, kwh = review.max_duration_h, review.max_energy_kwh
    return DoubtRules(
        hold_flags=frozenset(review.hold_flags),
        power_factor=Decimal(str(review.power_factor)),
        max_energy_wh=None if kwh is None else Decimal(str(kwh)) * 1000,
        max_duration=None if hours is None else timedelta(hours=hours),
    )


def _page_limits(config: Config) -> PageLimits:
    limit = config.ocpi.page_limit
    return PageLimits(locations=limit, sessions=limit, cdrs=limit, tariffs=limit)


def _parties(config: Config) -> tuple[PartyId, ...]:
    return tuple(party_id_of(party.country_code, party.party_id) for party in config.ocpi.parties) or (NOBODY,)


def _roundings(config: Config) -> dict[PartyId, int]:
    return {
        party_id_of(party.country_code, party.party_id): party.round_to
        for party in config.ocpi.parties
        if party.round_to is not None
    }


def _roles(config: Config) -> list[PartnerRole]:
    names = {party_id_of(party.country_code, party.party_id): party.name for party in config.ocpi.parties}
    return [PartnerRole(party=party, role="CPO", name=names.get(party, "Gateway")) for party in _parties(config)]


def _check_parties(config: Config) -> None:
    if not config.ocpi.parties:
        log.warning("no party configured, partners see a placeholder", key="ocpi.parties", placeholder=str(NOBODY))


def _local_url(config: Config) -> str:
    """Good enough on one machine; partners elsewhere need `ocpi.public_url`."""
    host, port = config.ocpi.address
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 only compared
        host = "127.0.0.1"
    log.warning("ocpi.public_url is not set, links lead to this machine only", url=f"http://{host}:{port}")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _console_token(config: Config) -> bytes:
    given = config.console.token
    return (given.get_secret_value() if given else load_console_token(config.data_dir / "console.token")).encode()


def _tls_context(tls: TlsSettings, where: str) -> ssl.SSLContext:
    """TLS 1.2 or above (OCPP 2.0.1 A00.FR.318); raises SettingsError for files that are no certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(Path(tls.certificate), Path(tls.key))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{where}: {tls.certificate} and {tls.key} are not a PEM certificate and its key ({error})"
        ) from None
    return context
