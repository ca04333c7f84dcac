"""Restrictions of tariffs are fields, no longer a JSON text.

They lie in tariffs, in the terms of sessions and in CDRs.  The bytes of CDRs that partners were shown stay as they are.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXTS = ("start_date", "end_date", "reservation")
TIMES = ("start_time", "end_time")
NUMBERS = ("min_kwh", "max_kwh", "min_current", "max_current", "min_power", "max_power")
DURATIONS = ("min_duration", "max_duration")
SLICE = 1_000


def upgrade() -> None:
    _convert("tariffs", "id", "body", ())
    _convert("session_terms", "created_no", "terms", ("tariff",))
    _convert("cdrs", "created_no", "body", ("terms", "tariff"))


def _convert(table: str, key: str, column: str, path: tuple[str, ...]) -> None:
    """Rewrite the tariff at `path` in every object of the column that has restrictions."""
    connection = op.get_bind()
    rows = sa.table(table, sa.column(key), sa.column(column))
    found = (
        sa.select(rows.c[key], rows.c[column]).where(rows.c[column].contains('"restrictions":"')).order_by(rows.c[key])
    )
    last: Any = None
    while True:
        page = connection.execute((found if last is None else found.where(rows.c[key] > last)).limit(SLICE)).all()
        for identity, text in page:
            connection.execute(sa.update(rows).where(rows.c[key] == identity).values({column: _converted(text, path)}))
        if not page:
            return
        last = page[-1][0]


def _converted(text: str, path: tuple[str, ...]) -> str:
    body = json.loads(text)
    tariff = body
    for name in path:
        tariff = tariff.get(name) or {}
    for element in tariff.get("elements", ()):
        if isinstance(element.get("restrictions"), str):
            element["restrictions"] = _fields_of(element["restrictions"])
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _fields_of(text: str) -> dict[str, Any]:
    """Numbers keep their digits.  What is not known is kept as it was, as JSON text."""
    given: dict[str, Any] = json.loads(text)
    digits: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    fields: dict[str, Any] = {"day_of_week": sorted(set(given.pop("day_of_week", None) or ()))}
    for name in TEXTS:
        fields[name] = given.pop(name, None)
    for name in TIMES:
        at = given.pop(name, None)
        fields[name] = None if at is None else f"{at}:00"
    for name in NUMBERS:
        fields[name] = None if given.pop(name, None) is None else digits[name]
    for name in DURATIONS:
        fields[f"{name}_s"] = given.pop(name, None)
    if given:
        fields["extra"] = json.dumps(given, ensure_ascii=False)
    return {name: value for name, value in fields.items() if value is not None}
