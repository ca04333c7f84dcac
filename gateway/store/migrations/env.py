"""Alembic's entry: runs the migrations on the connection it is given, all in one transaction.

The next revision: change `tables.py`, write `versions/revision_<number>.py` after the shape of the last one, and
name it as `HEAD` in `runner.py`.  A test compares what the migrations build with the tables.
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
