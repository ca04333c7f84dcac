"""CDRs are numbered among those for the drivers of one party behind a hub or of a platform too, and sessions tell whose
driver charged."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SESSION_INDEXES = {"ix_sessions_visible_by_no": "created_no", "ix_sessions_visible_by_time": "last_updated_us"}


def upgrade() -> None:
    _number_cdrs()
    _tell_drivers_of_sessions()


def _number_cdrs() -> None:
    op.rename_table("cdr_numbers", "cdr_numbers_by_party")
    op.create_table(
        "cdr_numbers",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("drivers", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("cdr_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "party", "drivers", "ordinal", name=op.f("pk_cdr_numbers")),
        sa.UniqueConstraint(
            "owner", "party", "drivers", "number", name=op.f("uq_cdr_numbers_owner_party_drivers_number")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO cdr_numbers (owner, party, drivers, ordinal, number, cdr_no) "
        "SELECT owner, party, '', ordinal, number, cdr_no FROM cdr_numbers_by_party ORDER BY owner, party, ordinal"
    )
    op.drop_table("cdr_numbers_by_party")
    # Materialised, so that each body is looked through once and none is carried through the sorting.
    op.execute(
        "WITH told AS MATERIALIZED (SELECT owner, party, ordinal, created_no,"
        " json_extract(body, '$.terms.token.party.country_code') || '*' ||"
        " json_extract(body, '$.terms.token.party.party_id') AS drivers FROM cdrs) "
        "INSERT INTO cdr_numbers (owner, party, drivers, ordinal, number, cdr_no) "
        "SELECT owner, party, drivers, ordinal,"
        " row_number() OVER (PARTITION BY owner, party, drivers ORDER BY ordinal), created_no "
        "FROM told WHERE drivers IS NOT NULL "
        "UNION ALL "
        "SELECT owner, '', drivers, ordinal,"
        " row_number() OVER (PARTITION BY owner, drivers ORDER BY ordinal), created_no "
        "FROM told WHERE drivers IS NOT NULL"
    )


def _tell_drivers_of_sessions() -> None:
    for name in SESSION_INDEXES:
        op.drop_index(name, table_name="sessions")
    op.add_column("sessions", sa.Column("drivers", sa.Text()))
    op.execute(
        "UPDATE sessions SET drivers = (SELECT json_extract(terms, '$.token.party.country_code') || '*' ||"
        " json_extract(terms, '$.token.party.party_id') "
        "FROM session_terms WHERE session_terms.created_no = sessions.created_no)"
    )
    for name, order in SESSION_INDEXES.items():
        op.create_index(
            name,
            "sessions",
            ["visible_to", order, "party", "drivers"],
            sqlite_where=sa.text("visible_to IS NOT NULL"),
        )
