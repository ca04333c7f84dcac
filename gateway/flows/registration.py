"""Registration with partners, in both directions: OCPI 2.2.1 credentials 7.1.

Whoever starts, three things hold.  A credentials token we hand out is durable and valid before it leaves.  A
handshake that
fails changes nothing: the token it began with stays valid.  Inbound tokens are kept as keyed hashes only, outbound
ones encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerStatus
from gateway.errors import ConflictError, PartnerError, RevisionConflictError
from gateway.flows.partner_book import Admission, PartnerBook, find_endpoint
from gateway.flows.partner_urls import Fault as Fault
from gateway.flows.partner_urls import check_host
from gateway.ports import Change, Clock, DropPartnerTokens, Ids, SavePartner, Secrets, Store

log = structlog.get_logger(__name__)

CREDENTIALS = "credentials"
OLD_TOKEN_S = 86_400


class NotRegisteredError(ConflictError):
    """Only a registered partner may do this."""


class AlreadyRegisteredError(ConflictError):
    """A partner registers once; after that it updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What two platforms exchange: a token for the other to call with, where to begin, and who is here."""

    token: str
    url: str
    roles: tuple[PartnerRole, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How we call a partner; `raw` for one that does not decode Base64 in the Authorization header."""

    token: str
    raw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What the operator decides about a partner; None leaves it as it is.

    `sees_unpublished`: it gets locations with `publish` false too; `raw_token`: our token is sent to it as it is;
    `hosts`: where its URLs may lead beside the host of its versions URL; `ask_unknown`: it is asked about unknown
    cards; `pulls_tokens`: its list of tokens is pulled.
    """

    name: str | None = None
    sees_unpublished: bool | None = None
    raw_token: bool | None = None
    hosts: tuple[str, ...] | None = None
    ask_unknown: bool | None = None
    pulls_tokens: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionLink:
    number: str
    url: str


class PartnerApi(Protocol):
    """The registration calls on a partner's platform.  All raise PartnerError, its kind a `Fault`."""

    async def fetch_versions(self, url: str, access: Access) -> Sequence[VersionLink]: ...
    async def fetch_endpoints(self, link: VersionLink, access: Access) -> Sequence[Endpoint]: ...
    async def send_credentials(
        self, method: str, version: str, url: str, access: Access, credentials: Credentials
    ) -> Credentials: ...
    async def delete_credentials(self, url: str, access: Access) -> None: ...
    def choose_version(self, offered: Iterable[str]) -> str | None:
        """The highest version that we speak too."""


