"""Facts are found along the chain of their session instead of by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("last_fact_no", sa.BigInteger(), nullable=False, server_default="0"))
    op.rename_table("session_facts", "indexed_facts")
    op.create_table(
        "session_facts",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("session_no", sa.BigInteger(), nullable=False),
        sa.Column("before_no", sa.BigInteger(), nullable=False),
        sa.Column("fact_key", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_session_facts"),
    )
    op.execute(
        """
        INSERT INTO session_facts (no, session_no, before_no, fact_key, at_us, body)
        SELECT f.no, s.created_no, COALESCE(LAG(f.no) OVER (PARTITION BY f.session_id ORDER BY f.no), 0),
               f.fact_key, f.at_us, f.body
        FROM indexed_facts AS f JOIN sessions AS s ON s.id = f.session_id
        ORDER BY f.no
        """
    )
    op.execute(
        """
        UPDATE sessions SET last_fact_no = newest.no
        FROM (SELECT session_no, MAX(no) AS no FROM session_facts GROUP BY session_no) AS newest
        WHERE sessions.created_no = newest.session_no
        """
    )
    op.drop_table("indexed_facts")
