"""What hubs tell of the parties behind them is kept in `hub_clients`."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hub_clients",
        sa.Column("hub_id", sa.Text(), nullable=False),
        sa.Column("country_code", sa.Text(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("last_updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hub_id", "country_code", "party_id", "role", name=op.f("pk_hub_clients")),
        sqlite_with_rowid=False,
    )
