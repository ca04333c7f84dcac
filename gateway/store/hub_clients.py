"""The parties behind hubs.  Of two words about one of them the newer counts, whichever comes last."""

import sqlite3
from typing import Any

from sqlalchemy import bindparam, delete, select

from gateway.domain.ids import PartyId
from gateway.domain.partners import ConnectionStatus, HubClient
from gateway.ports import DeleteHubClient, SaveHubClient
from gateway.store.codec import from_us, to_us
from gateway.store.statements import compiled, upsert_row
from gateway.store.tables import hub_clients
from gateway.store.transaction import Transaction

_KEY = ("hub_id", "country_code", "party_id", "role")
_UPSERT = upsert_row(hub_clients, only_if=lambda new: new.last_updated_us >= hub_clients.c.last_updated_us)
_DELETE = compiled(
    delete(hub_clients).where(
        *(hub_clients.c[name] == bindparam(name) for name in _KEY),
        hub_clients.c.last_updated_us <= bindparam("last_updated_us"),
    )
)
_SELECT = compiled(
    select(*(hub_clients.c[name] for name in (*_KEY, "status", "last_updated_us"))).order_by(
        *(hub_clients.c[name] for name in _KEY)
    )
)


def apply_client(tx: Transaction, change: SaveHubClient, _: None) -> SaveHubClient:
    client = change.client
    _UPSERT.run(tx.db, **_key(client), status=client.status.value, last_updated_us=to_us(client.last_updated))
    return change


def apply_delete(tx: Transaction, change: DeleteHubClient, _: None) -> DeleteHubClient:
    _DELETE.run(tx.db, **_key(change.client), last_updated_us=to_us(change.client.last_updated))
    return change


def load_hub_clients(db: sqlite3.Connection) -> list[HubClient]:
    return [
        HubClient(
            hub_id=hub_id,
            party=PartyId(country_code=country_code, party_id=party_id),
            role=role,
            status=ConnectionStatus(status),
            last_updated=from_us(last_us),
        )
        for hub_id, country_code, party_id, role, status, last_us in _SELECT.all(db)
    ]


def _key(client: HubClient) -> dict[str, Any]:
    return {
        "hub_id": client.hub_id,
        "country_code": client.party.country_code,
        "party_id": client.party.party_id,
        "role": client.role,
    }
