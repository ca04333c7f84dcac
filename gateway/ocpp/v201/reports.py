"""Reports that come in parts (OCPP 2.0.1 B07, B08)."""

from typing import Any, Final

from gateway.ocpp.message import Seat

_MAX_REPORTS: Final = 4
_MAX_PARTS: Final = 1_000


def fold_report(seat: Seat, part: dict[str, Any]) -> dict[str, Any] | None:
    """Take a NotifyReport; the whole report in the order of seqNo once the last part is there, else None.

    A report of one part is whole by itself.  `is_complete` is false if parts are missing: the station may have dropped
    them, or answered before a reconnect.
    """
    request_id, is_last = part["requestId"], not part.get("tbc", False)
    if seat.reports is None:
        seat.reports = {}
    parts = seat.reports.setdefault(request_id, [])
    if len(parts) < _MAX_PARTS:
        parts.append(part)
    while len(seat.reports) > _MAX_REPORTS:
        del seat.reports[next(iter(seat.reports))]
    if not is_last:
        return None
    seat.reports.pop(request_id, None)
    if not seat.reports:
        seat.reports = None
    by_number = {each["seqNo"]: each for each in parts}
    data = [entry for number in sorted(by_number) for entry in by_number[number].get("reportData") or ()]
    return {
        "requestId": request_id,
        "generatedAt": part["generatedAt"],
        "is_complete": len(by_number) == part["seqNo"] + 1,
        "reportData": data,
    }
