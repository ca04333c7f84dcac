"""The CDRs of a partner by one of our parties are counted, and the bytes of a page lie together."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cdr_numbers",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("cdr_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "party", "ordinal", name=op.f("pk_cdr_numbers")),
        sa.UniqueConstraint("owner", "party", "number", name=op.f("uq_cdr_numbers_owner_party_number")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO cdr_numbers (owner, party, ordinal, number, cdr_no) "
        "SELECT owner, party, ordinal, row_number() OVER (PARTITION BY owner, party ORDER BY ordinal), created_no "
        "FROM cdrs"
    )
    op.drop_index("ix_cdrs_window", table_name="cdrs")
    op.create_index("ix_cdrs_window", "cdrs", ["owner", "last_updated_us", "ordinal"])
    op.rename_table("cdr_renderings", "cdr_renderings_by_id")
    op.create_table(
        "cdr_renderings",
        sa.Column("cdr_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("shown_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("cdr_no", "version", name=op.f("pk_cdr_renderings")),
    )
    op.execute(
        "INSERT INTO cdr_renderings (cdr_no, version, body, shown_us) "
        "SELECT created_no, version, cdr_renderings_by_id.body, shown_us "
        "FROM cdrs JOIN cdr_renderings_by_id ON cdr_id = id ORDER BY created_no"
    )
    op.drop_table("cdr_renderings_by_id")
