"""A bill may be credited and replaced: the bills of a session are numbered, and each number is given once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Every bill so far is the first of its session.
    with op.batch_alter_table("cdrs") as table:
        table.add_column(sa.Column("correction_no", sa.BigInteger(), nullable=False, server_default="0"))
        table.drop_constraint("uq_cdrs_session_id", type_="unique")
        table.create_unique_constraint("uq_cdrs_session_id_correction_no", ["session_id", "correction_no"])
    with op.batch_alter_table("cdrs") as table:
        table.alter_column("correction_no", server_default=None)
    op.create_index("ix_late_facts_session", "late_facts", ["session_id", "no"])
