"""The only place that wires: settings in, a running gateway out."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import structlog

from gateway import __version__
from gateway.config import Settings as Config
from gateway.config import TlsSettings
from gateway.console.parts import HealthReport, Parts
from gateway.console.probe import StoreProbe
from gateway.console.server import Console
from gateway.domain.ids import party_id_of
from gateway.domain.partners import PartnerRole
from gateway.errors import SettingsError
from gateway.flows.admission import AdmissionRules, Doorkeeper
from gateway.flows.callbacks import Callbacks
from gateway.flows.commands import CommandRules, Commands
from gateway.flows.corrections import Corrections
from gateway.flows.delivery import Deliveries
from gateway.flows.expected import AllExpected
from gateway.flows.hub_clients import HubClients
from gateway.flows.inquiries import Inquiries
from gateway.flows.inventory import Inventory
from gateway.flows.invoices import Invoices
from gateway.flows.letters import Letters
from gateway.flows.local_tokens import LocalTokens
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.order_desk import OrderDesk
from gateway.flows.outbox import Outbox
from gateway.flows.partner_book import PartnerBook
from gateway.flows.preferences import Preferences
from gateway.flows.profiles import Profiles
from gateway.flows.provisioning import Provisioning
from gateway.flows.registration import Registration
from gateway.flows.remote_starts import RemoteStarts
from gateway.flows.reservation_ends import ReservationEnds
from gateway.flows.reservations import Reservations
from gateway.flows.reserved import Reserved
from gateway.flows.retention import Retention
from gateway.flows.schedules import Schedules
from gateway.flows.timekeeper import Timekeeper
from gateway.flows.token_pulls import TokenPulls
from gateway.flows.tokens import TokenInbox
from gateway.flows.trace import TraceRing
from gateway.flows.withheld import WithheldBook
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.exchange import VERSIONS_PATH, Edge, PageLimits
from gateway.ocpi.hub_clients import ClientCalls
from gateway.ocpi.postman import OcpiPostman
from gateway.ocpi.renderings import Renderings
from gateway.ocpi.results import OcpiResults
from gateway.ocpi.server import Listener, OcpiServer
from gateway.ocpi.token_calls import TokenCalls
from gateway.ocpi.versions import VERSIONS as OCPI_VERSIONS
from gateway.ocpp.server import OcppServer
from gateway.ocpp.versions import VERSIONS as OCPP_VERSIONS
from gateway.ops.clock import RandomIds, SystemClock
from gateway.ops.secrets import FileSecrets, load_console_token, load_secrets
from gateway.ops.systemd import notify
from gateway.ports import Change, Clock, Publish, SaveHubClient, SavePartner, SaveSession
from gateway.store.sqlite import SqliteStore
from gateway.wiring import (
    NOBODY,
    build_station_flows,
    doubt_rules_of,
    ocpp_rules_of,
    parties_of,
    preference_rules_of,
    profile_rules_of,
    reservation_limits_of,
    retention_rules_of,
)

log = structlog.get_logger(__name__)

DRAIN_S = 10.0


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
        outbox = Outbox(memory, clock, timedelta(seconds=config.ocpi.session_push_interval_s))
        subscribers: list[Publish] = [partners.on_changes, outbox.on_changes]

        def publish(changes: Sequence[Change]) -> None:
            memory.apply(changes)
            # What almost every message saves is news to the memory alone.
            others = [change for change in changes if not isinstance(change, SaveSession)]
            if others:
                for subscriber in subscribers:
                    subscriber(others)

        store = await SqliteStore.open(
            config.store_url, publish, clock, synchronous=config.store.synchronous, follow=outbox.follow
        )
        self._stack.push_async_callback(store.close)
        trace = TraceRing(clock)
        public_url = config.ocpi.public_url or _local_url(config)
        client = OcpiClient(
            allow_insecure=config.ocpi.allow_insecure_partners,
            networks=[ip_network(name) for name in config.ocpi.partner_networks],
            timeout_s=config.ocpi.request_timeout_s,
        )
        self._stack.push_async_callback(client.close)
        withheld = WithheldBook(clock)
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
        token_calls = TokenCalls(client, parties_of(config)[0])
        inquiries = Inquiries(
            memory=memory,
            partners=partners,
            api=token_calls,
            access=registration.access,
            clock=clock,
            deadline_s=config.ocpi.authorize_timeout_s,
        )
        starts = RemoteStarts(clock)
        subscribers.append(starts.on_changes)
        flows = build_station_flows(
            config,
            store=store,
            memory=memory,
            clock=clock,
            ids=ids,
            mailboxes=mailboxes,
            inquiries=inquiries,
            expectations=AllExpected((starts, Reserved(memory, clock))),
        )
        availability, sealing, signatures = flows.availability, flows.sealing, flows.signatures
        await memory.load(store)
        await starts.load(store)
        known = [SavePartner(partner) for partner in memory.partners.values()]
        partners.on_changes(known)
        partners.on_changes([SaveHubClient(hub_client) for hub_client in await store.load_hub_clients()])
        outbox.on_changes(known)
        availability.begin()
        rules = AdmissionRules(unknown_stations=config.ocpp.unknown_stations)
        stations_edge = OcppServer(
            doorkeeper=Doorkeeper(store, memory, clock, secrets, rules),
            stories=flows.events,
            mailboxes=mailboxes,
            clock=clock,
            trace=trace,
            settings=ocpp_rules_of(config),
        )
        token_inbox = TokenInbox(store, partners)
        token_pulls = TokenPulls(
            store=store,
            partners=partners,
            inbox=token_inbox,
            api=token_calls,
            access=registration.access,
            clock=clock,
            interval_s=config.ocpi.token_pull_interval_s,
        )
        hub_clients = HubClients(
            store=store,
            partners=partners,
            api=ClientCalls(client, clock),
            access=registration.access,
            clock=clock,
            interval_s=config.ocpi.hub_pull_interval_s,
        )
        self._stack.push_async_callback(inquiries.close)
        self._stack.push_async_callback(mailboxes.drained)
        for rounds in (token_pulls.rounds, hub_clients.rounds):
            self._stack.push_async_callback(rounds.close)

        renderings = Renderings()
        schedules = Schedules(memory, stations_edge.stations, clock)
        postman = OcpiPostman(client, memory, renderings, withheld, clock, parties_of(config))
        deliveries = Deliveries(
            store=store,
            partners=partners,
            postman=postman,
            letters=Letters(store, memory, postman, schedules),
            outbox=outbox,
            find_token=lambda partner: registration.access(partner).token,
            look_up=registration.look_up,
            clock=clock,
            chance=lambda: random.randint(0, 1_000),
            first_pause=timedelta(seconds=config.ocpi.push_retry_s),
        )
        self._stack.push_async_callback(deliveries.stop)
        subscribers.append(deliveries.on_changes)
        callbacks = Callbacks(
            store=store, partners=partners, writer=OcpiResults(), clock=clock, check_url=client.check_url
        )
        subscribers.append(callbacks.on_changes)
        self._stack.push_async_callback(callbacks.stop)
        desk = OrderDesk(
            store=store,
            memory=memory,
            stations=stations_edge.stations,
            callbacks=callbacks,
            clock=clock,
            ids=ids,
            timeout_s=config.ocpi.command_timeout_s,
        )
        self._stack.push_async_callback(desk.stop)
        ends = ReservationEnds(
            store=store,
            memory=memory,
            mailboxes=mailboxes,
            desk=desk,
            availability=availability,
            clock=clock,
            ids=ids,
        )
        subscribers.append(ends.on_changes)
        flows.events.reservations = ends
        reservations = Reservations(
            store=store,
            memory=memory,
            partners=partners,
            mailboxes=mailboxes,
            desk=desk,
            terms=flows.transactions.terms,
            availability=availability,
            ends=ends,
            clock=clock,
            ids=ids,
            limits=reservation_limits_of(config),
        )
        profiles = Profiles(
            store=store,
            memory=memory,
            clock=clock,
            ids=ids,
            mailboxes=mailboxes,
            desk=desk,
            schedules=schedules,
            rules=profile_rules_of(config),
        )
        flows.events.profile_news.renew = profiles.renew
        retention = Retention(store, memory, clock, retention_rules_of(config))
        self._stack.push_async_callback(retention.close)
        keeper = Timekeeper(
            store,
            clock,
            sealing,
            availability,
            trace,
            ends,
            profiles,
            token_pulls.rounds,
            hub_clients.rounds,
            retention,
        )
        self._stack.push_async_callback(_cancelled, asyncio.create_task(keeper.run()))
        commands = Commands(
            store=store,
            memory=memory,
            partners=partners,
            mailboxes=mailboxes,
            desk=desk,
            starts=starts,
            reservations=reservations,
            terms=flows.transactions.terms,
            clock=clock,
            ids=ids,
            rules=CommandRules(timeout_s=config.ocpi.command_timeout_s, start_window_s=config.ocpi.start_window_s),
        )
        partners_edge = OcpiServer(
            Edge(
                store=store,
                catalog=memory,
                partners=partners,
                registration=registration,
                tokens=token_inbox,
                profiles=profiles,
                preferences=Preferences(
                    store, memory, clock, mailboxes, flows.transactions, preference_rules_of(config)
                ),
                hub_clients=hub_clients,
                secrets=secrets,
                clock=clock,
                trace=trace,
                withheld=withheld,
                commands=commands,
                parties=parties_of(config),
                public_url=public_url,
                limits=_page_limits(config),
                renderings=renderings,
            ),
            max_body_bytes=config.ocpi.max_body_bytes,
        )
        await registration.recover()
        await deliveries.begin()
        await callbacks.begin()
        await ends.begin()
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
                    parties=parties_of(config),
                    published_status=availability.published_status,
                    on_placed=sealing.on_placed,
                ),
                local_tokens=LocalTokens(store=store),
                registration=registration,
                deliveries=deliveries,
                signatures=signatures,
                corrections=Corrections(
                    store=store,
                    memory=memory,
                    clock=clock,
                    ids=ids,
                    mailboxes=mailboxes,
                    signatures=signatures,
                    doubt_rules=doubt_rules_of(config),
                ),
                sealing=sealing,
                reservations=ends,
                invoices=Invoices(store, clock),
                partners=partners,
                withheld=withheld,
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


def _page_limits(config: Config) -> PageLimits:
    limit = config.ocpi.page_limit
    return PageLimits(locations=limit, sessions=limit, cdrs=limit, tariffs=limit, invoices=limit)


def _roles(config: Config) -> list[PartnerRole]:
    names = {party_id_of(party.country_code, party.party_id): party.name for party in config.ocpi.parties}
    return [PartnerRole(party=party, role="CPO", name=names.get(party, "Gateway")) for party in parties_of(config)]


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
