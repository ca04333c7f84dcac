"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_stations()
    _create_sessions()
    _create_bills()
    _create_inventory()
    _create_tokens()


def _create_stations() -> None:
    op.create_table(
        "stations",
        _text("station_key"),
        _bigint("revision"),
        _text("body"),
        sa.PrimaryKeyConstraint("station_key", name="pk_stations"),
    )
    op.create_table(
        "connector_statuses",
        _text("station_key"),
        _bigint("evse_no"),
        _bigint("connector_no"),
        _text("station_id"),
        _text("state"),
        _bigint("at_us"),
        _bigint("received_us"),
        _text("occupied_by", nullable=True),
        _text("error_code", nullable=True),
        _text("info", nullable=True),
        _text("vendor_error", nullable=True),
        sa.PrimaryKeyConstraint("station_key", "evse_no", "connector_no", name="pk_connector_statuses"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deviations",
        _text("station_key"),
        _text("action"),
        _text("path"),
        _text("problem"),
        _text("station_id"),
        _text("example"),
        _bigint("first_us"),
        _bigint("last_us"),
        _bigint("count"),
        sa.PrimaryKeyConstraint("station_key", "action", "path", "problem", name="pk_deviations"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notices",
        _number("no"),
        _text("station_key"),
        _text("body"),
        sa.PrimaryKeyConstraint("no", name="pk_notices"),
    )
    op.create_index("ix_notices_station", "notices", ["station_key", "no"])
    op.create_table(
        "quarantined",
        _number("no"),
        _text("body"),
        sa.PrimaryKeyConstraint("no", name="pk_quarantined"),
    )
    op.create_table(
        "incidents",
        _number("no"),
        _text("station_key"),
        _text("station_id"),
        _bigint("at_us"),
        _text("kind"),
        _text("text"),
        sa.PrimaryKeyConstraint("no", name="pk_incidents"),
    )
    op.create_index("ix_incidents_station", "incidents", ["station_key", "no"])


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        _number("created_no"),
        _text("id"),
        _text("station_key"),
        _text("station_id"),
        _bigint("evse_no"),
        _bigint("connector_no"),
        _text("transaction_id"),
        _text("start_key"),
        _text("remote_start_id", nullable=True),
        _text("partner_id", nullable=True),
        _text("visible_to", nullable=True),
        _text("party", nullable=True),
        _bigint("started_us"),
        _text("status"),
        _text("ledger"),
        _bigint("last_updated_us"),
        _bigint("seal_due_us", nullable=True),
        _text("hold", nullable=True),
        _text("sealed_cdr_id", nullable=True),
        _bigint("revision"),
        sa.PrimaryKeyConstraint("created_no", name="pk_sessions"),
        sa.UniqueConstraint("id", name="uq_sessions_id"),
        sa.UniqueConstraint("start_key", name="uq_sessions_start_key"),
        sa.UniqueConstraint("station_key", "transaction_id", name="uq_sessions_station_key_transaction_id"),
    )
    op.create_index("ix_sessions_plug", "sessions", ["station_key", "evse_no", "connector_no", "started_us"])
    op.create_index("ix_sessions_unsealed", "sessions", ["created_no"], **_where("sealed_cdr_id IS NULL"))
    op.create_index(
        "ix_sessions_visible_by_no",
        "sessions",
        ["visible_to", "created_no", "party"],
        **_where("visible_to IS NOT NULL"),
    )
    op.create_index(
        "ix_sessions_visible_by_time",
        "sessions",
        ["visible_to", "last_updated_us", "party"],
        **_where("visible_to IS NOT NULL"),
    )
    op.create_table(
        "session_terms",
        _number("created_no"),
        _text("id_token", nullable=True),
        _text("terms"),
        sa.PrimaryKeyConstraint("created_no", name="pk_session_terms"),
    )
    op.create_table(
        "session_facts",
        _number("no"),
        _text("session_id"),
        _text("fact_key"),
        _bigint("at_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("no", name="pk_session_facts"),
        sa.UniqueConstraint("session_id", "fact_key", name="uq_session_facts_session_id_fact_key"),
    )
    op.create_table(
        "late_facts",
        _number("no"),
        _text("station_id"),
        _text("session_id"),
        _text("reason"),
        _text("fact_key"),
        _bigint("at_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("no", name="pk_late_facts"),
        sa.UniqueConstraint(
            "station_id", "session_id", "fact_key", name="uq_late_facts_station_id_session_id_fact_key"
        ),
    )


def _create_bills() -> None:
    op.create_table(
        "cdrs",
        _number("created_no"),
        _text("id"),
        _text("session_id"),
        _text("owner"),
        _bigint("ordinal"),
        _text("party"),
        _bigint("last_updated_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("created_no", name="pk_cdrs"),
        sa.UniqueConstraint("id", name="uq_cdrs_id"),
        sa.UniqueConstraint("owner", "ordinal", name="uq_cdrs_owner_ordinal"),
        sa.UniqueConstraint("session_id", name="uq_cdrs_session_id"),
    )
    op.create_index("ix_cdrs_window", "cdrs", ["owner", "last_updated_us", "ordinal", "party"])
    op.create_table(
        "cdr_renderings",
        _text("cdr_id"),
        _text("version"),
        _blob("body"),
        sa.PrimaryKeyConstraint("cdr_id", "version", name="pk_cdr_renderings"),
    )
    op.create_table(
        "counters",
        _text("name"),
        _bigint("value"),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )


def _create_inventory() -> None:
    op.create_table(
        "locations",
        _text("id"),
        _bigint("created_no"),
        _bigint("last_updated_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_locations"),
        sa.UniqueConstraint("created_no", name="uq_locations_created_no"),
    )
    op.create_table(
        "evse_statuses",
        _text("location_id"),
        _text("evse_uid"),
        _text("status"),
        _bigint("last_updated_us"),
        sa.PrimaryKeyConstraint("location_id", "evse_uid", name="pk_evse_statuses"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tariffs",
        _text("id"),
        _bigint("last_updated_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_tariffs"),
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        _text("uid_key"),
        _text("type"),
        _text("country_code"),
        _text("party_id"),
        _text("partner_id"),
        _bigint("valid"),
        _bigint("newest_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("uid_key", "type", "country_code", "party_id", name="pk_tokens"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tokens_partner_id", "tokens", ["partner_id"])
    op.create_table(
        "local_tokens",
        _text("uid_key"),
        _text("uid"),
        _bigint("last_updated_us"),
        _text("status", nullable=True),
        _text("group_id", nullable=True),
        _text("preferred_partner_id", nullable=True),
        sa.PrimaryKeyConstraint("uid_key", name="pk_local_tokens"),
    )
    op.create_table(
        "partners",
        _text("id"),
        _bigint("revision"),
        _bigint("last_updated_us"),
        _text("body"),
        sa.PrimaryKeyConstraint("id", name="pk_partners"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _blob(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _bigint(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=nullable)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
