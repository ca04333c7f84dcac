"""Why a session gets no CDR stands in `waiver`; and since when a token is invalid, in `invalid_us`."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("waiver", sa.Text()))
    op.execute(
        "UPDATE sessions SET waiver = 'the reservation was not used, and costs nothing' WHERE status = 'COMPLETED' "
        "AND sealed_cdr_id IS NULL AND seal_due_us IS NULL AND hold IS NULL"
    )
    op.add_column("tokens", sa.Column("invalid_us", sa.BigInteger()))
    op.execute("UPDATE tokens SET invalid_us = CAST(strftime('%s', 'now') AS INTEGER) * 1000000 WHERE valid = 0")
    op.create_index("ix_tokens_invalid", "tokens", ["invalid_us"], sqlite_where=sa.text("invalid_us IS NOT NULL"))
    op.create_index(
        "ix_session_terms_personal", "session_terms", ["created_no"], sqlite_where=sa.text("id_token IS NOT NULL")
    )
