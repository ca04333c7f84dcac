"""Alembic's entry: runs the migrations on the connection it is given, all in one transaction.

To write the next one, change `gateway/store/tables.py` and follow `docs/architecture.md`.
"""

from alembic import context

from gateway.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
