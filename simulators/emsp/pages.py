"""Pulls a list page by page and judges the paging."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from yarl import URL

from simulators.emsp import transport
from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.peer import Peer, Reply, endpoint_url
from simulators.emsp.state import Desk
from simulators.emsp.version import OcpiVersion
from simulators.emsp.wire import JsonObject, format_datetime, is_absolute_url, origin_of, parse_datetime, shorten

TOTAL = Rule("pages.total_count", "every list says in X-Total-Count how many objects match", transport.PAGES)
LIMIT = Rule("pages.limit", "every list says in X-Limit how many objects the server returns at most", transport.PAGES)
LIMIT_STEADY = Rule(
    "pages.limit_steady", "X-Limit is the upper limit, not the number of objects on this page", transport.PAGES
)
TOO_MANY = Rule("pages.too_many", "a page holds no more objects than limit and X-Limit", transport.PAGES)
TOO_FEW = Rule("pages.too_few", "a page before the last one is full", transport.PAGES, Severity.NOTE)
TOTAL_MATCHES = Rule("pages.total_matches", "the pages hold as many objects as X-Total-Count says", transport.PAGES)
DUPLICATE = Rule("pages.duplicate", "no object stands twice on the pages of one query", transport.PAGES)
LINK_SHAPE = Rule("pages.link_shape", 'Link is <absolute URL>; rel="next"', transport.PAGES)
LINK_ORIGIN = Rule("pages.link_origin", "the next page has the scheme, host and port of the endpoint", transport.PAGES)
LINK_FILTERS = Rule("pages.link_filters", "the link to the next page keeps date_from and date_to", transport.PAGES)
LINK_LAST = Rule("pages.link_last", "a page links to the next one if and only if it is not the last", transport.PAGES)
LINK_LOOP = Rule("pages.link_loop", "the link leads on, not back", transport.PAGES)
WINDOW = Rule("pages.window", "last_updated is at or after date_from and before date_to", transport.PAGES)
FOREIGN = Rule(
    "pages.foreign_owner",
    "objects belong to a party of the handshake",
    "OCPI 2.2.1 transport_and_format 4.1.6 Client Owned Object Pull",
)

# Sessions cannot be listed without date_from (OCPI 2.2.1 9.2.1.1): from the first day of OCPI on.
BEGINNING = datetime(2014, 1, 1, tzinfo=UTC)

_LINK = re.compile(r"<([^>]*)>\s*((?:;[^,;]*)*)")
_NEXT = re.compile(r';\s*rel\s*=\s*"?next"?\s*(;|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Window:
    """The filter of a pull; None where it is open."""

    date_from: datetime | None = None
    date_to: datetime | None = None

    def query(self, render: Callable[[datetime], str] = format_datetime) -> dict[str, str]:
        named = {"date_from": self.date_from, "date_to": self.date_to}
        return {name: render(moment) for name, moment in named.items() if moment is not None}

    def holds(self, moment: datetime) -> bool:
        return (self.date_from is None or moment >= _to_ms(self.date_from)) and (
            self.date_to is None or moment < _to_ms(self.date_to)
        )


@dataclass(slots=True)
class Pull:
    """One crawl over the pages of a query. `items` are all objects, with the URL of their page, as they came."""

    window: Window
    limit: int | None
    pages: int = 0
    items: list[tuple[str, str, JsonObject]] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    ceilings: list[int] = field(default_factory=list)


async def pull_pages(
    desk: Desk, version: OcpiVersion, peer: Peer, module: str, window: Window, limit: int | None
) -> Pull:
    """Pull a module's list to its end; `PeerRefusedError` if a page cannot be had."""
    pull = Pull(window, limit)
    endpoint = endpoint_url(desk, module, "SENDER")
    query = window.query(version.render_time) | ({} if limit is None else {"limit": str(limit)})
    url: str | None = endpoint
    visited: set[str] = set()
    while url is not None:
        reply = await peer.get(url, module=module, query=query if not visited else None)
        reply.require_success(f"cannot pull {module}")
        visited.add(url)
        problems, items = _read_page(pull, reply)
        following, link_problems = _next_page(reply, endpoint, pull, visited)
        problems += link_problems + _check_last(pull, reply, items, following is not None or bool(link_problems))
        desk.findings.extend(reply.where, problems)
        url = following
    _judge_objects(desk, version, module, pull)
    _check_whole(desk, version, module, pull)
    return pull


