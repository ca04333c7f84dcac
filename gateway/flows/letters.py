"""The requests that tell a partner of an object as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gateway.core.delivery import find_session_patch
from gateway.core.visibility import is_visible, withdraw
from gateway.domain.cdrs import Cdr, Totals
from gateway.domain.deliveries import (
    MODULES,
    DeliveryKind,
    Message,
    PartnerAnswer,
    Subject,
    hands_in_lane,
    party_in_lane,
)
from gateway.domain.ids import PartyId
from gateway.domain.invoices import InvoiceRecord
from gateway.domain.locations import Connector, Evse, Location, Place
from gateway.domain.partners import Partner
from gateway.domain.profiles import ActiveProfile
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff
from gateway.errors import CannotSayError
from gateway.flows.memory import Memory
from gateway.flows.partner_book import main_party
from gateway.flows.session_costs import find_cost
from gateway.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Idiom:
    """How a partner is told of objects in its version.

    `party`: the one of our parties that it knows, None: all; `says_unpublished`: it can be told not to show a location;
    `patches`: parts of an object may be told by a PATCH; `patches_sessions`: also a session's progress.
    """

    party: PartyId | None = None
    says_unpublished: bool = True
    patches: bool = True
    patches_sessions: bool = True


class Postman(Protocol):
    """Speaks to the receivers of partners, in the version of each."""

    def render(
        self,
        version: str,
        item: Location | Evse | Connector | Tariff | Session | Cdr | InvoiceRecord,
        totals: Totals | None = None,
    ) -> dict[str, Any]:
        """An object as that version tells it; `totals` of a session.  Raises CannotSayError."""

    def render_profile(self, version: str, active: ActiveProfile) -> dict[str, Any]:
        """The limits that hold, as that version tells them.  Raises CannotSayError."""

    def dump(self, partner: Partner, rendered: dict[str, Any]) -> bytes:
        """The bytes that are sent, in the partner's dialect."""

    def idiom_of(self, partner: Partner) -> Idiom:
        """What the partner's version sets for telling it anything."""

    async def look_for(
        self, partner: Partner, token: str, message: Message, cdr_id: str, url: str | None
    ) -> PartnerAnswer:
        """Has the partner the bill that `message` posts?  Asked at `url`, where it keeps it, or under its id.

        A success only where it is this bill; its `location` is where it was found.
        """

    async def send(self, partner: Partner, token: str, message: Message) -> PartnerAnswer:
        """One request.  Where no answer came, `http_status` is 0 and the message says why."""


class Limits(Protocol):
    """Knows how fast sessions may charge."""

    async def find_active(self, session: Session, place: Place) -> ActiveProfile:
        """What holds for the next while, as the station says it, else as far as we know."""


