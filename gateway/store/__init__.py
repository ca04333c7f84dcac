"""Where facts live: tables, the one writer, queries and migrations.  One schema, today on SQLite."""