def _read_page(pull: Pull, reply: Reply) -> tuple[list[Problem], int]:
    """Take in the objects of one page; the number is how many there were."""
    problems: list[Problem] = []
    total, ceiling = (_count(reply.headers, name) for name in ("X-Total-Count", "X-Limit"))
    if total is None:
        problems.append(Problem(TOTAL, "header X-Total-Count", repr(reply.headers.get("X-Total-Count"))))
    else:
        pull.totals.append(total)
    if not ceiling:
        problems.append(Problem(LIMIT, "header X-Limit", repr(reply.headers.get("X-Limit"))))
    elif pull.ceilings and ceiling != pull.ceilings[-1]:
        problems.append(Problem(LIMIT_STEADY, "header X-Limit", f"{ceiling}, on the page before {pull.ceilings[-1]}"))
    if ceiling:
        pull.ceilings.append(ceiling)
    pull.pages += 1
    if not isinstance(reply.data, list):
        problems.append(Problem(transport.DATA, "$.data", f"{shorten(reply.data)!r} instead of a list"))
        return problems, 0
    if len(reply.data) > min(pull.limit or len(reply.data), ceiling or len(reply.data)):
        seen = f"{len(reply.data)} objects, limit {pull.limit}, X-Limit {ceiling}"
        problems.append(Problem(TOO_MANY, "$.data", seen))
    for index, item in enumerate(reply.data):
        path = f"$.data[{index}]"
        if isinstance(item, dict):
            pull.items.append((reply.where, path, item))
        else:
            problems.append(Problem(transport.DATA, path, f"{shorten(item)!r} instead of an object"))
    return problems, len(reply.data)


def _next_page(reply: Reply, endpoint: str, pull: Pull, visited: set[str]) -> tuple[str | None, list[Problem]]:
    """The URL to go on with, or None with the reason why a link is not followed."""
    header = reply.headers.get("Link")
    if header is None:
        return None, []
    link = next((match[1] for match in _LINK.finditer(header) if _NEXT.search(match[2])), None)
    if link is None:
        return None, [Problem(LINK_SHAPE, "header Link", repr(header))]
    if not is_absolute_url(link):
        return None, [Problem(LINK_SHAPE, "header Link", f"{link!r} is not absolute")]
    if origin_of(link) != origin_of(endpoint):
        return None, [Problem(LINK_ORIGIN, "header Link", f"{link!r}, endpoint {endpoint!r}: not followed")]
    if link in visited:
        return None, [Problem(LINK_LOOP, "header Link", f"{link!r} was already read")]
    kept = URL(link).query
    lost = [name for name, value in pull.window.query().items() if not _same_moment(kept.get(name), value)]
    if lost:
        seen = f"{', '.join(lost)} lost or changed in {link!r}: not followed"
        return None, [Problem(LINK_FILTERS, "header Link", seen)]
    return link, []


def _check_last(pull: Pull, reply: Reply, items: int, has_link: bool) -> list[Problem]:
    if not pull.totals:
        return []
    total = pull.totals[-1]
    ceiling = _count(reply.headers, "X-Limit")
    is_end = len(pull.items) >= total
    if has_link and is_end:
        return [Problem(LINK_LAST, "header Link", f"a link after {len(pull.items)} of {total} objects")]
    if not has_link and not is_end:
        return [Problem(LINK_LAST, "header Link", f"no link after {len(pull.items)} of {total} objects")]
    if has_link and items < min(pull.limit or total, ceiling or total):
        return [Problem(TOO_FEW, "$.data", f"{items} objects, limit {pull.limit}, X-Limit {ceiling}")]
    return []


def _judge_objects(desk: Desk, version: OcpiVersion, module: str, pull: Pull) -> None:
    kind = version.kinds[module]
    partner = desk.partner
    owners = {party.ids for party in partner.card.parties} if partner else set()
    for where, path, item in pull.items:
        desk.findings.checked[module] += 1
        desk.findings.extend(where, version.judge(kind, item), path)
        if not version.is_well_formed(kind, item):
            continue
        updated = parse_datetime(item["last_updated"])
        if not pull.window.holds(updated):
            desk.findings.add(WINDOW, where, f"{path}.last_updated", item["last_updated"])
        if updated > desk.now() + transport.CLOCK_SKEW:
            desk.findings.add(transport.FUTURE, where, f"{path}.last_updated", item["last_updated"])
        owner = version.key_of(module, item)[:2]
        if version.has_owners and owners and owner not in owners:
            desk.findings.add(FOREIGN, where, f"{path}.party_id", "*".join(owner))


def _check_whole(desk: Desk, version: OcpiVersion, module: str, pull: Pull) -> None:
    """Over all pages together: nothing twice, and as many as were promised."""
    kind = version.kinds[module]
    first: dict[tuple[str, ...], str] = {}
    for where, path, item in pull.items:
        if version.is_well_formed(kind, item):
            key = version.key_of(module, item)
            if key in first:
                desk.findings.add(DUPLICATE, where, path, f"{'/'.join(key)} also at {first[key]}")
            first.setdefault(key, f"{where} {path}")
    if len(set(pull.totals)) == 1 and pull.totals[0] != len(pull.items) and pull.items:
        seen = f"{len(pull.items)} objects on {pull.pages} pages, X-Total-Count {pull.totals[0]}"
        desk.findings.add(TOTAL_MATCHES, pull.items[-1][0], "header X-Total-Count", seen)


def iter_well_formed(version: OcpiVersion, module: str, pull: Pull) -> Iterator[tuple[str, str, JsonObject]]:
    kind = version.kinds[module]
    return ((where, path, item) for where, path, item in pull.items if version.is_well_formed(kind, item))


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _same_moment(text: str | None, expected: str) -> bool:
    try:
        return text is not None and parse_datetime(text) == parse_datetime(expected)
    except ValueError:
        return False


def _to_ms(moment: datetime) -> datetime:
    return parse_datetime(format_datetime(moment))
