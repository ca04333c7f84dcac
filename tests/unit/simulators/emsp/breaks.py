"""For each rule of the check, one way a server breaks it and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.unit.simulators.emsp.checked_cpo import LISTS, CheckedCpo, Out, Seen, Spoil
from tests.unit.simulators.emsp.objects import TOKEN_A, Json

When = Callable[[CheckedCpo, Seen, Out], bool]
SINCE_221 = ("2.2.1", "2.3.0")


@dataclass(frozen=True)
class Break:
    """`setup` spoils the server, `spoil` its answers; `came` stands in what the check says of it."""

    came: str
    spoil: Spoil | None = None
    setup: Callable[[CheckedCpo], None] | None = None
    habits: set[str] = field(default_factory=set)
    versions: tuple[str, ...] = ()


def answers(when: When, *answer: Any, came: str = "", versions: tuple[str, ...] = ()) -> Break:
    """The answer, where `when` says so, is another one: HTTP status, OCPI status, data."""

    def spoil(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
        if when(cpo, seen, out):
            out.set(*answer)

    return Break(came or f"HTTP {answer[0]}", spoil, versions=versions)


def changes(when: When, change: Callable[[Out], object], came: str, versions: tuple[str, ...] = ()) -> Break:
    def spoil(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
        if when(cpo, seen, out):
            change(out)

    return Break(came, spoil, versions=versions)


def last(module: str, came: str, versions: tuple[str, ...] = (), **fields: Any) -> Break:
    """The second object of a module has other fields."""
    return Break(came, setup=lambda cpo: cpo.objects[module][-1].update(fields), versions=versions)


def edited(module: str, came: str, edit: Callable[[Json], object], versions: tuple[str, ...] = ()) -> Break:
    return Break(came, setup=lambda cpo: (edit(cpo.objects[module][-1]), None)[1], versions=versions)


def habit(name: str, came: str, versions: tuple[str, ...] = ()) -> Break:
    return Break(came, habits={name}, versions=versions)


# When


def to(method: str, module: str, *segments: str) -> When:
    """A request with this method and path; segments count from the end, and only by their own ends."""

    def when(_cpo: CheckedCpo, seen: Seen, _out: Out) -> bool:
        if (seen.method, seen.module) != (method, module) or len(seen.segments) < len(segments):
            return False
        pairs = zip(reversed(seen.segments), reversed(segments), strict=False)
        return all(seen_one.endswith(one) for seen_one, one in pairs)

    return when


def both(*whens: When) -> When:
    return lambda cpo, seen, out: all(when(cpo, seen, out) for when in whens)


def is_list(_cpo: CheckedCpo, seen: Seen, out: Out) -> bool:
    return seen.method == "GET" and seen.module in LISTS and not seen.segments and isinstance(out.data, list)


def is_filled(cpo: CheckedCpo, seen: Seen, out: Out) -> bool:
    return is_list(cpo, seen, out) and bool(out.data)


def is_empty(cpo: CheckedCpo, seen: Seen, out: Out) -> bool:
    return is_list(cpo, seen, out) and not out.data and "date_to" not in seen.query


def is_walk(_cpo: CheckedCpo, seen: Seen, _out: Out) -> bool:
    return seen.module == "tariffs" and seen.query.get("limit") == "1" and "date_from" in seen.query


def is_refusal(_cpo: CheckedCpo, _seen: Seen, out: Out) -> bool:
    return out.is_refusal


def is_right(_cpo: CheckedCpo, _seen: Seen, out: Out) -> bool:
    return not out.is_refusal


def is_routed(_cpo: CheckedCpo, _seen: Seen, out: Out) -> bool:
    return "OCPI-to-party-id" in out.headers and out.status != 401


def status(http_status: int) -> When:
    return lambda _cpo, _seen, out: out.status == http_status


def code(status_code: int) -> When:
    return lambda _cpo, _seen, out: out.code == status_code


def with_token(which: Callable[[CheckedCpo, str], bool]) -> When:
    return lambda cpo, seen, _out: which(cpo, seen.token)


def query(name: str, value: str) -> When:
    return lambda _cpo, seen, _out: seen.query.get(name) == value


def nth(count: int, key: str) -> When:
    return lambda cpo, _seen, _out: cpo.counts[key] == count


def depth(count: int) -> When:
    return lambda _cpo, seen, _out: len(seen.segments) == count


def is_registered(cpo: CheckedCpo, _seen: Seen, _out: Out) -> bool:
    return cpo.is_registered


VERSIONS_GET = to("GET", "versions")


def _lose_second(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    is_again = seen.module == "locations" and bool(cpo.tokens) and not seen.query
    if is_again and is_filled(cpo, seen, out):
        out.data.pop()
        out.headers["X-Total-Count"] = "1"


def _swap_walk(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if is_walk(cpo, seen, out):
        out.data = [cpo.objects["tariffs"][1 - int(seen.query.get("offset", 0))]]


def _ignore_offset(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if seen.module == "tariffs" and "offset" in seen.query and "date_from" not in seen.query:
        out.data = cpo.objects["tariffs"][:1]


def _ignore_limit(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if is_filled(cpo, seen, out) and seen.query.get("limit") == "1" and "offset" not in seen.query:
        out.data = cpo.objects[seen.module]
        out.headers.pop("Link", None)


def _limit_by_rest(cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if is_list(cpo, seen, out):
        out.headers["X-Limit"] = str(50 - int(seen.query.get("offset", 0)))


def _relative_link(_cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if "Link" in out.headers:
        out.headers["Link"] = f'</{seen.module}?offset=1>; rel="next"'


def _unfiltered_link(_cpo: CheckedCpo, _seen: Seen, out: Out) -> None:
    if "Link" in out.headers:
        out.headers["Link"] = out.headers["Link"].replace("date_from", "date_off")


def _result_before_answer(cpo: CheckedCpo, seen: Seen, _out: Out) -> None:
    cpo.habits = {"always_results"} if seen.segments == ["STOP_SESSION"] else set()


def _never_result(_cpo: CheckedCpo, seen: Seen, out: Out) -> None:
    if seen.segments == ["CANCEL_RESERVATION"]:
        out.data["timeout"] = 0


def _double_evse(location: Json) -> None:
    location["evses"].append(deepcopy(location["evses"][0]))


def _name_unknown_tariff(location: Json) -> None:
    connector = location["evses"][0]["connectors"][0]
    connector |= {"tariff_id": "T9"} if "tariff_id" in connector else {"tariff_ids": ["T9"]}


def _begin_early(item: Json) -> None:
    item["charging_periods"][0]["start_date_time"] = "2026-03-02T09:00:00Z"


def _at(depth_of_path: int, name: str, value: Any) -> Break:
    def change(out: Out) -> None:
        out.data[name] = value

    return changes(both(to("GET", "locations"), depth(depth_of_path), is_right), change, name)


def _drop(name: str) -> Callable[[Out], object]:
    return lambda out: out.headers.pop(name, None)


def _set(name: str, value: str) -> Callable[[Out], object]:
    return lambda out: out.headers.update({name: value})


def _stamp(value: str | None) -> Callable[[Out], object]:
    return lambda out: setattr(out, "timestamp", value)


REJECTED = {"result": "REJECTED", "timeout": 5}
ACCEPTED = {"result": "ACCEPTED", "timeout": 5}
TOKEN = ("PUT", "tokens")

BREAKS: dict[str, Break] = {
    "versions.list": changes(VERSIONS_GET, lambda out: out.data and out.data.append({"version": "9.9"}), "url"),
    "versions.details": changes(
        to("GET", "details"), lambda out: out.data and out.data.update(version="9.9"), "9.9"
    ),
    "credentials.no_token": answers(both(VERSIONS_GET, with_token(lambda _, token: not token)), 200, 1000, []),
    "credentials.unknown_token": answers(
        both(VERSIONS_GET, with_token(lambda cpo, token: bool(token) and token not in cpo.ever)), 200, 1000, []
    ),
    "credentials.token_a_elsewhere": answers(
        both(is_refusal, with_token(lambda cpo, token: token == TOKEN_A and not cpo.is_registered),
             lambda _cpo, seen, _out: seen.module in LISTS), 200, 1000, [],
    ),
    "credentials.put_unregistered": answers(both(to("PUT", "credentials"), status(405)), 200, 2001),
    "credentials.delete_unregistered": answers(both(to("DELETE", "credentials"), status(405)), 200, 1000),
    "credentials.post": habit("POST", "3001"),
    "credentials.fetches": habit("no_callback", "nothing"),
    "credentials.token_a_ends": answers(
        both(VERSIONS_GET, is_registered, with_token(lambda _, token: token == TOKEN_A)), 200, 1000, []
    ),
    "credentials.get": answers(to("GET", "credentials"), 200, 1000, {}, came="$."),
    "credentials.post_again": answers(both(to("POST", "credentials"), status(405)), 200, 2000),
    "credentials.object": changes(
        both(to("POST", "credentials"), is_right), lambda out: out.data.update(url=out.data["url"] + "?again"), "again"
    ),
    "credentials.put": habit("PUT", "3001"),
    "credentials.old_token_ends": answers(
        both(VERSIONS_GET, is_registered, status(401),
             with_token(lambda cpo, token: token in cpo.ever and token != TOKEN_A)), 200, 1000, [],
    ),
    "credentials.delete": answers(both(to("DELETE", "credentials"), status(200)), 500, 3000),
    "calls.format": habit("no_ids", "header X-", SINCE_221),
    "calls.objects": habit("pushes_badly", "$.city"),
    "transport.json": changes(
        both(to("PATCH", "tokens", "L"), is_right), lambda out: setattr(out, "raw", b'{"data": '), "$"
    ),
    "transport.content_type": changes(is_right, _set("Content-Type", "text/html"), "text/html"),
    "transport.envelope": changes(is_right, _stamp(None), "$.timestamp"),
    "transport.clock": changes(is_right, _stamp("2020-01-01T00:00:00Z"), "2020"),
    "headers.message_ids": changes(is_right, _drop("X-Correlation-ID"), "X-Correlation-ID"),
    "headers.routing": changes(both(is_right, is_routed), _set("OCPI-to-party-id", "XXX"), "XXX"),
    "headers.not_routed": changes(VERSIONS_GET, _set("OCPI-from-party-id", "GWY"), "OCPI-from-party-id"),
    "errors.envelope": changes(is_refusal, _stamp(None), "$.timestamp"),
    "errors.message_ids": changes(is_refusal, _drop("X-Request-ID"), "X-Request-ID"),
    "errors.routing": changes(both(is_refusal, is_routed), _set("OCPI-from-party-id", "XXX"), "XXX"),
    "errors.missing_object": answers(both(to("GET", "locations"), depth(1), status(404)), 200, 2003),
    "errors.unknown_path": answers(depth(4), 200, 2000),
    "errors.wrong_method": answers(both(to("DELETE", "locations"), status(405)), 200, 1000),
    "errors.bad_limit": answers(query("limit", "many"), 200, 1000, []),
    "errors.bad_offset": answers(query("offset", "-1"), 200, 1000, []),
    "errors.bad_date": answers(query("date_from", "yesterday"), 200, 1000, []),
    "errors.no_date_from": answers(
        both(to("GET", "sessions"), lambda _cpo, seen, _out: not seen.query), 200, 1000, []
    ),
    **{f"{module}.list": answers(both(to("GET", module), is_list), 500, 3000, came="HTTP 500") for module in LISTS},
    "locations.by_id": _at(1, "name", "Elsewhere"),
    "locations.evse_by_id": _at(2, "floor_level", "9"),
    "locations.connector_by_id": answers(both(to("GET", "locations"), depth(3)), 404, 2003),
    "locations.kept": Break("gone", _lose_second),
    "locations.objects": edited("locations", "Field required", lambda item: item.pop("city")),
    "tariffs.objects": edited("tariffs", "Field required", lambda item: item.pop("elements")),
    "sessions.objects": edited("sessions", "Field required", lambda item: item.pop("status")),
    "cdrs.objects": edited("cdrs", "Field required", lambda item: item.pop("total_cost")),
    "locations.facts": last("locations", "Mars", time_zone="Mars/Olympus_Mons"),
    "tariffs.facts": last(
        "tariffs", "end_date_time", start_date_time="2026-03-02T00:00:00Z", end_date_time="2026-03-01T00:00:00Z"
    ),
    "sessions.facts": edited("sessions", "charging_periods", _begin_early, SINCE_221),
    "cdrs.facts": last("cdrs", "total_", total_parking_time=9),
    "locations.last_updated": last("locations", "last_updated", last_updated="2026-02-01T00:00:00Z"),
    "locations.unique": edited("locations", "E2", _double_evse),
    "pages.walk": answers(both(is_walk, lambda _cpo, seen, _out: "offset" in seen.query), 500, 3000, came="HTTP 500"),
    "pages.order": Break("T2", _swap_walk),
    "pages.offset": Break("T1", _ignore_offset),
    "pages.date_from": habit("exclusive_from", "left out", SINCE_221),
    "pages.date_to": habit("inclusive_to", "of 2026", SINCE_221),
    "pages.empty": answers(is_empty, 404, 2000),
    "pages.total_count": changes(is_filled, _drop("X-Total-Count"), "X-Total-Count"),
    "pages.x_limit": changes(is_list, _drop("X-Limit"), "X-Limit"),
    "pages.x_limit_steady": Break("X-Limit", _limit_by_rest),
    "pages.limit": Break("2 objects, limit 1", _ignore_limit),
    "pages.full": habit("short_pages", "1 objects"),
    "pages.duplicate": Break("also at", setup=lambda cpo: cpo.objects["tariffs"].append(cpo.objects["tariffs"][-1])),
    "pages.link": Break("not absolute", _relative_link),
    "pages.link_filters": Break("lost", _unfiltered_link),
    "tokens.put": answers(to(*TOKEN, "A"), 200, 2001),
    "tokens.created": changes(status(201), lambda out: setattr(out, "status", 200), "HTTP 200, then"),
    "tokens.get": changes(
        both(to("GET", "tokens"), lambda _cpo, _seen, out: bool(out.data and "visual_number" in out.data)),
        lambda out: setattr(out, "data", {**out.data, "issuer": "Somebody"}), "Somebody",
    ),
    "tokens.missing": answers(both(to("GET", "tokens"), status(404)), 200, 2000),
    "tokens.put_replaces": habit("put_merges", "nl"),
    "tokens.patch": habit("patch_forgets", "true"),
    "tokens.patch_without_last_updated": answers(both(to("PATCH", "tokens"), code(2001)), 200, 1000),
    "tokens.patch_bare": answers(to("PATCH", "tokens", "M"), 200, 2001),
    "tokens.patch_missing": answers(to("PATCH", "tokens", "NONE"), 200, 1000),
    "tokens.foreign": answers(to(*TOKEN, "ZZZ", ""), 201, 1000),
    "tokens.other_id": answers(to(*TOKEN, "OTHER"), 201, 1000),
    "tokens.types": habit("ignores_type", "APP_USER"),
    "tokens.case": habit("exact_case", "HTTP 404"),
    "tokens.incomplete": answers(to(*TOKEN, "F"), 201, 1000),
    "tokens.wrong_type": answers(to(*TOKEN, "G"), 500, 3000),
    "tokens.not_an_object": answers(to(*TOKEN, "H"), 500, 3000),
    "tokens.not_json": answers(to(*TOKEN, "I"), 200, 2001),
    "tokens.unknown_field": answers(to(*TOKEN, "K"), 200, 2001),
    "tokens.null": answers(to(*TOKEN, "L"), 200, 2001),
    "commands.response": answers(
        to("POST", "commands", "UNLOCK_CONNECTOR"), 200, 1000, {"result": "SURE"}, came="SURE"
    ),
    "commands.unknown_location": answers(
        both(to("POST", "commands", "START_SESSION"), nth(2, "POST commands/START_SESSION")),
        200, 1000, ACCEPTED, came="result ACCEPTED", versions=SINCE_221,
    ),
    "commands.unknown_session": answers(
        both(to("POST", "commands", "STOP_SESSION"), code(1000)), 200, 1000, REJECTED, came="result REJECTED"
    ),
    "commands.wrong_body": answers(both(to("POST", "commands"), code(2001), status(200)), 500, 3000),
    "commands.not_json": answers(both(to("POST", "commands"), status(400)), 200, 2001),
    "commands.unknown_command": answers(to("POST", "commands", "DANCE"), 500, 3000),
    "commands.wrong_method": answers(to("GET", "commands"), 200, 1000, ACCEPTED),
    "commands.result": Break("nothing within 0 s", _never_result, habits={"no_results"}, versions=SINCE_221),
    "commands.no_result": Break("after UNKNOWN_SESSION", _result_before_answer),
    **{
        f"profiles.unknown_{method.lower()}": answers(
            both(to(method, "chargingprofiles"), code(1000)), 200, 1000, REJECTED, came="result REJECTED"
        )
        for method in ("PUT", "GET", "DELETE")
    },
    "profiles.wrong_body": answers(both(to("PUT", "chargingprofiles"), code(2001)), 200, 1000, ACCEPTED),
    "preferences.unknown_session": answers(
        both(to("PUT", "sessions", "charging_preferences"), status(404)), 200, 1000, "ACCEPTED"
    ),
    "preferences.wrong_body": answers(
        both(to("PUT", "sessions", "charging_preferences"), code(2001)), 200, 1000, "ACCEPTED"
    ),
    "types.date_time": last("tariffs", "27 characters", last_updated="2026-03-02T11:30:00.000000Z"),
    "types.number": edited(
        "tariffs", "5 decimals",
        lambda item: item["elements"][0]["price_components"][0].update(price=Decimal("0.30001")),
    ),
    "types.string": last("locations", "46 characters", city="x" * 46),
    "types.url": last("tariffs", "nowhere", tariff_alt_url="nowhere"),
    "types.coordinates": edited("locations", "latitude", lambda item: item["coordinates"].update(latitude=52.1)),
    "types.currency": last("tariffs", "euro", currency="euro"),
    "invoices.list": answers(to("GET", "invoicereconciliation"), 500, 3000, came="HTTP 500"),
    "invoices.objects": edited("invoicereconciliation", "cdrs", lambda item: item["cdrs"].clear()),
    "objects.owner": last("tariffs", "NL*XXX", party_id="XXX"),
    "objects.not_in_future": last("tariffs", "2026-03-03", last_updated="2026-03-03T00:00:00Z"),
    "objects.references": edited("locations", "T9", _name_unknown_tariff),
    "objects.nulls": last("tariffs", "null", tariff_alt_url=None),
    "objects.unknown_fields": last("tariffs", "colour", colour="green"),
    "objects.advice": edited("locations", "evse_id", lambda item: item["evses"][0].pop("evse_id")),
}  # fmt: skip
