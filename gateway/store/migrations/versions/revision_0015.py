"""What every message writes of a session has a narrow table of its own, and a session's number is never given again."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEYS = (
    "created_no, id, station_key, station_id, evse_no, connector_no, transaction_id, start_key, remote_start_id, "
    "partner_id, started_us"
)
FOLD = (
    "created_no, revision, last_fact_no, last_updated_us, started_us, status, seal_due_us, hold, sealed_cdr_id, "
    "waiver, visible_to, party, drivers, ledger"
)


def upgrade() -> None:
    for name in ("plug", "visible_by_time", "visible_by_no", "unsealed"):
        op.drop_index(f"ix_sessions_{name}", table_name="sessions")
    op.rename_table("sessions", "whole_sessions")
    _create_sessions()
    _create_folds()
    for table, columns in (("sessions", KEYS), ("session_folds", FOLD)):
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM whole_sessions ORDER BY created_no")  # noqa: S608 our own names
    op.drop_table("whole_sessions")
    _create_indexes()


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("created_no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_key", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_no", sa.BigInteger(), nullable=False),
        sa.Column("connector_no", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text()),
        sa.Column("start_key", sa.Text(), nullable=False),
        sa.Column("remote_start_id", sa.Text()),
        sa.Column("partner_id", sa.Text()),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("created_no", name=op.f("pk_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
        sa.UniqueConstraint("start_key", name=op.f("uq_sessions_start_key")),
        sa.UniqueConstraint("station_key", "transaction_id", name=op.f("uq_sessions_station_key_transaction_id")),
        sqlite_autoincrement=True,
    )


def _create_folds() -> None:
    op.create_table(
        "session_folds",
        sa.Column("created_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_fact_no", sa.BigInteger(), nullable=False),
        sa.Column("last_updated_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seal_due_us", sa.BigInteger()),
        sa.Column("hold", sa.Text()),
        sa.Column("sealed_cdr_id", sa.Text()),
        sa.Column("waiver", sa.Text()),
        sa.Column("visible_to", sa.Text()),
        sa.Column("party", sa.Text()),
        sa.Column("drivers", sa.Text()),
        sa.Column("ledger", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("created_no", name=op.f("pk_session_folds")),
        sa.ForeignKeyConstraint(["created_no"], ["sessions.created_no"], name=op.f("fk_session_folds_created_no")),
    )


def _create_indexes() -> None:
    op.create_index("ix_sessions_plug", "sessions", ["station_key", "evse_no", "connector_no", "started_us"])
    for name, order in (("visible_by_time", "last_updated_us"), ("visible_by_no", "created_no")):
        op.create_index(
            f"ix_session_folds_{name}",
            "session_folds",
            ["visible_to", order, "party", "drivers"],
            sqlite_where=sa.text("visible_to IS NOT NULL"),
        )
    op.create_index(
        "ix_session_folds_unsealed",
        "session_folds",
        ["created_no"],
        sqlite_where=sa.text("sealed_cdr_id IS NULL"),
    )
