"""The schema's history, and how a database is brought to its end when the program starts."""

from gateway.store.migrations.runner import HEAD, upgrade

__all__ = ["HEAD", "upgrade"]
