"""Bills are found by the end of the visit, for reports: `ended_us`, taken from each bill's own text; and it is kept
when a partner was first shown a bill."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SLICE = 1_000


def upgrade() -> None:
    with op.batch_alter_table("cdrs") as table:
        table.add_column(sa.Column("ended_us", sa.BigInteger(), nullable=False, server_default="0"))
    _fill()
    with op.batch_alter_table("cdrs") as table:
        table.alter_column("ended_us", server_default=None)
    op.create_index("ix_cdrs_ended", "cdrs", ["ended_us", "owner"])
    op.add_column("cdr_renderings", sa.Column("shown_us", sa.BigInteger()))


def _fill() -> None:
    connection = op.get_bind()
    cdrs = sa.table("cdrs", sa.column("created_no"), sa.column("body"), sa.column("ended_us"))
    done = 0
    while rows := connection.execute(
        sa.select(cdrs.c.created_no, cdrs.c.body)
        .where(cdrs.c.created_no > done)
        .order_by(cdrs.c.created_no)
        .limit(SLICE)
    ).fetchall():
        for created_no, body in rows:
            ended_us = json.loads(body).get("ended_at", 0)
            connection.execute(cdrs.update().where(cdrs.c.created_no == created_no).values(ended_us=ended_us))
        done = rows[-1][0]
