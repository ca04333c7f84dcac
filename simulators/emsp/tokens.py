"""The eMSP's own tokens: made, pushed to the CPO, changed, and read back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.emsp.findings import Rule
from simulators.emsp.peer import Peer, Reply, endpoint_url
from simulators.emsp.state import Desk, Party
from simulators.emsp.transport import CREATED
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject, format_datetime, parse_datetime

KEPT = Rule(
    "tokens.kept",
    "the CPO gives a token back as it was pushed",
    "OCPI 2.2.1 mod_tokens 12.2.1.1 GET Method",
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The push side; our own copies are in the desk's store."""

    desk: Desk
    version: OcpiVersion
    peer: Peer

    async def push(self, token: JsonObject) -> Reply:
        """PUT a whole token, which is ours from now on whether the CPO takes it or not."""
        key = self.version.key_of("tokens", token)
        is_new = self.desk.store.get("tokens", key) is None
        self.desk.store.put("tokens", key, token, "our own token")
        reply = await self.peer.request(
            "PUT", self._url(token), module="tokens", query=_type_query(token), body=self.version.render_token(token)
        )
        reply.require_success(f"token {mask(token['uid'])} was not accepted")
        if is_new != (reply.http_status == 201):
            seen = f"HTTP {reply.http_status} for a token that is {'new' if is_new else 'known'}"
            self.desk.findings.add(CREATED, reply.where, "status", seen)
        return reply

    async def patch(self, token: JsonObject, changes: JsonObject) -> Reply:
        """PATCH with `changes` and a new last_updated; `PeerRefusedError` if the CPO does not take it."""
        body = {**changes, "last_updated": format_datetime(self.desk.now())}
        reply = await self.peer.request(
            "PATCH", self._url(token), module="tokens", query=_type_query(token), body=self.version.render_token(body)
        )
        reply.require_success(f"the change of token {mask(token['uid'])} was not accepted")
        key = self.version.key_of("tokens", token)
        self.desk.store.put("tokens", key, {**token, **body}, "our own token")
        return reply

    async def get(self, token: JsonObject) -> JsonObject:
        """GET the token as the CPO keeps it, and hold it against ours."""
        reply = await self.peer.get(self._url(token), module="tokens", query=_type_query(token))
        reply.require_success(f"token {mask(token['uid'])} cannot be read back")
        self.desk.findings.extend(reply.where, self.version.judge("token", reply.data), "$.data")
        theirs: JsonObject = reply.data if isinstance(reply.data, dict) else {}
        for name, value in self.version.render_token(token).items():
            if not _is_same(name, theirs.get(name), value):
                seen = f"{theirs.get(name)!r}, pushed {value!r}"
                self.desk.findings.add(KEPT, reply.where, f"$.data.{name}", seen)
        return theirs

    def _url(self, token: JsonObject) -> str:
        owner = (token["country_code"], token["party_id"])
        return endpoint_url(self.desk, "tokens", "RECEIVER", *owner, token["uid"])


def _is_same(name: str, theirs: Any, ours: Any) -> bool:
    """A time may be written in more than one way."""
    if name != "last_updated" or not isinstance(theirs, str):
        return bool(theirs == ours)
    try:
        return parse_datetime(theirs) == parse_datetime(ours)
    except ValueError:
        return False


def new_token(
    party: Party,
    uid: str,
    now: datetime,
    *,
    type: str = "RFID",  # noqa: A002 - the name of the field
    contract_id: str | None = None,
    whitelist: str = "ALLOWED",
    valid: bool = True,
    **more: Any,
) -> JsonObject:
    """A token object of ours; `more` are further fields, such as group_id or visual_number."""
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "uid": uid,
        "type": type,
        "contract_id": contract_id or contract_id_for(party, uid),
        "issuer": party.name,
        "valid": valid,
        "whitelist": whitelist,
        "last_updated": format_datetime(now),
        **more,
    }


def contract_id_for(party: Party, uid: str) -> str:
    """A contract id in the layout of eMI3, always the same for a uid."""
    return (
        f"{party.country_code}{party.party_id}C{hashlib.sha256(uid.upper().encode()).hexdigest()[:8].upper()}".upper()
    )


def mask(uid: str) -> str:
    """A uid as it may be shown: its last four characters."""
    return f"…{uid[-4:]}" if len(uid) > 4 else "…"


def _type_query(token: JsonObject) -> dict[str, str]:
    # OCPI 2.2.1 12.2.1.2: without it the type is RFID.
    return {} if token["type"] == "RFID" else {"type": token["type"]}
