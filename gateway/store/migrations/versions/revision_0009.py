"""Plugs that are kept for drivers stand in `reservations`."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("created_no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_key", sa.Text(), nullable=False),
        sa.Column("no", sa.BigInteger(), nullable=False),
        sa.Column("is_live", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("created_no", name=op.f("pk_reservations")),
        sa.UniqueConstraint("id", name=op.f("uq_reservations_id")),
        sa.UniqueConstraint("station_key", "no", name=op.f("uq_reservations_station_key_no")),
    )
    op.create_index("ix_reservations_station", "reservations", ["station_key", "created_no"])
    op.create_index("ix_reservations_live", "reservations", ["created_no"], sqlite_where=sa.text("is_live = 1"))