class Registration:
    """The stories of a partner's registration, from invitation to end."""

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerBook,
        api: PartnerApi,
        secrets: Secrets,
        clock: Clock,
        ids: Ids,
        versions_url: str,
        roles: tuple[PartnerRole, ...],
        old_token_s: int = OLD_TOKEN_S,
    ) -> None:
        self._store = store
        self._partners = partners
        self._api = api
        self._secrets = secrets
        self._clock = clock
        self._ids = ids
        self._versions_url = versions_url
        self._roles = roles
        self._old_token = timedelta(seconds=old_token_s)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    # --- the operator's side

    async def invite(self, name: str, role: str, manners: Manners | None = None) -> tuple[Partner, str]:
        """A new partner and the token A to give it.  The token is shown this once."""
        token = self._secrets.new_token()
        partner = self._new_partner(name, role, PartnerStatus.INVITED, token_a_hash=self._hash(token))
        await self._insert(_behaving(partner, manners))
        log.info("partner invited", partner_id=partner.id, name=name)
        return self._partners.load(partner.id), token

    async def invite_again(self, partner_id: str) -> tuple[Partner, str]:
        """A fresh token A for a partner that must register anew; what it has now works until it does."""
        token = self._secrets.new_token()

        def invited(partner: Partner) -> Partner:
            gone = partner.status in (PartnerStatus.ENDED, PartnerStatus.INVITED)
            status = PartnerStatus.INVITED if gone else partner.status
            return replace(partner, status=status, token_a_hash=self._hash(token))

        partner = await self._change(partner_id, invited)
        log.info("partner invited again", partner_id=partner_id, name=partner.name)
        return partner, token

    async def change(self, partner_id: str, manners: Manners) -> Partner:
        """Change what the operator decides about a partner, whatever its status."""
        partner = await self._change(partner_id, lambda known: _behaving(known, manners))
        log.info("partner changed", partner_id=partner_id, name=partner.name)
        return partner

    async def register_with(
        self, *, name: str, role: str, versions_url: str, token: str, manners: Manners | None = None
    ) -> Partner:
        """Register with a partner that gave us its versions URL and a token A.

        The partner calls back while our request is open, so our token is durable and valid before that.  Raises
        PartnerError saying what failed where; our token is withdrawn then.
        """
        ours = self._secrets.new_token()
        partner = self._new_partner(
            name,
            role,
            PartnerStatus.REGISTERING,
            token_hash=self._hash(ours),
            versions_url=versions_url,
            outbound_token=self._secrets.encrypt(token),
        )
        partner = _behaving(partner, manners)
        await self._insert(partner)
        try:
            registered = await self._hand_over(partner, token, ours)
        except BaseException:
            await asyncio.shield(self._withdraw(partner.id))
            raise
        log.info("registered with partner", partner_id=partner.id, name=name, version=registered.version)
        return registered

    async def end(self, partner_id: str) -> None:
        """End the connection from our side.  The partner is told; that it cannot be told does not stop us."""
        async with self._lock(partner_id):
            partner = self._partners.load(partner_id)
            url = find_endpoint(partner, CREDENTIALS)
            if partner.status is PartnerStatus.REGISTERED and url:
                try:
                    await self._api.delete_credentials(url, self.access(partner))
                except PartnerError as error:
                    log.warning("partner not told of the end", partner_id=partner_id, reason=str(error))
            await self._end(partner_id)

    async def recover(self) -> None:
        """At start: withdraw the tokens of registrations that a stop of the program cut short."""
        for partner in self._partners.all():
            if partner.status is PartnerStatus.REGISTERING:
                await self._withdraw(partner.id)

    # --- the partner's side

    def show(self, token: str) -> Credentials:
        """Our credentials; `token` is the one the caller used, for we keep only its hash."""
        return Credentials(token=token, url=self._versions_url, roles=self._roles)

    def check_may_post(self, partner_id: str, used: str) -> None:
        """Only token A registers.  Raises AlreadyRegisteredError."""
        if self._partners.load(partner_id).token_a_hash != used:
            raise AlreadyRegisteredError("already registered: use PUT, or ask for a new registration token")

    def check_registered(self, partner_id: str, used: str) -> None:
        """Raises NotRegisteredError where `used` is not a token of a registered partner."""
        partner = self._partners.load(partner_id)
        is_valid = used in (partner.token_hash, partner.old_token_hash)
        if partner.status is not PartnerStatus.REGISTERED or not is_valid:
            raise NotRegisteredError("not registered: use POST with the registration token")

    async def on_posted(self, partner_id: str, used: str, theirs: Credentials, version: str) -> Credentials:
        """A partner registers with token A (`used`, as its hash); the answer carries its token from now on."""
        async with self._lock(partner_id):
            self.check_may_post(partner_id, used)
            return await self._adopt(partner_id, theirs, version, keep=None)

    async def on_put(self, partner_id: str, used: str, theirs: Credentials, version: str) -> Credentials:
        """A registered partner updates.  The token it used stays valid until it first uses the new one."""
        async with self._lock(partner_id):
            self.check_registered(partner_id, used)
            return await self._adopt(partner_id, theirs, version, keep=used)

    async def on_deleted(self, partner_id: str, used: str) -> None:
        """A registered partner leaves: tokens both ways are dropped, what it pushed is kept to ourselves."""
        async with self._lock(partner_id):
            self.check_registered(partner_id, used)
            await self._end(partner_id)

    async def on_token_used(self, partner: Partner, admission: Admission) -> None:
        """The first use of a new token ends the one before."""
        if admission is Admission.CURRENT and partner.old_token_hash is not None:
            await self._change(partner.id, _without_old_token)
            log.info("old credentials token ended", partner_id=partner.id)

    def access(self, partner: Partner) -> Access:
        """How to call a registered partner.  Raises NotRegisteredError, and PartnerError where its token is lost."""
        if partner.outbound_token is None:
            raise NotRegisteredError(f"partner {partner.name} is not registered")
        try:
            token = self._secrets.decrypt(partner.outbound_token)
        except ValueError as error:
            raise PartnerError(
                Fault.UNAUTHORIZED, f"the credentials token of {partner.name} is lost: {error}"
            ) from None
        return Access(token=token, raw=partner.raw_token)

    # --- steps

    async def _adopt(self, partner_id: str, theirs: Credentials, version: str, *, keep: str | None) -> Credentials:
        """Look at the partner's platform with its token, then take its credentials and give it ours."""
        self._check_parties(partner_id, theirs.roles)
        partner = self._partners.load(partner_id)
        links, access = await self._fetch_versions(theirs.url, theirs.token, raw=partner.raw_token)
        link = next((link for link in links if link.number == version), None)
        if link is None:
            raise PartnerError(Fault.NO_VERSION, f"{theirs.url} does not list version {version}")
        endpoints = await self._fetch_endpoints(replace(partner, versions_url=theirs.url), link, access)
        token = self._secrets.new_token()

        def adopted(partner: Partner) -> Partner:
            return replace(
                self._registered(partner, theirs, version, endpoints, access),
                token_a_hash=None,
                token_hash=self._hash(token),
                old_token_hash=keep,
                old_token_until=self._clock.now() + self._old_token if keep else None,
            )

        partner = await self._change(partner_id, adopted)
        event = "partner updated its credentials" if keep else "partner registered"
        log.info(event, partner_id=partner_id, name=partner.name, version=version)
        return self.show(token)

    async def _hand_over(self, partner: Partner, token_a: str, ours: str) -> Partner:
        assert partner.versions_url is not None
        links, access = await self._fetch_versions(partner.versions_url, token_a, raw=partner.raw_token)
        version = self._api.choose_version(link.number for link in links)
        if version is None:
            offered = ", ".join(link.number for link in links) or "none"
            raise PartnerError(
                Fault.NO_VERSION, f"{partner.versions_url} offers no version we speak (it offers {offered})"
            )
        link = next(link for link in links if link.number == version)
        endpoints = await self._fetch_endpoints(partner, link, access)
        url = next(endpoint.url for endpoint in endpoints if endpoint.identifier == CREDENTIALS)
        theirs = await self._api.send_credentials("POST", version, url, access, self.show(ours))
        access = replace(access, token=theirs.token)
        theirs = replace(theirs, url=_own_url(partner, theirs.url))
        try:
            self._check_parties(partner.id, theirs.roles)
            return await self._change(
                partner.id, lambda known: self._registered(known, theirs, version, endpoints, access)
            )
        except ConflictError:
            # The partner counts us as registered already.
            with contextlib.suppress(PartnerError):
                await self._api.delete_credentials(url, access)
            raise

    async def _fetch_versions(self, url: str, token: str, *, raw: bool) -> tuple[Sequence[VersionLink], Access]:
        """Versions of a partner, and how it wants to be called: as we know it (`raw`), else the other way.

        Many platforms do not decode the token.  OCPI 2.2.1 transport_and_format "Authorization header"
        """
        known = Access(token=token, raw=raw)
        try:
            return await self._api.fetch_versions(url, known), known
        except PartnerError as error:
            if error.kind != Fault.UNAUTHORIZED:
                raise
            other = replace(known, raw=not raw)
            try:
                return await self._api.fetch_versions(url, other), other
            except PartnerError:
                raise error from None

    async def _fetch_endpoints(self, partner: Partner, link: VersionLink, access: Access) -> tuple[Endpoint, ...]:
        """The endpoints of a version, all of them on hosts of the partner."""
        check_host(partner, link.url)
        endpoints = tuple(await self._api.fetch_endpoints(link, access))
        for endpoint in endpoints:
            check_host(partner, endpoint.url)
        if not any(endpoint.identifier == CREDENTIALS for endpoint in endpoints):
            raise PartnerError(Fault.NO_ENDPOINTS, f"{link.url} lists no credentials endpoint")
        return endpoints

    def _registered(
        self,
        partner: Partner,
        theirs: Credentials,
        version: str,
        endpoints: tuple[Endpoint, ...],
        access: Access,
    ) -> Partner:
        return replace(
            partner,
            status=PartnerStatus.REGISTERED,
            versions_url=theirs.url,
            outbound_token=self._secrets.encrypt(theirs.token),
            raw_token=access.raw,
            version=version,
            roles=theirs.roles,
            endpoints=endpoints,
            tokens_pulled_until=None,
        )

    def _check_parties(self, partner_id: str, roles: Iterable[PartnerRole]) -> None:
        """Two partners with one party could read each other's sessions."""
        for role in roles:
            owner = self._partners.find_by_party(role.party)
            if owner is not None and owner.id != partner_id:
                raise ConflictError(
                    f"party {role.party.country_code}/{role.party.party_id} is connected to us by another platform"
                )

    async def _withdraw(self, partner_id: str) -> None:
        await self._change(partner_id, _ended)
        log.warning("registration with partner failed", partner_id=partner_id)

    async def _end(self, partner_id: str) -> None:
        partner = await self._change(partner_id, _ended, DropPartnerTokens(partner_id))
        log.info("partner ended", partner_id=partner_id, name=partner.name)

    def _new_partner(
        self,
        name: str,
        role: str,
        status: PartnerStatus,
        *,
        token_a_hash: str | None = None,
        token_hash: str | None = None,
        versions_url: str | None = None,
        outbound_token: str | None = None,
    ) -> Partner:
        now = self._clock.now()
        return Partner(
            id=self._ids.new(),
            name=name,
            role=role,
            status=status,
            created_at=now,
            last_updated=now,
            token_a_hash=token_a_hash,
            token_hash=token_hash,
            versions_url=versions_url,
            outbound_token=outbound_token,
        )

    async def _insert(self, partner: Partner) -> None:
        self._partners.on_changes(await self._store.commit([SavePartner(partner)]))

    async def _change(self, partner_id: str, change: Callable[[Partner], Partner], *more: Change) -> Partner:
        """Change the partner as it is now; once more when it changed in the meantime."""
        try:
            return await self._change_once(partner_id, change, more)
        except RevisionConflictError:
            return await self._change_once(partner_id, change, more)

    async def _change_once(
        self, partner_id: str, change: Callable[[Partner], Partner], more: tuple[Change, ...]
    ) -> Partner:
        changed = change(self._partners.load(partner_id))
        self._partners.on_changes(await self._store.commit([SavePartner(changed), *more]))
        return self._partners.load(partner_id)

    def _hash(self, token: str) -> str:
        return self._secrets.keyed_hash(token.encode())

    def _lock(self, partner_id: str) -> asyncio.Lock:
        return self._locks.setdefault(partner_id, asyncio.Lock())


def _behaving(partner: Partner, manners: Manners | None) -> Partner:
    if manners is None:
        return partner
    given = {field.name: getattr(manners, field.name) for field in fields(manners)}
    return replace(partner, **{name: value for name, value in given.items() if value is not None})


def _own_url(partner: Partner, url: str) -> str:
    """The versions URL as the partner tells it, where that leads to the partner; else the one the operator gave."""
    try:
        check_host(partner, url)
    except PartnerError as error:
        log.warning("versions URL of a partner not taken", partner_id=partner.id, reason=str(error))
        return partner.versions_url or url
    return url


def _without_old_token(partner: Partner) -> Partner:
    return replace(partner, old_token_hash=None, old_token_until=None)


def _ended(partner: Partner) -> Partner:
    return replace(
        partner,
        status=PartnerStatus.ENDED,
        token_a_hash=None,
        token_hash=None,
        old_token_hash=None,
        old_token_until=None,
        outbound_token=None,
        endpoints=(),
    )
