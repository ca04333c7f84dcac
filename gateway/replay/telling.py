"""What came of a trace, for a person."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from gateway.replay.outcome import render_outcome

MOST_ALIKE: Final = 5
"""Differences shown of one action of a station."""


def tell_outcome(outcome: dict[str, Any]) -> str:
    """The story in lines, and the OCPI objects as JSON below it."""
    return "\n".join([*_tell(outcome), "", render_outcome(outcome["ocpi"]).decode()])


def _tell(outcome: dict[str, Any]) -> Iterator[str]:
    trace = outcome["trace"]
    stations = ", ".join(f"{name} (OCPP {version})" for name, version in trace["stations"].items()) or "none"
    yield f"{trace['lines']} lines from {trace['from']} until {trace['until']}; stations: {stations}"
    different = len(outcome["differences"])
    yield (
        f"{trace['messages_served']} messages served, {trace['answers_compared']} answers compared with the recorded "
        f"ones, {different or 'none'} of them {'differs' if different == 1 else 'differ'}"
    )
    yield from (f"note: {note}" for note in outcome["notes"])
    yield from (f"line {one['line']} was left out: {one['what']}; {one['remedy']}" for one in outcome["unread"])
    for session in outcome["sessions"]:
        yield _tell_session(session)
    yield from (f"withheld from partners: {one['kind']} {one['id']}: {one['reason']}" for one in outcome["withheld"])
    for one in outcome["refused"]:
        where = f"line {one['line']}" if one["line"] else "after the last line"
        yield f"{where}: {one['kind']} ({one['station']}): {one['text']}"
    for one in outcome["late_facts"]:
        yield f"late: {one['kind']} of {one['at']} ({one['station']}, message {one['message_id']}): {one['reason']}"
    for one in outcome["deviations"]:
        times = "once" if one["count"] == 1 else f"{one['count']} times"
        yield f"put up with, {times}: {one['station']} {one['action']} {one['path']}: {one['problem']}"
    yield from _tell_differences(outcome["differences"])


def _tell_differences(differences: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Of many to the same action of a station the first ones, and how many more: a quarantine makes hundreds."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in differences:
        kind = (one["station"], one["asked"])
        counts[kind] += 1
        if counts[kind] <= MOST_ALIKE:
            yield f"line {one['line']} ({one['station']} {one['asked']}) is answered otherwise:"
            yield f"  recorded  {one['recorded']}"
            yield f"  now       {one['now'] or 'nothing'}"
    for (station, asked), count in counts.items():
        if count > MOST_ALIKE:
            yield f"and {count - MOST_ALIKE} more answers to {asked} of {station} differ: --json has them all"


def _tell_session(session: dict[str, Any]) -> str:
    end = session["ended_at"] or "still open where the trace ends"
    flags = f", flags: {', '.join(session['flags'])}" if session["flags"] else ""
    if session["cdr_id"]:
        bill = f"CDR {session['cdr_id']}"
    elif session["hold"]:
        bill = f"no CDR: {session['hold']}"
    else:
        bill = "no CDR"
    plug = f"{session['station']} EVSE {session['evse_no']} connector {session['connector_no']}"
    return (
        f"session {session['id']} ({plug}, transaction {session['transaction_id']}): {session['status']}, "
        f"{session['started_at']} to {end}, {session['energy_wh']:f} Wh{flags}; {bill}"
    )
