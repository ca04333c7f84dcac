"""What partners asked for waits in `callbacks` for its result, and this for being told.  A start that was asked for is
kept in `remote_starts`, so that the transaction is known by it; a session may be there before its transaction."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callbacks",
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_callbacks")),
        sa.UniqueConstraint("id", name=op.f("uq_callbacks_id")),
    )
    op.create_index("ix_callbacks_station", "callbacks", ["station_key", "no"])
    op.create_index("ix_callbacks_open", "callbacks", ["no"], sqlite_where=sa.text("state = 'OPEN'"))
    op.create_table(
        "remote_starts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kept_until_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_starts")),
    )
    op.create_index("ix_remote_starts_kept_until_us", "remote_starts", ["kept_until_us"])
    with op.batch_alter_table("sessions") as table:
        table.alter_column("transaction_id", existing_type=sa.Text(), nullable=True)
