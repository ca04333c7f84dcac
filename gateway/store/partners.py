"""Partners."""

import sqlite3
from dataclasses import replace

from sqlalchemy import bindparam, select, update

from gateway.domain.partners import Partner
from gateway.errors import RevisionConflictError
from gateway.ports import SavePartner
from gateway.store.codec import from_us, to_us
from gateway.store.objects import ObjectCodec
from gateway.store.stamps import later
from gateway.store.statements import compiled, insert_row
from gateway.store.tables import partners
from gateway.store.transaction import Transaction

_PARTNER = ObjectCodec(Partner, columns=frozenset({"last_updated", "revision"}))

_INSERT = insert_row(partners)
_UPDATE = compiled(
    update(partners)
    .values({name: bindparam(name) for name in ("revision", "last_updated_us", "body")})
    .where(partners.c.id == bindparam("at_id"), partners.c.revision == bindparam("at_revision"))
)
_SELECT = compiled(select(partners.c.revision, partners.c.last_updated_us, partners.c.body).order_by(partners.c.id))


def prepare_partner(change: SavePartner) -> tuple[str, int]:
    body = _PARTNER.render(change.partner)
    return body, len(body)


def apply_partner(tx: Transaction, change: SavePartner, body: str) -> SavePartner:
    """Insert or update.  Raises ConflictError and RevisionConflictError."""
    partner = change.partner
    stamp_us = later(tx.now_us, to_us(partner.last_updated) if partner.revision else None)
    saved = replace(partner, last_updated=from_us(stamp_us), revision=partner.revision + 1)
    fresh = {"revision": saved.revision, "last_updated_us": stamp_us, "body": body}
    if partner.revision == 0:
        tx.insert(_INSERT, _INSERT.row(id=partner.id, **fresh), f"Partner {partner.id}")
    elif not tx.hit(_UPDATE, _UPDATE.row(**fresh, at_id=partner.id, at_revision=partner.revision)):
        raise RevisionConflictError(f"Partner {partner.id} is not at revision {partner.revision} any more.")
    return SavePartner(saved)


def load_partners(db: sqlite3.Connection) -> list[Partner]:
    return [
        _PARTNER.parse(body, revision=revision, last_updated=from_us(last_us))
        for revision, last_us, body in _SELECT.all(db)
    ]
