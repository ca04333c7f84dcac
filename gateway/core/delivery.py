"""How deliveries follow each other, when they are tried again, and what a partner's answer means."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gateway.domain.deliveries import Delivery, DeliveryKind, DeliveryState, PartnerAnswer, Subject
from gateway.domain.locations import Evse, Location
from gateway.domain.sessions import Session

LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_PAUSE_ASKED = timedelta(hours=1)
"""A partner may ask for a longer pause than we would make, but not put us off for days."""
UNKNOWN_LOCATION = 2003  # OCPI 2.2.1 status_codes 5.2
RESULTS_TRIED_FOR = timedelta(hours=1)
"""Whoever ordered something waits for minutes, and later wants to know what became of it; not for days."""
BEHIND_THE_HUB = frozenset({4001, 4002, 4003})
"""A hub does not know the party addressed, has no answer of it, or no connection.  OCPI 2.2.1 status_codes 5.4"""
SEALED_WITHIN = timedelta(seconds=10)
STATUS_SETTLES = timedelta(seconds=2)
"""A plug that flaps is told of at most once in this time; what it says last is always told."""
_SAYS_DUPLICATE = re.compile(r"duplicate|already|exist(s|ing)\b", re.IGNORECASE)
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)

_RANKS: Mapping[DeliveryKind, int] = {
    DeliveryKind.LOCATION: 0,
    DeliveryKind.EVSE: 1,
    DeliveryKind.CONNECTOR: 2,
    DeliveryKind.EVSE_STATUS: 3,
    DeliveryKind.TARIFF: 0,
    DeliveryKind.SESSION: 0,
    DeliveryKind.CDR: 1,
    DeliveryKind.RESULT: 0,
    DeliveryKind.PROFILE: 0,
    DeliveryKind.INVOICE: 0,
}


class Verdict(StrEnum):
    """What an answer means for the delivery."""

    DELIVERED = "DELIVERED"
    LATER = "LATER"
    """The partner is down, busy, or failed by itself: it is asked again."""
    UNREACHED = "UNREACHED"
    """It is a hub that does not reach the party addressed: that party is told later, all others are told."""
    SUSPENDED = "SUSPENDED"
    """It does not accept our credentials: nothing is sent to it until they work."""
    MISSING = "MISSING"
    """It does not have the object that was to be changed: it is given the whole one."""
    REFUSED = "REFUSED"


def judge_answer(
    method: str,
    answer: PartnerAnswer,
    *,
    is_bill: bool = False,
    is_result: bool = False,
    is_forwarded: bool = False,
) -> Verdict:
    """What an answer to a PUT, PATCH, POST or DELETE means.

    A failure in either layer is one.  OCPI 2.2.1 status_codes 5.1 to 5.4; a bill that "is there already" (409) was
    delivered, and so is the end of a tariff that is not there.  Many take a result without a word of OCPI.
    `is_forwarded`: it went through a hub to a party behind it.
    """
    http, code = answer.http_status, answer.status_code
    if 200 <= http < 300 and (1000 <= code < 2000 if code is not None else is_result):
        return Verdict.DELIVERED
    if http in (401, 403):
        return Verdict.SUSPENDED
    if is_forwarded and code in BEHIND_THE_HUB:
        return Verdict.UNREACHED
    if http == 404 and method == "DELETE":
        return Verdict.DELIVERED
    if (http == 404 and method != "POST") or (code == UNKNOWN_LOCATION and method == "PATCH"):
        return Verdict.MISSING
    if http == 409 and is_bill:
        return Verdict.DELIVERED
    if http in (0, 408, 425, 429) or http >= 500:
        return Verdict.LATER
    if code is not None and 2000 <= code < 3000:
        return Verdict.REFUSED
    if 400 <= http < 500:
        return Verdict.REFUSED
    # 3xxx, 4xxx of a hub, no OCPI at all, a redirection: it may be mended on the other side.
    return Verdict.LATER


def may_be_there(answer: PartnerAnswer, *, was_sent: bool) -> bool:
    """May a partner that will not take a bill have it already?  So it may where an earlier attempt had no answer, and
    where its words say so.  Then it is asked before the bill counts as refused.
    """
    return was_sent or _SAYS_DUPLICATE.search(answer.message or "") is not None


def find_pause(failures: int, answer: PartnerAnswer, first: timedelta, permille: int) -> timedelta:
    """How long to wait after so many failures in a row: twice as long each time, the upper half of it by chance
    (`permille`), so that not all come back at once; at least as long as the partner asks for."""
    full = min(first * (1 << min(max(failures, 1) - 1, 16)), LONGEST_PAUSE)
    pause = full / 2 + full * permille / 2_000
    if answer.retry_after_s is None:
        return pause
    return max(pause, min(timedelta(seconds=answer.retry_after_s), LONGEST_PAUSE_ASKED))


def is_worth_trying(delivery: Delivery, now: datetime) -> bool:
    """May what failed be tried again?  A result is of no use any more after a while."""
    return delivery.subject.kind is not DeliveryKind.RESULT or now - delivery.created_at < RESULTS_TRIED_FOR


def choose_next(waiting: Iterable[Delivery]) -> tuple[Delivery, tuple[Delivery, ...]] | None:
    """The delivery of a lane that goes next, with those it makes superfluous.

    A session before its bills, these in the order in which they were made; a whole location instead of its parts, a
    whole EVSE instead of its own parts.  What was refused has left its lane.
    """
    rows = [row for row in waiting if row.state is not DeliveryState.REFUSED]
    if not rows:
        return None
    head = min(rows, key=lambda row: (_RANKS[row.subject.kind], row.no))
    return head, tuple(row for row in rows if row is not head and _covers(head.subject, row.subject))


def find_due(waiting: Iterable[Delivery]) -> datetime | None:
    """When a lane has something to send; whoever waits behind another makes it due as well."""
    return min((row.due_at for row in waiting if row.state is not DeliveryState.REFUSED), default=None)


def _covers(whole: Subject, part: Subject) -> bool:
    if whole.kind is DeliveryKind.LOCATION:
        return True
    return whole.kind is DeliveryKind.EVSE and part.evse_uid == whole.evse_uid and part.kind is not DeliveryKind.EVSE


def find_session_patch(before: Mapping[str, object] | None, now: Mapping[str, object]) -> dict[str, object] | None:
    """The progress of a session as a PATCH, None where it takes a PUT.

    `before` and `now` are the session as rendered then and now.  A PATCH says how far it has come since, but none of
    its charging periods, for a PATCH adds those to the ones that are there (OCPI 2.2.1 mod_sessions 9.2.2.3): the next
    PUT, when a period, its tariff or the status changes, has them all.
    """
    if before is None or before.keys() - now.keys() or before.get("status") != now.get("status"):
        return None
    if _tariffs_of(before) != _tariffs_of(now) or now.get("end_date_time") is not None:
        return None
    changed = {name: value for name, value in now.items() if before.get(name) != value and name != "charging_periods"}
    return changed | {"last_updated": now["last_updated"]}


def _tariffs_of(rendered: Mapping[str, object]) -> list[object]:
    """By which tariff each of its periods is billed."""
    periods = rendered.get("charging_periods")
    return [period.get("tariff_id") for period in periods] if isinstance(periods, Sequence) else []


def find_session_due(session: Session, last_sent_at: datetime | None, now: datetime, interval: timedelta) -> datetime:
    """When to tell a partner of the progress of a session: at most once per interval, from the last time on.

    A session that has ended is told with its bill, if that is to be made in a moment: a partner that was told of the
    end takes no more of it (OCPI 2.2.1 mod_sessions 9.3.1 "COMPLETED").
    """
    due_at = session.seal_due_at
    if not session.is_open:
        return due_at + SEALED_WITHIN if due_at is not None and due_at - now <= SEALED_WITHIN else now
    return now if last_sent_at is None else max(now, last_sent_at + interval)


def find_status_due(last_due_at: datetime | None, now: datetime) -> datetime:
    """When to tell the status of an EVSE: at once, or where it was told of just before, a little later; then what it
    is by then."""
    if last_due_at is None or now >= last_due_at + STATUS_SETTLES:
        return now
    return last_due_at if now < last_due_at else last_due_at + STATUS_SETTLES


def find_changed_parts(before: Location | None, now: Location) -> Sequence[Subject]:
    """What to tell of a location that is saved: its one changed plug or EVSE, or else the whole; nothing where it is as
    before."""
    whole = _part(DeliveryKind.LOCATION, now)
    if before is None or _own_fields(before) != _own_fields(now):
        return (whole,)
    known = {evse.uid: evse for evse in before.evses}
    changed = [evse for evse in now.evses if evse.uid not in known or _is_other(known[evse.uid], evse)]
    if known.keys() - {evse.uid for evse in now.evses} or len(changed) > 1:
        return (whole,)
    return [_changed_part(now, known.get(evse.uid), evse) for evse in changed]


def _changed_part(location: Location, before: Evse | None, evse: Evse) -> Subject:
    if before is not None and [plug.id for plug in before.connectors] == [plug.id for plug in evse.connectors]:
        plugs = [
            plug
            for old, plug in zip(before.connectors, evse.connectors, strict=True)
            if old != replace(plug, last_updated=old.last_updated)
        ]
        if len(plugs) == 1 and replace(before, connectors=()) == replace(
            evse, connectors=(), last_updated=before.last_updated
        ):
            return _part(DeliveryKind.CONNECTOR, location, evse.uid, plugs[0].id)
    return _part(DeliveryKind.EVSE, location, evse.uid)


def _part(kind: DeliveryKind, location: Location, evse_uid: str = "", connector_id: str = "") -> Subject:
    return Subject(kind=kind, lane_id=location.id, object_id=location.id, evse_uid=evse_uid, connector_id=connector_id)


def _own_fields(location: Location) -> Location:
    return replace(location, evses=(), last_updated=_ANY_TIME, created_no=0)


def _is_other(before: Evse, now: Evse) -> bool:
    return _without_times(before) != _without_times(now)


def _without_times(evse: Evse) -> Evse:
    plugs = tuple(replace(plug, last_updated=_ANY_TIME) for plug in evse.connectors)
    return replace(evse, connectors=plugs, last_updated=_ANY_TIME)
