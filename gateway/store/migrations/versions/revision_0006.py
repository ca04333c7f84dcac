"""What partners are still to be told waits in `outbox`; which of them took a bill is kept in `cdr_receipts`."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = ("partner_id", "kind", "object_id", "evse_uid", "connector_id")
    op.create_table(
        "outbox",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane_id", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("evse_uid", sa.Text(), nullable=False),
        sa.Column("connector_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False, server_default="1"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_outbox")),
        sa.UniqueConstraint(*key, name=op.f("uq_outbox_" + "_".join(key))),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cdr_receipts",
        sa.Column("cdr_id", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cdr_id", "partner_id", name=op.f("pk_cdr_receipts")),
        sqlite_with_rowid=False,
    )
