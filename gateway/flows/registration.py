"""Registration with partners, in both directions: OCPI 2.2.1 credentials 7.1.

Whoever starts, three things hold.  A credentials token we hand out is durable and valid before it leaves.  A
handshake that
fails changes nothing: the token it began with stays valid.  Inbound tokens are kept as keyed hashes only, outbound
ones encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog

from gateway.domain.ids import PartyId
from gateway.domain.partners import HUB, Partner, PartnerRole, PartnerStatus
from gateway.errors import ConflictError, PartnerError, RevisionConflictError
from gateway.flows.partner_api import CREDENTIALS, Access, Credentials, Offer, PartnerApi, look_up, negotiate
from gateway.flows.partner_book import Admission, PartnerBook, find_endpoint, is_own
from gateway.flows.partner_urls import Fault, check_host
from gateway.ports import Change, Clock, DeleteHubClient, DropPartnerTokens, Ids, SavePartner, Secrets, Store

log = structlog.get_logger(__name__)

OLD_TOKEN_S = 86_400


class NotRegisteredError(ConflictError):
    """Only a registered partner may do this."""


class AlreadyRegisteredError(ConflictError):
    """A partner registers once; after that it updates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What the operator decides about a partner; None leaves it as it is.

    `sees_unpublished`: it gets locations with `publish` false too; `raw_token`: our token is sent to it as it is;
    `hosts`: where its URLs may lead beside the host of its versions URL; `ask_unknown`: it is asked about unknown
    cards; `pulls_tokens`: its list of tokens is pulled; `whole_seconds`: its times have no fractions;
    `parks_when_curtailed`: it reads PARKING_TIME as time without charging; `puts_only`: it takes no PATCH;
    `our_party`: which of our parties it knows, in a version whose credentials name one.
    """

    name: str | None = None
    sees_unpublished: bool | None = None
    raw_token: bool | None = None
    hosts: tuple[str, ...] | None = None
    ask_unknown: bool | None = None
    pulls_tokens: bool | None = None
    whole_seconds: bool | None = None
    parks_when_curtailed: bool | None = None
    puts_only: bool | None = None
    our_party: PartyId | None = None


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

    @property
    def parties(self) -> tuple[PartyId, ...]:
        """Ours."""
        return tuple(role.party for role in self._roles)

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

    async def renew(self, partner_id: str) -> Partner:
        """Update our credentials at a partner: fresh tokens both ways, in the highest version both speak by now.

        All else stays: its tokens, what it sees, its sessions and CDRs.  Our new token opens versions and credentials
        until the partner has answered; then it is the current one, and the one before is valid until it is first used.
        Raises NotRegisteredError, and PartnerError saying what failed where: then nothing has changed.
        """
        async with self._lock(partner_id):
            partner = self._partners.load(partner_id)
            if partner.status is not PartnerStatus.REGISTERED:
                raise NotRegisteredError(f"partner {partner.name} is not registered")
            offer = await negotiate(self._api, partner, self.access(partner).token)
            ours, invitation = self._secrets.new_token(), partner.token_a_hash
            await self._change(partner_id, lambda known: replace(known, token_a_hash=self._hash(ours)))
            try:
                theirs = await self._api.send_credentials(
                    "PUT", offer.version, offer.url, offer.access, self.show(ours, partner)
                )
                self._check_parties(partner_id, theirs.roles)
                access = replace(offer.access, token=theirs.token)
                theirs = replace(theirs, url=_own_url(partner, theirs.url))

                def renewed(known: Partner) -> Partner:
                    return replace(
                        self._registered(known, theirs, offer, access),
                        token_a_hash=invitation,
                        token_hash=self._hash(ours),
                        old_token_hash=known.token_hash,
                        old_token_until=self._clock.now() + self._old_token,
                    )

                partner = await self._change(partner_id, renewed)
            except BaseException:
                await asyncio.shield(self._change(partner_id, lambda known: replace(known, token_a_hash=invitation)))
                raise
        log.info("credentials at partner renewed", partner_id=partner_id, name=partner.name, version=partner.version)
        return partner

    async def look_up(self, partner: Partner) -> Partner:
        """Look at a registered partner's endpoints anew, in its version, and keep them where they have changed.

        Raises PartnerError and NotRegisteredError.
        """
        if partner.status is not PartnerStatus.REGISTERED or not partner.version or not partner.versions_url:
            raise NotRegisteredError(f"partner {partner.name} is not registered")
        token = self.access(partner).token
        offer = await look_up(self._api, partner, partner.version, partner.versions_url, token)
        if offer.endpoints == partner.endpoints:
            return partner

        def moved(known: Partner) -> Partner:
            is_same = known.outbound_token == partner.outbound_token and known.version == partner.version
            return replace(known, endpoints=offer.endpoints) if is_same else known

        log.info("endpoints of partner changed", partner_id=partner.id)
        return await self._change(partner.id, moved)

    # --- the partner's side

    def show(self, token: str, partner: Partner) -> Credentials:
        """Our credentials; `token` is the one the caller used, for we keep only its hash.

        The party that the partner knows comes first: some versions name that one alone.
        """
        roles = sorted(self._roles, key=lambda role: role.party != partner.our_party)
        return Credentials(token=token, url=self._versions_url, roles=tuple(roles))

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
        offer = await look_up(self._api, partner, version, theirs.url, theirs.token)
        token = self._secrets.new_token()

        def adopted(partner: Partner) -> Partner:
            return replace(
                self._registered(partner, theirs, offer, offer.access),
                token_a_hash=None,
                token_hash=self._hash(token),
                old_token_hash=keep,
                old_token_until=self._clock.now() + self._old_token if keep else None,
            )

        partner = await self._change(partner_id, adopted)
        event = "partner updated its credentials" if keep else "partner registered"
        log.info(event, partner_id=partner_id, name=partner.name, version=version)
        return self.show(token, partner)

    async def _hand_over(self, partner: Partner, token_a: str, ours: str) -> Partner:
        offer = await negotiate(self._api, partner, token_a)
        theirs = await self._api.send_credentials(
            "POST", offer.version, offer.url, offer.access, self.show(ours, partner)
        )
        access = replace(offer.access, token=theirs.token)
        theirs = replace(theirs, url=_own_url(partner, theirs.url))
        try:
            self._check_parties(partner.id, theirs.roles)
            return await self._change(partner.id, lambda known: self._registered(known, theirs, offer, access))
        except ConflictError:
            # The partner counts us as registered already.
            with contextlib.suppress(PartnerError):
                await self._api.delete_credentials(offer.url, access)
            raise

    def _registered(
        self,
        partner: Partner,
        theirs: Credentials,
        offer: Offer,
        access: Access,
    ) -> Partner:
        """The partner as it is from now on; what the operator decided about it stays, in whatever version."""
        return replace(
            partner,
            status=PartnerStatus.REGISTERED,
            versions_url=theirs.url,
            outbound_token=self._secrets.encrypt(theirs.token),
            raw_token=access.raw,
            version=offer.version,
            roles=tuple(replace(role, role=role.role or partner.role) for role in theirs.roles),
            endpoints=offer.endpoints,
            tokens_pulled_until=None,
        )

    def _check_parties(self, partner_id: str, roles: Sequence[PartnerRole]) -> None:
        """Two partners with one party could read each other's sessions.

        The parties behind a hub are no obstacle: who is connected to us directly speaks for itself.
        """
        is_hub = any(role.role == HUB for role in roles)
        for role in roles:
            owner = self._partners.find_by_party(role.party)
            if owner is None or owner.id == partner_id or (is_hub and role.role != HUB):
                continue
            if any(known.party == role.party and is_own(owner, known) for known in owner.roles):
                raise ConflictError(
                    f"party {role.party.country_code}/{role.party.party_id} is connected to us by another platform"
                )

    async def _withdraw(self, partner_id: str) -> None:
        await self._change(partner_id, _ended)
        log.warning("registration with partner failed", partner_id=partner_id)

    async def _end(self, partner_id: str) -> None:
        forgotten = [DeleteHubClient(client) for client in self._partners.clients_of(partner_id)]
        partner = await self._change(partner_id, _ended, DropPartnerTokens(partner_id), *forgotten)
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
