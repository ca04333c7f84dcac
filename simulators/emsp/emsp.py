"""An eMSP as a library: an OCPI server and client that registers, pushes, pulls, and judges what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from simulators.emsp import handshake, pages, tokens
from simulators.emsp.check.run import run_check
from simulators.emsp.check.table import Report
from simulators.emsp.check.visit import Visit
from simulators.emsp.commands import (
    SentCommand,
    clear_profile,
    get_profile,
    put_preferences,
    put_profile,
    send_command,
)
from simulators.emsp.errors import EmspError
from simulators.emsp.faults import Faults
from simulators.emsp.findings import Finding, Findings
from simulators.emsp.peer import Peer, endpoint_url
from simulators.emsp.probes import run_probes
from simulators.emsp.server import Server
from simulators.emsp.state import AuthorizeScript, Desk, Partner, Party, Received, Store
from simulators.emsp.tokens import Tokens, new_token
from simulators.emsp.versions import VERSIONS
from simulators.emsp.wire import JsonObject, is_absolute_url

# What refers to something comes before it: a CDR may be made while we pull, and its session must then be newer.
MODULES = ("cdrs", "sessions", "locations", "tariffs")
BEGINNING = pages.BEGINNING


def _silent(_line: str) -> None:
    return None


class Emsp:
    """One eMSP with one CPO. As a context manager it runs its server: `async with Emsp(...) as emsp`.

    `versions_url` and `token_a` come from the CPO; with `give_token_a` instead the CPO registers with us.
    `public_url` is where the CPO reaches `listen`, if not there. `story` gets one readable line per event.
    Methods raise `EmspError` (unreachable, refused); what they see and judge is in `findings`.
    """

    def __init__(
        self,
        *,
        versions_url: str | None = None,
        token_a: str | None = None,
        give_token_a: str | None = None,
        country_code: str = "NL",
        party_id: str = "EMS",
        name: str = "Simulated eMSP",
        version: str = "2.2.1",
        listen: str = "127.0.0.1:0",
        public_url: str | None = None,
        timeout_s: float = 30,
        now: Callable[[], datetime] | None = None,
        story: Callable[[str], None] = _silent,
    ) -> None:
        if version not in VERSIONS:
            raise EmspError(f"no OCPI version {version!r}", "version", f"There are: {', '.join(VERSIONS)}.")
        self._version = VERSIONS[version]
        self._versions_url = versions_url
        self._token_a = token_a
        self._host, self._port = _parse_listen(listen)
        self._public_url = _parse_public_url(public_url)
        self._timeout_s = timeout_s
        self._story = story
        self._stack = AsyncExitStack()
        self._desk = Desk(Party(country_code, party_id, name), token_a=give_token_a)
        if now is not None:
            self._desk.now = now
        self._desk.shake_hands = self._shake_hands
        self._server = Server(self._desk, self._version)
        self._peer_or_none: Peer | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        try:
            session = await self._stack.enter_async_context(
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))
            )
            self._peer_or_none = Peer(self._desk, self._version, session)
            await self._serve()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # What there is to see.

    @property
    def versions_url(self) -> str:
        """Our own versions URL, for a CPO that registers with us."""
        return self._desk.versions_url

    @property
    def party(self) -> Party:
        return self._desk.party

    @property
    def partner(self) -> Partner | None:
        return self._desk.partner

    @property
    def findings(self) -> Findings:
        return self._desk.findings

    @property
    def violations(self) -> list[Finding]:
        return self._desk.findings.violations

    @property
    def store(self) -> Store:
        """All objects known: our tokens, and what was pulled or pushed."""
        return self._desk.store

    @property
    def received(self) -> list[Received]:
        """The CPO's requests, oldest first."""
        return self._desk.received

    @property
    def faults(self) -> Faults:
        return self._server.faults

    @asynccontextmanager
    async def refusing_connections(self) -> AsyncIterator[None]:
        """Nobody listens meanwhile: the CPO's connections are refused."""
        await self._stop_listening()
        self._story("refusing connections")
        try:
            yield
        finally:
            await self._listen(self._port)
            self._story("listening again")

    @property
    def authorizations(self) -> AuthorizeScript:
        return self._desk.authorizations

    def now(self) -> datetime:
        """The clock it goes by."""
        return self._desk.now()

    # The handshake.

    async def register(self) -> Partner:
        """Register at the CPO with the token A it gave us."""
        if self._versions_url is None or not self._token_a:
            raise EmspError("no versions URL or no token A", "register", "Give both, as the CPO handed them out.")
        partner = await handshake.register(self._desk, self._version, self._peer, self._versions_url, self._token_a)
        self._story(f"registered with CPO {partner.party()} ({partner.party().name}), version {partner.version}")
        return partner

    async def wait_until_registered(self, timeout_s: float) -> Partner:
        """Wait for a CPO to register with us, with the token A we gave out."""
        await self.wait_for(lambda: self._desk.partner is not None, timeout_s, "no CPO has registered with us")
        partner = self._desk.partner
        assert partner is not None
        await handshake.wait_until_open(self._desk, self._peer)
        self._story(f"CPO {partner.party()} ({partner.party().name}) registered with us, version {partner.version}")
        return partner

    async def rotate(self) -> Partner:
        """Exchange new credentials tokens both ways."""
        partner = await handshake.rotate(self._desk, self._version, self._peer)
        self._story("rotated the credentials: new tokens both ways")
        return partner

    async def unregister(self) -> None:
        await handshake.unregister(self._desk, self._peer)
        self._story("ended the registration")

    # Tokens.

    async def push_token(self, uid: str, **fields: Any) -> JsonObject:
        """PUT a token to the CPO; `fields` are those of `tokens.new_token`. Pushing again replaces it."""
        token = new_token(self._desk.party, uid, self._desk.now(), **fields)
        reply = await self._tokens.push(token)
        self._story(f"pushed {token['type']} token {tokens.mask(uid)}: HTTP {reply.http_status}")
        return token

    async def patch_token(self, uid: str, type: str = "RFID", **changes: Any) -> None:  # noqa: A002
        """PATCH some fields of a token, such as `valid=False`."""
        await self._tokens.patch(self._own_token(uid, type), changes)
        self._story(f"patched token {tokens.mask(uid)}: {', '.join(changes)}")

    async def get_token(self, uid: str, type: str = "RFID") -> JsonObject:  # noqa: A002
        """Read a token back from the CPO and compare it with ours."""
        return await self._tokens.get(self._own_token(uid, type))

    def know_token(self, uid: str, **fields: Any) -> JsonObject:
        """Have a token without pushing it, for the CPO to pull or to ask about."""
        token = new_token(self._desk.party, uid, self._desk.now(), **fields)
        self._desk.store.put("tokens", self._version.key_of("tokens", token), token, "our own token")
        return token

    # Pull, commands, probes.

    async def pull(
        self,
        module: str,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        limit: int | None = None,
    ) -> list[JsonObject]:
        """Pull a module page by page; all objects come back as they were sent, the well-formed ones are stored."""
        if module == "sessions" and date_from is None:
            date_from = BEGINNING
        window = pages.Window(date_from, date_to)
        pull = await pages.pull_pages(self._desk, self._version, self._peer, module, window, limit)
        for where, path, item in pages.iter_well_formed(self._version, module, pull):
            self._keep(module, item, where, path)
        if date_to is None and date_from in (None, BEGINNING):
            self._desk.store.complete.add(module)
        self._story(f"pulled {len(pull.items)} {module} on {pull.pages} page{'' if pull.pages == 1 else 's'}")
        return [item for _, _, item in pull.items]

    async def get_location(self, *ids: str) -> JsonObject:
        """GET a location, one of its EVSEs (two ids), or a connector (three), and judge it."""
        kind = ("location", "evse", "connector")[len(ids) - 1]
        reply = await self._peer.get(endpoint_url(self._desk, "locations", "SENDER", *ids), module="locations")
        reply.require_success(f"cannot read {kind} {'/'.join(ids)}")
        self.findings.extend(reply.where, self._version.judge(kind, reply.data), "$.data")
        item: JsonObject = reply.data if isinstance(reply.data, dict) else {}
        return item

    # Commands, charging profiles, preferences.

    async def send_command(self, command: str, body: Mapping[str, Any] | None = None, **fields: Any) -> SentCommand:
        """Send a command such as START_SESSION; `await sent.result()` waits for the charger's answer.

        `body` and `fields` are put together; `response_url` is ours unless it is among them. `sent.response` is the
        CommandResponse, also one that came with an OCPI error; without any it is a `PeerRefusedError`.
        """
        sent = await send_command(self._desk, self._version, self._peer, command, {**(body or {}), **fields})
        self._story(f"sent {command}: {sent.response['result']}")
        return sent

    async def start_session(self, uid: str, location_id: str, **where: str) -> SentCommand:
        """START_SESSION for a token of ours (made if it is new); `where` are evse_uid, connector_id and more."""
        body = {"token": self.render_token(uid), "location_id": location_id, **where}
        return await self.send_command("START_SESSION", body)

    async def stop_session(self, session_id: str) -> SentCommand:
        return await self.send_command("STOP_SESSION", session_id=session_id)

    async def reserve(
        self, uid: str, location_id: str, reservation_id: str | int, expiry: datetime, **where: str
    ) -> SentCommand:
        """RESERVE_NOW; a `reservation_id` is a number in 2.1.1 and a text after it."""
        if self._version.has_number_reservations:
            reservation_id = int(reservation_id)
        until = self._version.render_time(expiry)
        body = {"token": self.render_token(uid), "location_id": location_id, "expiry_date": until, **where}
        return await self.send_command("RESERVE_NOW", body, reservation_id=reservation_id)

    async def cancel_reservation(self, reservation_id: str) -> SentCommand:
        return await self.send_command("CANCEL_RESERVATION", reservation_id=reservation_id)

    async def unlock(self, location_id: str, evse_uid: str, connector_id: str) -> SentCommand:
        ids = {"location_id": location_id, "evse_uid": evse_uid, "connector_id": connector_id}
        return await self.send_command("UNLOCK_CONNECTOR", ids)

    async def set_profile(self, session_id: str, profile: Mapping[str, Any]) -> SentCommand:
        """PUT a ChargingProfile on a session; the result is a ChargingProfileResult."""
        return self._tell(await put_profile(self._desk, self._version, self._peer, session_id, profile))

    async def get_profile(self, session_id: str, duration_s: int = 900) -> SentCommand:
        """Ask for the ActiveChargingProfile; the result's `profile` has it."""
        return self._tell(await get_profile(self._desk, self._version, self._peer, session_id, duration_s))

    async def clear_profile(self, session_id: str) -> SentCommand:
        return self._tell(await clear_profile(self._desk, self._version, self._peer, session_id))

    async def set_preferences(self, session_id: str, preferences: Mapping[str, Any]) -> str:
        """PUT a driver's ChargingPreferences; the answer is a ChargingPreferencesResponse such as ACCEPTED."""
        answer = await put_preferences(self._desk, self._peer, session_id, preferences)
        self._story(f"set charging preferences: {answer}")
        return answer

    def render_token(self, uid: str, type: str | None = None) -> JsonObject:  # noqa: A002
        """A token of ours as it stands in a command; one that is not known yet is made, for the app's user.

        Without `type` any token of the uid is taken.
        """
        found = next((token for token in self._desk.store.tokens if _names(token, uid, type)), None)
        token = found or self.know_token(uid, type=type or self._version.app_user_kind)
        return self._version.render_token(token)

    async def probe(self) -> int:
        """Send requests that a CPO must refuse, and judge how it does. Returns how many there were."""
        count = await run_probes(self._desk, self._peer)
        self._story(f"sent {count} faulty requests, to see them refused")
        return count

    async def check(
        self, connector: tuple[str, ...] = (), prepare: Callable[[], Awaitable[None]] | None = None
    ) -> Report:
        """Hold the CPO's server against every rule of the check, from the registration to its end.

        `connector` (location, EVSE and connector) is one where a session may be started; without it nothing is.
        `prepare` is awaited once registered: it may push tokens and have a session made with them.
        """
        if self._versions_url is None or not self._token_a:
            raise EmspError("no versions URL or no token A", "check", "Give both, as the CPO handed them out.")
        visit = Visit(self._desk, self._version, self._peer, self._versions_url, self._token_a, self._timeout_s)
        visit.connector, visit.prepare = connector, prepare
        return await run_check(visit)

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str = "it did not happen") -> None:
        """Wait until something that came in makes `condition` true; `EmspError` with `what` after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s), self._desk.changed:
                await self._desk.changed.wait_for(condition)
        except TimeoutError:
            todo = f"Does the CPO reach {self.versions_url}?"
            raise EmspError(f"{what} within {timeout_s:g} s", self.versions_url, todo) from None

    def check_references(self) -> Findings:
        """Hold all objects against each other, as far as their modules were pulled or pushed."""
        for module, key, problem in self._version.check_references(self._desk.store):
            self.findings.extend(self._desk.store.where(module, key), [problem])
        return self.findings

    # Inside.

    @property
    def _peer(self) -> Peer:
        if self._peer_or_none is None:
            raise EmspError("the eMSP is not started", "Emsp", "Use it as `async with Emsp(...) as emsp`.")
        return self._peer_or_none

    @property
    def _tokens(self) -> Tokens:
        return Tokens(self._desk, self._version, self._peer)

    def _tell(self, sent: SentCommand) -> SentCommand:
        self._story(f"asked to {sent.command}: {sent.response['result']}")
        return sent

    def _own_token(self, uid: str, kind: str) -> JsonObject:
        token = self._desk.store.get("tokens", (*self._desk.party.ids, uid.upper(), kind))
        if token is None:
            raise EmspError(f"no {kind} token {tokens.mask(uid)}", "tokens", "Push it first.")
        return token

    def _keep(self, module: str, item: JsonObject, where: str, path: str) -> None:
        store, key = self._desk.store, self._version.key_of(module, item)
        before = store.get(module, key)
        if before is not None:
            self.findings.extend(where, self._version.check_succession(module, before, item, pushed=False), path)
        store.put(module, key, item, f"{where} {path}")

    async def _shake_hands(self, credentials: JsonObject, used: str) -> str:
        return await handshake.accept(self._desk, self._version, self._peer, credentials, used=used)

    async def _serve(self) -> None:
        self._stack.push_async_callback(self._stop_listening)
        port = await self._listen(self._port)
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._desk.base_url = self._public_url or f"http://{shown}:{port}"
        # Back from a refusal it is found at the same port.
        self._port = port

    async def _listen(self, port: int) -> int:
        runner = web.AppRunner(self._server.app(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, self._host, port, reuse_address=True).start()
        except OSError as error:
            where = f"{self._host}:{port}"
            raise EmspError(f"cannot listen: {error.strerror}", where, "Choose another --listen address.") from error
        return int(runner.addresses[0][1])

    async def _stop_listening(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def _names(token: JsonObject, uid: str, kind: str | None) -> bool:
    return token["uid"].upper() == uid.upper() and kind in (None, token["type"])


def _parse_listen(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise EmspError(f"not an address: {listen!r}", "listen", "Write it as host:port, such as 127.0.0.1:0.")
    return host.strip("[]"), int(port)


def _parse_public_url(url: str | None) -> str | None:
    if url is not None and not is_absolute_url(url):
        raise EmspError(f"not an absolute URL: {url!r}", "public URL", "Write it as https://host[:port].")
    return None if url is None else url.rstrip("/")
