"""Lists and their pages, and the objects that can be read one by one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from simulators.emsp import pages
from simulators.emsp.check.table import HELD, SINCE_221, SINCE_230, CheckRule, Examine, Spec, Verdict, broken, skipped
from simulators.emsp.check.visit import MODULES, NothingToTellError, Visit, tell
from simulators.emsp.errors import EmspError
from simulators.emsp.peer import Reply
from simulators.emsp.wire import JsonObject, parse_datetime, shorten

PAGES = Spec("transport_and_format 4.1.4.1.3 Paginated Response", "transport_and_format Paginated Response")
ASKING = Spec("transport_and_format 4.1.4.1.2 Paginated Request", "transport_and_format Paginated Request")
GET_OBJECT = Spec("mod_locations 8.2.1.1.4 GET Object: Response Data", "mod_locations 2.1.1 GET Method")
LISTS = {
    "locations": Spec("mod_locations 8.2.1.1.2 GET List: Response Data", "mod_locations 2.1.1 GET Method"),
    "tariffs": Spec("mod_tariffs 11.2.1.1 GET Method", "mod_tariffs 2.1.1 GET Method"),
    "sessions": Spec("mod_sessions 9.2.1.1 GET Method", "mod_sessions 2.1.1 GET Method"),
    "cdrs": Spec("mod_cdrs 10.2.1.1 GET Method", "mod_cdrs 2.1.1 GET Method"),
}
# As many requests a walk over a list by small pages, and GETs of single locations, may take at most.
MOST_PAGES = 10
MOST_LOCATIONS = 10


def _list_is_read(module: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        try:
            await visit.pull(module)
        except NothingToTellError as error:
            return broken(f"a list of {module}", str(error), visit.endpoints.get((module, "SENDER"), ""))
        return HELD

    return examine


async def _walk(visit: Visit, module: str) -> pages.Pull | str:
    """The same list by small pages, with a filter that lets all through; or why it could not be walked."""
    if module not in visit.walks:
        total = len((await visit.pull(module)).items)
        limit = max(1, -(-total // MOST_PAGES))
        try:
            visit.walks[module] = await visit.pull_window(module, pages.Window(pages.BEGINNING), limit)
        except EmspError as error:
            visit.walks[module] = str(error)
    return visit.walks[module]


def _over_lists(name: str, ask: Callable[[Visit, str], Awaitable[Verdict]]) -> Examine:
    """Look at every list the server offers; skipped if none of them could tell."""

    async def examine(visit: Visit) -> Verdict:
        reasons = []
        told = False
        for module in visit.offered():
            try:
                verdict = await ask(visit, module)
            except NothingToTellError as error:
                reasons.append(str(error))
                continue
            except EmspError as error:
                return broken(name, f"{module}: {error.what}", error.where)
            if verdict is not HELD:
                return verdict
            told = True
        return HELD if told else skipped("; ".join(reasons) or "the server offers no list")

    return examine


async def _is_walked(visit: Visit, module: str) -> Verdict:
    walk = await _walk(visit, module)
    if isinstance(walk, str):
        return broken("pages to the end", walk)
    if walk.pages < 2:
        raise NothingToTellError(f"{module} fit on one page")
    return HELD


async def _keeps_order(visit: Visit, module: str) -> Verdict:
    whole = _ids([item for _, _, item in (await visit.pull(module)).items])
    if len(whole) < 2:
        raise NothingToTellError(f"{module} has fewer than two objects")
    walk = await _walk(visit, module)
    if isinstance(walk, str):
        raise NothingToTellError(f"{module} could not be walked")
    walked = _ids([item for _, _, item in walk.items])
    common = [one for one in whole if one in walked]
    if common != [one for one in walked if one in whole]:
        return broken("the same order on every call", f"{module}: {shorten(whole)} and then {shorten(walked)}")
    return HELD


async def _keeps_offset(visit: Visit, module: str) -> Verdict:
    whole = _ids([item for _, _, item in (await visit.pull(module)).items])
    if len(whole) < 2:
        raise NothingToTellError(f"{module} has fewer than two objects")
    query = visit_query(visit, module) | {"offset": "1", "limit": "1"}
    reply = await visit.ask("GET", module, "SENDER", query=query)
    seen = _ids(reply.data)
    if seen[:1] != whole[1:2]:
        return broken(f"offset=1 begins with {whole[1]}", f"{shorten(seen)}, {tell(reply)}", reply.where)
    return HELD


async def _from_is_inclusive(visit: Visit, module: str) -> Verdict:
    items = await visit.items(module)
    newest = max(_updated(item) for item in items)
    answer = await visit.pull_window(module, pages.Window(date_from=newest))
    got = {_id(item): _updated(item) for _, _, item in answer.items if _is_dated(item)}
    exact = visit.version.number in SINCE_221
    for item in items:
        if _updated(item) >= newest and exact and _id(item) not in got:
            return broken(f"date_from={item['last_updated']} includes {module} {_id(item)} of that moment", "left out")
    old = next((one for one, moment in got.items() if moment < newest), None)
    if old is not None:
        return broken(f"nothing that was updated before date_from={newest}", f"{module} {old} of {got[old]}")
    return HELD


async def _to_is_exclusive(visit: Visit, module: str) -> Verdict:
    items = await visit.items(module)
    oldest = min(_updated(item) for item in items)
    answer = await visit.pull_window(module, pages.Window(visit.beginning(module), oldest))
    exact = visit.version.number in SINCE_221
    for _, _, item in answer.items:
        if _is_dated(item) and (_updated(item) > oldest or (exact and _updated(item) == oldest)):
            return broken(f"nothing of date_to={oldest} or later", f"{module} {_id(item)} of {item['last_updated']}")
    return HELD


async def _may_be_empty(visit: Visit, module: str) -> Verdict:
    await visit.pull(module)
    tomorrow = visit.desk.now() + timedelta(days=1)
    query = pages.Window(date_from=tomorrow).query(visit.version.render_time)
    reply = await visit.ask("GET", module, "SENDER", query=query)
    total = reply.headers.get("X-Total-Count")
    if not reply.is_success or reply.data != [] or total != "0":
        seen = f"{tell(reply)}, data {shorten(reply.data)}, X-Total-Count {total}"
        return broken("a list without objects: data [] and X-Total-Count 0", seen, reply.where)
    return HELD


def visit_query(visit: Visit, module: str) -> dict[str, str]:
    """What every list request of a module must say."""
    return pages.Window(visit.beginning(module)).query(visit.version.render_time)


async def _location_by_id(visit: Visit) -> Verdict:
    return await _same_as_in_list(visit, lambda location: [([location["id"]], location, "location")])


async def _evse_by_id(visit: Visit) -> Verdict:
    return await _same_as_in_list(
        visit,
        lambda location: [([location["id"], evse["uid"]], evse, "evse") for evse in location.get("evses") or []],
    )


async def _connector_by_id(visit: Visit) -> Verdict:
    return await _same_as_in_list(
        visit,
        lambda location: [
            ([location["id"], evse["uid"], plug["id"]], plug, "connector")
            for evse in location.get("evses") or []
            for plug in evse["connectors"]
        ],
    )


async def _same_as_in_list(
    visit: Visit, parts: Callable[[JsonObject], list[tuple[list[str], JsonObject, str]]]
) -> Verdict:
    told = False
    for location in (await visit.items("locations"))[:MOST_LOCATIONS]:
        for ids, listed, kind in parts(location)[:MOST_LOCATIONS]:
            reply = await visit.ask("GET", "locations", "SENDER", *ids)
            verdict = _compare(visit, reply, listed, kind)
            if verdict is not HELD:
                return verdict
            told = True
    return HELD if told else skipped("no location has any")


def _compare(visit: Visit, reply: Reply, listed: JsonObject, kind: str) -> Verdict:
    name = "uid" if kind == "evse" else "id"
    if not reply.is_success:
        return broken(f"the {kind} {listed[name]} that stands in the list", tell(reply), reply.where)
    problems = visit.version.judge(kind, reply.data)
    if not visit.version.is_well_formed(kind, reply.data):
        return broken(f"a {kind} object", f"{problems[0].path} {problems[0].seen}", reply.where)
    # It may have changed since, then its last_updated says so.
    if reply.data["last_updated"] == listed["last_updated"] and reply.data != listed:
        names = sorted(key for key in reply.data.keys() | listed.keys() if reply.data.get(key) != listed.get(key))
        return broken(f"the {kind} as it stands in the list", f"{', '.join(names)} differ", reply.where)
    return HELD


async def _nothing_vanishes(visit: Visit) -> Verdict:
    before = await visit.items("locations")
    pull = await visit.pull_window("locations", pages.Window())
    after = {_id(item): item for _, _, item in pages.iter_well_formed(visit.version, "locations", pull)}
    for location in before:
        there = after.get(_id(location))
        if there is None:
            return broken(f"location {_id(location)} stays in the list", "it is gone")
        left = {evse["uid"] for evse in there.get("evses") or []}
        for evse in location.get("evses") or []:
            if evse["uid"] not in left:
                return broken(f"EVSE {evse['uid']} stays, at last with status REMOVED", "it is gone")
    return HELD


def _ids(items: object) -> list[str]:
    return [_id(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _id(item: JsonObject) -> str:
    return str(item.get("id"))


def _updated(item: JsonObject) -> datetime:
    return parse_datetime(item["last_updated"])


def _is_dated(item: JsonObject) -> bool:
    try:
        _updated(item)
    except (KeyError, TypeError, ValueError):
        return False
    return True


READ: tuple[CheckRule, ...] = tuple(
    CheckRule(
        f"{module}.list",
        f"the list of {module} can be read to its end",
        LISTS[module],
        _list_is_read(module),
        endpoint=(module, "SENDER"),
    )
    for module in MODULES
)
RULES: tuple[CheckRule, ...] = (
    *READ,
    CheckRule(
        "locations.by_id", "GET of a location answers what the list has",
        GET_OBJECT, _location_by_id, endpoint=("locations", "SENDER"),
    ),
    CheckRule(
        "locations.evse_by_id", "GET of an EVSE answers what the list has",
        GET_OBJECT, _evse_by_id, endpoint=("locations", "SENDER"),
    ),
    CheckRule(
        "locations.connector_by_id", "GET of a connector answers what the list has",
        GET_OBJECT, _connector_by_id, endpoint=("locations", "SENDER"),
    ),
    CheckRule(
        "pages.walk", "a list with a limit leads from page to page", PAGES,
        _over_lists("a walk by pages", _is_walked),
    ),
    CheckRule(
        "pages.order", "the same query answers the same objects in the same order", PAGES,
        _over_lists("the same order", _keeps_order),
    ),
    CheckRule("pages.offset", "offset leaves out the first objects", ASKING, _over_lists("an offset", _keeps_offset)),
    CheckRule(
        "pages.date_from", "date_from is inclusive and leaves out what is older", ASKING,
        _over_lists("a list from a moment on", _from_is_inclusive),
    ),
    CheckRule(
        "pages.date_to", "date_to is exclusive and leaves out what is newer", ASKING,
        _over_lists("a list up to a moment", _to_is_exclusive),
    ),
    CheckRule(
        "pages.empty", "a list without objects is [] with X-Total-Count 0", PAGES,
        _over_lists("an empty list", _may_be_empty),
    ),
)  # fmt: skip
INVOICES = "invoicereconciliation"
INVOICE_LIST = Spec("mod_invoice_reconciliation Sender Interface GET Method")
INVOICE_RULES: tuple[CheckRule, ...] = (
    CheckRule(
        "invoices.list", "the list of invoice reconciliation records can be read to its end",
        INVOICE_LIST, _list_is_read(INVOICES), SINCE_230, endpoint=(INVOICES, "SENDER"),
    ),
)  # fmt: skip
KEPT: tuple[CheckRule, ...] = (
    CheckRule(
        "locations.kept", "locations and EVSEs never vanish: an EVSE becomes REMOVED",
        Spec("mod_locations 8.1 Flow and Lifecycle", "mod_locations 1 Flow and Lifecycle"),
        _nothing_vanishes, endpoint=("locations", "SENDER"),
    ),
)  # fmt: skip
