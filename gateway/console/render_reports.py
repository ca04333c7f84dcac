"""A reconciliation as JSON, as CSV for a spreadsheet, and as a table for a person."""

import csv
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from gateway.console.fields import render_datetime
from gateway.domain.reports import Reconciliation, ReconciliationRow, UnbilledSession

WH_PER_KWH: Final = Decimal(1000)
OURS: Final = "(own and refused cards)"
COLUMNS: Final = (
    *("partner_id", "partner", "currency", "sessions", "without_cdr", "cdrs", "credits", "shown", "not_shown"),
    *("refused", "kwh", "total_excl_vat", "total_incl_vat"),
)
_HEADS: Final = (
    *("PARTNER", "CURRENCY", "SESSIONS", "NO CDR", "CDRS", "CREDITS", "SHOWN", "NOT SHOWN", "REFUSED"),
    *("KWH", "EXCL. VAT", "INCL. VAT"),
)
_FORMULA: Final = ("=", "+", "-", "@")


def render_reconciliation(month: str, zone: str, report: Reconciliation, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "month": month,
        "zone": zone,
        "from": report.begin_at,
        "until": report.end_at,
        "rows": [_render_row(row, names) for row in report.rows],
        "sessions_without_cdr": [_render_unbilled(session) for session in report.unbilled],
        "cdrs_not_shown": list(report.not_shown),
    }


def render_csv(report: Reconciliation, names: Mapping[str, str]) -> str:
    """One line per partner and currency; numbers with a decimal point."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in report.rows:
        values = _render_row(row, names)
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return text.getvalue()


def render_table(month: str, zone: str, report: Reconciliation, names: Mapping[str, str]) -> str:
    """The rows, and below them each visit without a bill and why."""
    lines = [f"Visits that ended in {month} ({zone})", ""]
    if not report.rows:
        return "\n".join([*lines, "none"])
    cells = [_HEADS, *(_table_row(row, names) for row in report.rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines += ["  ".join(_aligned(line, widths)).rstrip() for line in cells]
    if report.unbilled:
        lines += ["", "Without CDR:"]
        lines += [_tell_unbilled(session) for session in report.unbilled]
    if report.not_shown:
        lines += ["", "CDRs that their partner has neither pulled nor taken yet:"]
        lines += [f"  {cdr_id}" for cdr_id in report.not_shown]
    return "\n".join(lines)


def _render_row(row: ReconciliationRow, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "partner_id": row.partner_id,
        "partner": OURS if row.partner_id is None else names.get(row.partner_id),
        "currency": row.currency,
        "sessions": row.sessions,
        "without_cdr": row.unbilled,
        "cdrs": row.cdrs,
        "credits": row.credits,
        "shown": row.shown,
        "not_shown": row.not_shown,
        "refused": row.refused,
        "kwh": row.energy_wh / WH_PER_KWH,
        "total_excl_vat": row.cost.before_taxes,
        "total_incl_vat": row.cost.with_taxes,
    }


def _render_unbilled(session: UnbilledSession) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "station_id": session.station_id,
        "partner_id": session.partner_id,
        "ended_at": session.ended_at,
        "kwh": session.energy_wh / WH_PER_KWH,
        "reason": session.reason,
    }


def _table_row(row: ReconciliationRow, names: Mapping[str, str]) -> tuple[str, ...]:
    values = _render_row(row, names)
    incl = values["total_incl_vat"]
    return (
        values["partner"] or values["partner_id"],
        row.currency or "none",
        *(str(values[name]) for name in COLUMNS[3:10]),
        f"{values['kwh']:.4f}",
        f"{values['total_excl_vat']:.4f}",
        "not known" if incl is None else f"{incl:.4f}",
    )


def _aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Texts to the left, numbers to the right."""
    return [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def _tell_unbilled(session: UnbilledSession) -> str:
    kwh = f"{session.energy_wh / WH_PER_KWH:f}"
    return (
        f"  {session.session_id} at {session.station_id}, ended {render_datetime(session.ended_at)}, {kwh} kWh: "
        f"{session.reason}"
    )


def _cell(value: Any) -> str:
    """A text that a spreadsheet would take for a formula is made plain."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else str(value)
