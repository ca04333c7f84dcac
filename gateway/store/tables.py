"""The one definition of the schema: what migrations build and statements are compiled from.

Columns are BIGINT, TEXT and BLOB only, so that every engine means the same by them: times are µs since 1970 in UTC
(`…_us`), decimals and JSON are TEXT, truth is 0 or 1.  Tables that every message writes are laid out so that a
commit touches few pages, and have no index that a query of the port does not need.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""The type of keys that count up: SQLite makes only an INTEGER PRIMARY KEY the table's own key."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# --- stations -----------------------------------------------------------------------------------------------------

stations = Table(
    "stations",
    metadata,
    Column("station_key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

connector_statuses = Table(
    "connector_statuses",
    metadata,
    Column("station_key", Text, primary_key=True),
    Column("evse_no", BigInteger, primary_key=True, autoincrement=False),
    Column("connector_no", BigInteger, primary_key=True, autoincrement=False),
    Column("station_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("occupied_by", Text),
    Column("error_code", Text),
    Column("info", Text),
    Column("vendor_error", Text),
    sqlite_with_rowid=False,
)

# --- sessions -----------------------------------------------------------------------------------------------------

# A session is three rows of one number: its keys, the fold that every message writes, and its terms, which hold a site
# and a tariff; for what is updated is written as a whole row.
sessions = Table(
    "sessions",
    metadata,
    Column("created_no", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("station_key", Text, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("evse_no", BigInteger, nullable=False),
    Column("connector_no", BigInteger, nullable=False),
    Column("transaction_id", Text),  # not before its transaction came
    Column("start_key", Text, nullable=False, unique=True),
    Column("remote_start_id", Text),
    Column("partner_id", Text),
    Column("started_us", BigInteger, nullable=False),  # that of the fold, for the index
    UniqueConstraint("station_key", "transaction_id"),
    sqlite_autoincrement=True,  # a number names one session for ever: a late fold must not meet another
)
Index("ix_sessions_plug", *(sessions.c[name] for name in ("station_key", "evse_no", "connector_no", "started_us")))

# Its number is that of a session there is: a fold is never written without one.
session_folds = Table(
    "session_folds",
    metadata,
    Column("created_no", NUMBER, ForeignKey(sessions.c.created_no), primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("last_fact_no", BigInteger, nullable=False),  # its newest fact, 0: none
    Column("last_updated_us", BigInteger, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("seal_due_us", BigInteger),
    Column("hold", Text),
    Column("sealed_cdr_id", Text),
    Column("waiver", Text),
    Column("visible_to", Text),  # partner_id once a site and a token are known: what the partner's list shows
    Column("party", Text),  # the site's party, CC*PID
    Column("drivers", Text),  # the party of the driver's token, CC*PID
    Column("ledger", Text, nullable=False),
)
Index(
    "ix_session_folds_visible_by_time",
    *(session_folds.c[name] for name in ("visible_to", "last_updated_us", "party", "drivers")),
    sqlite_where=session_folds.c.visible_to.is_not(None),
    postgresql_where=session_folds.c.visible_to.is_not(None),
)
Index(
    "ix_session_folds_visible_by_no",
    *(session_folds.c[name] for name in ("visible_to", "created_no", "party", "drivers")),
    sqlite_where=session_folds.c.visible_to.is_not(None),
    postgresql_where=session_folds.c.visible_to.is_not(None),
)
Index(
    "ix_session_folds_unsealed",
    session_folds.c.created_no,
    sqlite_where=session_folds.c.sealed_cdr_id.is_(None),
    postgresql_where=session_folds.c.sealed_cdr_id.is_(None),
)

session_terms = Table(
    "session_terms",
    metadata,
    Column("created_no", NUMBER, primary_key=True, autoincrement=False),
    Column("id_token", Text),
    Column("terms", Text, nullable=False),
)
# A session that is billed for long loses its driver, and with it its place here.
Index(
    "ix_session_terms_personal",
    session_terms.c.created_no,
    sqlite_where=session_terms.c.id_token.is_not(None),
    postgresql_where=session_terms.c.id_token.is_not(None),
)

# In the order they come, so that the facts of one commit fill few pages.  Each names the one before it of its session,
# and the session its newest: they are found along that chain, without an index, in which every message of a commit
# would dirty a page of its own.  The session's revision keeps out who has not seen all facts before.
session_facts = Table(
    "session_facts",
    metadata,
    Column("no", NUMBER, primary_key=True, autoincrement=False),
    Column("session_no", BigInteger, nullable=False),
    Column("before_no", BigInteger, nullable=False),
    Column("fact_key", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

reservations = Table(
    "reservations",
    metadata,
    Column("created_no", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("station_key", Text, nullable=False),
    Column("no", BigInteger, nullable=False),  # what the station is told
    Column("is_live", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("station_key", "no"),
    Index("ix_reservations_station", "station_key", "created_no"),
)
Index(
    "ix_reservations_live",
    reservations.c.created_no,
    sqlite_where=reservations.c.is_live == 1,
    postgresql_where=reservations.c.is_live == 1,
)

# --- bills --------------------------------------------------------------------------------------------------------

cdrs = Table(
    "cdrs",
    metadata,
    Column("created_no", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("session_id", Text, nullable=False),
    Column("correction_no", BigInteger, nullable=False),  # 0 the bill, 1 its credit, 2 the bill in its place, 3 …
    Column("owner", Text, nullable=False),  # the partner's id, "" where it is nobody's but ours
    Column("ordinal", BigInteger, nullable=False),
    Column("party", Text, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    UniqueConstraint("owner", "ordinal"),
    UniqueConstraint("session_id", "correction_no"),
)
Index("ix_cdrs_ended", cdrs.c.ended_us, cdrs.c.owner)
Index("ix_cdrs_window", cdrs.c.owner, cdrs.c.last_updated_us, cdrs.c.ordinal)

# A CDR's number, without gaps, in each list of its owner's that it is in: by one of our parties, for the drivers of one
# of the owner's, and by the one for the other.  "" stands for all.  A page of them is found here.
cdr_numbers = Table(
    "cdr_numbers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("party", Text, primary_key=True),
    Column("drivers", Text, primary_key=True),
    Column("ordinal", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("cdr_no", BigInteger, nullable=False),
    UniqueConstraint("owner", "party", "drivers", "number"),
    sqlite_with_rowid=False,
)

# By `created_no`, which every index of `cdrs` has and which rises: so what makes a page lies together, and none of the
# bodies of `cdrs`, which fill pages of their own, is touched.
cdr_renderings = Table(
    "cdr_renderings",
    metadata,
    Column("cdr_no", BigInteger, primary_key=True, autoincrement=False),
    Column("version", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("shown_us", BigInteger),  # not known of those shown before this was kept
)

invoices = Table(
    "invoices",
    metadata,
    Column("created_no", NUMBER, primary_key=True),
    Column("id_key", Text, nullable=False, unique=True),
    Column("partner_id", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("to_party", Text, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("told_us", BigInteger),
    Column("body", Text, nullable=False),
)
Index("ix_invoices_partner", invoices.c.partner_id, invoices.c.created_no)

# --- deliveries ---------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("partner_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lane_id", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("evse_uid", Text, nullable=False),  # "" where the object is none, or no part of one
    Column("connector_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("answer", Text),
    UniqueConstraint("partner_id", "kind", "object_id", "evse_uid", "connector_id"),
    sqlite_autoincrement=True,  # a number names one delivery for ever: a late settlement must not meet another
)

cdr_receipts = Table(
    "cdr_receipts",
    metadata,
    Column("cdr_id", Text, primary_key=True),
    Column("partner_id", Text, primary_key=True),
    Column("answer", Text, nullable=False),
    sqlite_with_rowid=False,
)

# --- what partners asked for --------------------------------------------------------------------------------------

callbacks = Table(
    "callbacks",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("station_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("asked", Text, nullable=False),
    Column("body", LargeBinary),  # what is posted, as it is posted
    Index("ix_callbacks_station", "station_key", "no"),
)
Index(
    "ix_callbacks_open",
    callbacks.c.no,
    sqlite_where=callbacks.c.state == "OPEN",
    postgresql_where=callbacks.c.state == "OPEN",
)

remote_starts = Table(
    "remote_starts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kept_until_us", BigInteger, nullable=False, index=True),
    Column("body", Text, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

# --- inventory ----------------------------------------------------------------------------------------------------

locations = Table(
    "locations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_no", BigInteger, nullable=False, unique=True),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

evse_statuses = Table(
    "evse_statuses",
    metadata,
    Column("location_id", Text, primary_key=True),
    Column("evse_uid", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

tariffs = Table(
    "tariffs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

# --- tokens and partners ------------------------------------------------------------------------------------------

tokens = Table(
    "tokens",
    metadata,
    Column("uid_key", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("country_code", Text, primary_key=True),
    Column("party_id", Text, primary_key=True),
    Column("partner_id", Text, nullable=False, index=True),
    Column("valid", BigInteger, nullable=False),
    Column("newest_us", BigInteger, nullable=False),  # last_updated; 0 once the partner's registration ended
    Column("body", Text, nullable=False),
    Column("invalid_us", BigInteger),  # since when it is not valid, by our clock
    sqlite_with_rowid=False,
)
Index(
    "ix_tokens_invalid",
    tokens.c.invalid_us,
    sqlite_where=tokens.c.invalid_us.is_not(None),
    postgresql_where=tokens.c.invalid_us.is_not(None),
)

local_tokens = Table(
    "local_tokens",
    metadata,
    Column("uid_key", Text, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("status", Text),
    Column("group_id", Text),
    Column("preferred_partner_id", Text),
)

partners = Table(
    "partners",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

hub_clients = Table(
    "hub_clients",
    metadata,
    Column("hub_id", Text, primary_key=True),
    Column("country_code", Text, primary_key=True),
    Column("party_id", Text, primary_key=True),
    Column("role", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("last_updated_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# --- what the technician looks at ---------------------------------------------------------------------------------

deviations = Table(
    "deviations",
    metadata,
    Column("station_key", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("problem", Text, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("example", Text, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

notices = Table(
    "notices",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("station_key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_notices_station", "station_key", "no"),
)

quarantined = Table(
    "quarantined",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("body", Text, nullable=False),
)

late_facts = Table(
    "late_facts",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("station_id", Text, nullable=False),
    Column("session_id", Text, nullable=False),  # "" for a fact that fits no session: NULLs would not be unique
    Column("reason", Text, nullable=False),
    Column("fact_key", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("station_id", "session_id", "fact_key"),
    Index("ix_late_facts_session", "session_id", "no"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("no", NUMBER, primary_key=True),
    Column("station_key", Text, nullable=False),
    Column("station_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_incidents_station", "station_key", "no"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