class Letters:
    """Composes messages.  What cannot be said in the partner's version raises CannotSayError.

    It remembers the sessions it told, as they were: their progress is a PATCH then.  Forgotten with the program, which
    costs a PUT.
    """

    def __init__(self, store: Store, memory: Memory, postman: Postman, limits: Limits) -> None:
        """`limits` tells what holds for a session now."""
        self._store = store
        self._memory = memory
        self._postman = postman
        self._limits = limits
        self._told: dict[tuple[str, str], Mapping[str, Any]] = {}

    async def compose(self, partner: Partner, subject: Subject, *, whole: bool = False) -> Message | None:
        """The message for a delivery; None where there is nothing to tell.  `whole`: a PUT of the whole object."""
        if subject.kind is DeliveryKind.RESULT:
            return await self._compose_result(subject)
        message = await self._compose(partner, subject, whole=whole)
        known = self._postman.idiom_of(partner).party
        return message if message is None or known in (None, message.owner) else None

    async def _compose(self, partner: Partner, subject: Subject, *, whole: bool) -> Message | None:
        if subject.kind is DeliveryKind.TARIFF:
            return self._compose_tariff(partner, subject)
        if subject.kind is DeliveryKind.SESSION:
            return await self._compose_session(partner, subject, whole=whole)
        if subject.kind is DeliveryKind.CDR:
            return await self._compose_bill(partner, subject)
        if subject.kind is DeliveryKind.PROFILE:
            return await self._compose_profile(partner, subject)
        if subject.kind is DeliveryKind.INVOICE:
            return await self._compose_invoice(partner, subject, is_other=whole)
        return self._compose_location(partner, subject, whole=whole)

    def on_delivered(self, partner: Partner, subject: Subject, message: Message) -> None:
        """The partner has it now."""
        if subject.kind is not DeliveryKind.SESSION or not isinstance(message.body, dict):
            return
        if not self._postman.idiom_of(partner).patches_sessions:
            return
        key = (partner.id, subject.object_id)
        if message.body.get("end_date_time") is not None:
            self._told.pop(key, None)
        else:
            self._told[key] = {**self._told.get(key, {}), **message.body} if message.method == "PATCH" else message.body

    # --- one kind each --------------------------------------------------------------------------------------------

    def _compose_location(self, partner: Partner, subject: Subject, *, whole: bool) -> Message | None:
        location = self._memory.locations.get(subject.object_id)
        if location is None:
            return None
        path = (*_owner_path(location.party), location.id)
        idiom = self._postman.idiom_of(partner)
        if not is_visible(location, partner if idiom.says_unpublished else replace(partner, sees_unpublished=False)):
            if not idiom.says_unpublished and not location.was_published:
                return None
            location, whole = withdraw(location), True
        if whole or subject.kind is DeliveryKind.LOCATION:
            return self._message(
                "PUT", subject, location.party, path, self._say(partner, location), to=main_party(partner)
            )
        return self._compose_part(partner, subject, location, path)

    def _compose_part(
        self, partner: Partner, subject: Subject, location: Location, path: tuple[str, ...]
    ) -> Message | None:
        evse = next((evse for evse in location.evses if evse.uid == subject.evse_uid), None)
        if evse is None:
            return None
        path = (*path, evse.uid)
        if subject.kind is DeliveryKind.CONNECTOR:
            plug = next((plug for plug in evse.connectors if plug.id == subject.connector_id), None)
            if plug is None:
                return None
            return self._message(
                "PUT", subject, location.party, (*path, plug.id), self._say(partner, plug), to=main_party(partner)
            )
        body = self._say(partner, evse)
        if subject.kind is DeliveryKind.EVSE_STATUS and self._postman.idiom_of(partner).patches:
            body = {name: body[name] for name in ("status", "last_updated")}
            return self._message("PATCH", subject, location.party, path, body, to=main_party(partner))
        return self._message("PUT", subject, location.party, path, body, to=main_party(partner))

    def _compose_tariff(self, partner: Partner, subject: Subject) -> Message | None:
        """A tariff that is gone, or that the partner's version cannot say any more, is deleted there."""
        tariff, party = self._memory.tariffs.get(subject.object_id), party_in_lane(subject)
        path = (*_owner_path(party), subject.object_id)
        body = None
        if tariff is not None:
            try:
                body = self._say(partner, tariff)
            except CannotSayError:
                body = None
        return self._message("DELETE" if body is None else "PUT", subject, party, path, body, to=main_party(partner))

    async def _compose_session(self, partner: Partner, subject: Subject, *, whole: bool) -> Message | None:
        session_id = subject.object_id
        session = self._memory.sessions.get(session_id) or await self._store.find_session(session_id)
        if session is None or session.terms.place is None or session.terms.token is None:
            return None
        body = self._postman.render(partner.version or "", session, find_cost(session))
        party = session.terms.place.location.party
        path = (*_owner_path(party), session_id)
        if not self._postman.idiom_of(partner).patches_sessions:
            whole = True
        patch = None if whole else find_session_patch(self._told.get((partner.id, session_id)), body)
        method, body = ("PUT", body) if patch is None else ("PATCH", dict(patch))
        return self._message(method, subject, party, path, body, to=session.terms.token.party)

    async def _compose_bill(self, partner: Partner, subject: Subject) -> Message | None:
        """A bill goes out with the bytes it was first shown with."""
        cdr = await self._store.find_cdr(subject.object_id)
        if cdr is None:
            return None
        body = await self._load_bytes(partner, cdr)
        to = None if cdr.terms.token is None else cdr.terms.token.party
        return self._message("POST", subject, cdr.party, (), body, to=to)

    async def _compose_profile(self, partner: Partner, subject: Subject) -> Message | None:
        """What the station lets a session have from now on; nothing once the session is over."""
        session_id = subject.object_id
        session = self._memory.sessions.get(session_id)
        if session is None or session.ledger.ended_at is not None or session_id not in self._memory.profiles:
            return None
        place, token = session.terms.place, session.terms.token
        if place is None or token is None:
            return None
        body = self._postman.render_profile(partner.version or "", await self._limits.find_active(session, place))
        return self._message("PUT", subject, place.location.party, (session_id,), body, to=token.party)

    async def _compose_result(self, subject: Subject) -> Message | None:
        """What became of something that was asked for: to the URL that was given, in the version of the question."""
        callback = await self._store.find_callback(subject.object_id)
        if callback is None or callback.body is None:
            return None
        return Message(
            method="POST",
            module=MODULES[subject.kind],
            owner=callback.receiver,
            to=callback.sender,
            body=callback.body,
            url=callback.response_url,
            version=callback.version,
            correlation_id=callback.correlation_id,
        )

    async def _compose_invoice(self, partner: Partner, subject: Subject, *, is_other: bool) -> Message:
        """A record is new for the partner (POST) or a change of one that it has (PUT).  `is_other`: what we take it for
        is wrong.  OCPI 2.3.0 mod_invoice_reconciliation 17.2.1"""
        party, to = hands_in_lane(subject)
        path = (*_owner_path(party), subject.object_id)
        record = await self._store.find_invoice(subject.object_id)
        if record is None or (record.party, record.to) != (party, to):
            return self._message("DELETE", subject, party, path, None, to=to)
        body = self._say(partner, record)
        if (record.told_at is not None) is not is_other:
            return self._message("PUT", subject, party, path, body, to=to)
        return self._message("POST", subject, party, (), body, to=to)

    async def _load_bytes(self, partner: Partner, cdr: Cdr) -> bytes:
        version = partner.version or ""
        for _ in range(2):
            shown = await self._store.load_shown_cdr(cdr.id)
            kept = next((one.body for one in shown if one.version == version), None)
            if kept is not None:
                return kept
            body = self._postman.dump(partner, self._postman.render(version, cdr))
            await self._store.save_cdr_renderings(version, [(cdr.id, body)])
        raise AssertionError(f"the bytes of CDR {cdr.id} were not kept")

    # --- parts ----------------------------------------------------------------------------------------------------

    def _say(self, partner: Partner, item: Any) -> dict[str, Any]:
        return self._postman.render(partner.version or "", item)

    def _message(
        self,
        method: str,
        subject: Subject,
        owner: PartyId,
        path: tuple[str, ...],
        body: dict[str, Any] | bytes | None,
        *,
        to: PartyId | None,
    ) -> Message:
        """Sessions and CDRs go to the party whose driver it was, never to all behind a hub.

        OCPI 2.2.1 transport_and_format "Broadcast Push"
        """
        return Message(
            method=method,
            module=MODULES[subject.kind],
            owner=owner,
            to=to,
            path=path,
            body=body,
        )


def _owner_path(party: PartyId) -> tuple[str, str]:
    return party.country_code, party.party_id
