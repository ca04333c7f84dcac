"""Records of invoices, and since when a partner has each."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invoices",
        sa.Column("created_no", sa.Integer(), nullable=False),
        sa.Column("id_key", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("to_party", sa.Text(), nullable=False),
        sa.Column("last_updated_us", sa.BigInteger(), nullable=False),
        sa.Column("told_us", sa.BigInteger()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("created_no", name=op.f("pk_invoices")),
        sa.UniqueConstraint("id_key", name=op.f("uq_invoices_id_key")),
    )
    op.create_index("ix_invoices_partner", "invoices", ["partner_id", "created_no"])
