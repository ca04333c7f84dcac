"""Rules that hold for all answers: whatever was found on the way is put down to one of them."""

from __future__ import annotations

from collections.abc import Iterator

from simulators.emsp.check.lists import INVOICE_LIST, INVOICES, LISTS, PAGES
from simulators.emsp.check.table import (
    ALL,
    HELD,
    SINCE_221,
    SINCE_230,
    CheckRule,
    Examine,
    Spec,
    Verdict,
    from_findings,
    skipped,
)
from simulators.emsp.check.visit import MODULES, NothingToTellError, Tag, Visit
from simulators.emsp.findings import Finding
from simulators.emsp.v221.types import PARAGRAPHS

FORMAT = Spec("transport_and_format 4.1.7 Response format", "transport_and_format Response format")
ROUTING = Spec(
    "transport_and_format 4.1.8.2 Message Routing Headers",
    in_230="transport_and_format 4.1.9.2 Message Routing Headers",
)
IDS = Spec("transport_and_format 4.2 Unique message IDs")
OBJECTS = {
    "locations": Spec("mod_locations 8.3 Object description", "mod_locations 3 Object description"),
    "tariffs": Spec("mod_tariffs 11.3.1 Tariff Object", "mod_tariffs 3.1 Tariff Object"),
    "sessions": Spec("mod_sessions 9.3.1 Session Object", "mod_sessions 3.1 Session Object"),
    "cdrs": Spec("mod_cdrs 10.3.1 CDR Object", "mod_cdrs 3.1 CDR Object"),
}
# What a rule of the judge is a case of.  "" is nothing a server can be blamed for.
BY_ID = {
    "http.json": "transport.json",
    "http.content_type": "transport.content_type",
    "envelope.timestamp": "transport.clock",
    "headers.request_id": "headers.message_ids",
    "headers.correlation_id": "headers.message_ids",
    "headers.routing": "headers.routing",
    "headers.routing_alone": "",
    "headers.not_routed": "headers.not_routed",
    "http.status": "",  # whoever asked says so
    "envelope.status_code": "",
    "pages.total_count": "pages.total_count",
    "pages.total_matches": "pages.total_count",
    "pages.limit": "pages.x_limit",
    "pages.limit_steady": "pages.x_limit_steady",
    "pages.too_many": "pages.limit",
    "pages.too_few": "pages.full",
    "pages.duplicate": "pages.duplicate",
    "pages.link_shape": "pages.link",
    "pages.link_origin": "pages.link",
    "pages.link_last": "pages.link",
    "pages.link_loop": "pages.link",
    "pages.link_filters": "pages.link_filters",
    "pages.window": "",  # the rules of date_from and date_to
    "pages.foreign_owner": "objects.owner",
    "object.last_updated": "objects.not_in_future",
    "location.last_updated": "locations.last_updated",
    "evse.last_updated": "locations.last_updated",
    "location.evse_unique": "locations.unique",
    "evse.uid_unique": "locations.unique",
    "evse.evse_id_unique": "locations.unique",
    "connector.id_unique": "locations.unique",
    "platform.evse_uid_unique": "locations.unique",
    "shape.unknown_field": "objects.unknown_fields",
    "shape.null": "objects.nulls",
    "connector.tariff_known": "objects.references",
    "location.known": "",
    "cdr_token.known": "",  # the registration is new, the visits were before
    "auth_id.known": "",
    "credentials.token_a_ends": "",  # a rule of its own
    "version_details.version": "versions.details",
    "commands.in_time": "",
    "commands.no_result": "",
    "commands.one_result": "",
}
# How a broken field is told apart: by the paragraph of its type, or by its name.
BY_TYPE = {
    PARAGRAPHS["ocpi_date_time"]: "types.date_time",
    PARAGRAPHS["ocpi_number"]: "types.number",
    PARAGRAPHS["ocpi_string"]: "types.string",
    PARAGRAPHS["ocpi_ci_string"]: "types.string",
    PARAGRAPHS["ocpi_url"]: "types.url",
}
BY_FIELD = {"latitude": "types.coordinates", "longitude": "types.coordinates", "currency": "types.currency"}
REFERENCES = ("locations.known", "cdr.session_known", "cdr.session_completed", "cdr.session_agrees")
LINKS = frozenset({"pages.link_shape", "pages.link_origin", "pages.link_last", "pages.link_loop", "pages.link_filters"})


def rule_of(finding: Finding, tag: Tag) -> str:
    """The id of the check's rule that a finding breaks, or "" for none."""
    if "://" not in finding.where:
        return _rule_of_call(finding)
    found = _rule_of(finding, tag)
    if not tag.is_refusal:
        return found
    if found in ("transport.json", "transport.content_type", "transport.envelope"):
        return "errors.envelope"
    if found == "headers.message_ids":
        return "errors.message_ids"
    return "errors.routing" if found == "headers.routing" and tag.module != "nobody" else ""


def _rule_of(finding: Finding, tag: Tag) -> str:
    if finding.rule.id in BY_ID:
        return BY_ID[finding.rule.id]
    if finding.rule.id in REFERENCES or finding.rule.id.startswith("location.evse_known"):
        return "objects.references"
    if finding.rule.id == "envelope.data":
        return "versions.list" if tag.module == "versions" else f"{tag.module}.objects"
    is_field = finding.rule.id == "shape.field"
    if is_field and not finding.path.startswith("$.data"):
        return "transport.envelope"
    if tag.module in ("versions", "details"):
        return "versions.list" if tag.module == "versions" else "versions.details"
    if tag.module == "credentials":
        return "credentials.object"
    if tag.module == INVOICES:
        return "invoices.objects"
    if tag.module not in MODULES:
        return ""
    if not is_field:
        return f"{tag.module}.facts" if finding.is_violation else "objects.advice"
    if finding.seen == "Field required":
        return f"{tag.module}.objects"
    name = finding.path.rpartition(".")[2]
    return BY_FIELD.get(name) or BY_TYPE.get(finding.rule.paragraph) or f"{tag.module}.objects"


def _rule_of_call(finding: Finding) -> str:
    """The rule for what the server sent to us by itself."""
    if not finding.is_violation or finding.rule.id.startswith("commands."):
        return ""
    is_transport = finding.rule.id.startswith(("push.", "headers.", "http."))
    return "calls.format" if is_transport else "calls.objects"


def findings_of(visit: Visit, rule_id: str) -> Iterator[Finding]:
    lost_link = any(finding.rule.id in LINKS for finding in visit.desk.findings)
    for finding in visit.desk.findings:
        # What came in between has no tag.
        tag = visit.tags.get(finding, Tag("nobody"))
        if finding.rule.id == "pages.total_matches" and lost_link:
            continue
        if rule_of(finding, tag) == rule_id:
            yield finding


def _judge(rule_id: str, title: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        return from_findings(title, findings_of(visit, rule_id))

    return examine


def _judge_objects(rule_id: str, title: str, module: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        verdict = from_findings(title, findings_of(visit, rule_id))
        if verdict is HELD:
            pull = await visit.pull(module)
            if not pull.items:
                return skipped(f"the server has no {module} yet")
            # Facts are held against each other in objects that can be read.
            if rule_id.endswith((".facts", ".last_updated", ".unique")):
                await visit.items(module)
        return verdict

    return examine


def _judge_any(rule_id: str, title: str) -> Examine:
    """A rule about the objects of all lists; skipped as long as there are none."""

    async def examine(visit: Visit) -> Verdict:
        verdict = from_findings(title, findings_of(visit, rule_id))
        if verdict is HELD and not any(not isinstance(pull, str) and pull.items for pull in visit.pulls.values()):
            return skipped("the server has no objects yet")
        return verdict

    return examine


def _judge_pages(rule_id: str, title: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        verdict = from_findings(title, findings_of(visit, rule_id))
        walks = [walk for walk in visit.walks.values() if not isinstance(walk, str)]
        if verdict is HELD and not any(walk.pages > 1 for walk in walks):
            return skipped("no list has a second page")
        return verdict

    return examine


def _judge_refusals(rule_id: str, title: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        verdict = from_findings(title, findings_of(visit, rule_id))
        return skipped("no request was refused") if verdict is HELD and not visit.refusals else verdict

    return examine


def _judge_pushes(rule_id: str, title: str) -> Examine:
    async def examine(visit: Visit) -> Verdict:
        verdict = from_findings(title, findings_of(visit, rule_id))
        # Only GET is what the handshake has; a CPO need not push.
        if verdict is HELD and not any(received.method != "GET" for received in visit.desk.received):
            return skipped("the server has pushed nothing")
        return verdict

    return examine


async def _references(visit: Visit) -> Verdict:
    """Hold the lists against each other, as far as they were read in full."""
    store = visit.desk.store
    for module in visit.offered():
        try:
            items, all_items = await visit.items(module), (await visit.pull(module)).items
        except NothingToTellError:
            continue
        for item in items:
            store.put(module, visit.version.key_of(module, item), item, visit.endpoints[module, "SENDER"])
        # What is missing says something only where every object could be read.
        if len(items) == len(all_items):
            store.complete.add(module)
    for module, key, problem in visit.version.check_references(store):
        with visit.during(module):
            visit.desk.findings.extend(store.where(module, key), [problem])
    return await _judge_any("objects.references", "objects name objects that are there")(visit)


def _late(
    rule_id: str,
    title: str,
    spec: Spec,
    judge: object = _judge,
    versions: tuple[str, ...] = ALL,
    should_in: tuple[str, ...] = (),
) -> CheckRule:
    examine: Examine = judge(rule_id, title)  # type: ignore[operator]
    return CheckRule(rule_id, title, spec, examine, versions, should_in, is_late=True, needs_registration=False)


def _of_module(module: str, name: str, title: str, spec: Spec, versions: tuple[str, ...] = ALL) -> CheckRule:
    examine = _judge_objects(f"{module}.{name}", title, module)
    endpoint = (module, "SENDER")
    return CheckRule(f"{module}.{name}", title, spec, examine, versions, endpoint=endpoint, is_late=True)


RULES: tuple[CheckRule, ...] = (
    _late("versions.list", "the list of versions names versions and their URLs",
          Spec("version_information_endpoint 6.1 Version information endpoint", "version_information_endpoint")),
    _late("versions.details", "the version details name its endpoints, credentials among them",
          Spec("version_information_endpoint 6.2 Version details endpoint", "version_information_endpoint")),
    _late("credentials.object", "the Credentials are right: a new token, the versions URL, a CPO's role",
          Spec("credentials 7.3.1 Credentials object", "credentials 2.1 Credentials object")),
    _late("calls.format", "what the server sends by itself has the token, headers and URL it needs",
          Spec("transport_and_format 4.1.2 Authorization header", "transport_and_format Request format")),
    _late("calls.objects", "what the server pushes are right objects",
          Spec("transport_and_format 4.1.5 Client Owned Object Push", "transport_and_format Client owned object push"),
          _judge_pushes),
    _late("transport.json", "every answer is JSON", FORMAT),
    _late("transport.content_type", "every answer has Content-Type application/json", FORMAT),
    _late("transport.envelope", "every answer has status_code and timestamp", FORMAT),
    _late("transport.clock", "timestamp is the time of the answer", FORMAT, should_in=ALL),
    _late("headers.message_ids", "an answer has X-Request-ID and X-Correlation-ID of its request", IDS,
          versions=SINCE_221),
    _late("headers.routing", "an answer of a functional module is routed back to who asked", ROUTING,
          versions=SINCE_221),
    _late("headers.not_routed", "versions and credentials have no routing headers", ROUTING, versions=SINCE_221),
    _late("errors.envelope", "a refusal has the response format, on HTTP errors too", FORMAT, _judge_refusals),
    _late("errors.message_ids", "a refusal has the message ids of its request", IDS, _judge_refusals, SINCE_221),
    _late("errors.routing", "a refusal is routed back to who asked", ROUTING, _judge_refusals, SINCE_221),
    _late("pages.total_count", "X-Total-Count is there and counts the objects of all pages", PAGES),
    _late("pages.x_limit", "X-Limit is there", PAGES),
    _late("pages.x_limit_steady", "X-Limit is the limit, not the number of objects of this page",
          PAGES, _judge_pages, SINCE_221),
    _late("pages.limit", "a page holds no more objects than limit and X-Limit", PAGES, _judge_any),
    _late("pages.full", "a page before the last one is full", PAGES, _judge_pages, should_in=ALL),
    _late("pages.duplicate", "no object stands on two pages", PAGES, _judge_any),
    _late("pages.link", "Link leads to the next page, and is on every page but the last", PAGES, _judge_any),
    _late("pages.link_filters", "Link keeps the filters of the request", PAGES, _judge_pages),
    _late("types.date_time", "a DateTime is RFC 3339 in UTC with at most 25 characters",
          Spec("types 16.2 DateTime type", "types 1.2 DateTime type", "types DateTime type"), _judge_any),
    _late("types.number", "a number is a JSON number with at most 4 decimals",
          Spec("types 16.4 number type", "types 1.4 decimal type", "types number type"), _judge_any),
    _late("types.string", "strings keep their lengths, characters and formats",
          Spec("types 16.1 and 16.7 string types", "types 1.5 string type", "types string type"), _judge_any),
    _late("types.url", "a URL is absolute and has at most 255 characters",
          Spec("types 16.8 URL type", "types 1.6 URL type", "types URL type"), _judge_any),
    _late("types.coordinates", "coordinates are strings of degrees with their decimals",
          Spec("mod_locations 8.4.13 GeoLocation class", "mod_locations 4.12 GeoLocation class"), _judge_any),
    _late("types.currency", "a currency is an ISO 4217 code",
          Spec("mod_tariffs 11.3.1 Tariff Object", "mod_tariffs 3.1 Tariff Object"), _judge_any),
    *(_of_module(module, "objects", f"{module} have the fields of their definition, each as defined", OBJECTS[module])
      for module in MODULES),
    *(_of_module(module, "facts", f"the fields of {module} agree with each other", OBJECTS[module],
                 ALL if module in ("sessions", "cdrs") else SINCE_221)
      for module in MODULES),
    _of_module("locations", "last_updated", "a location is as new as its EVSEs, and these as their connectors",
               Spec("mod_locations 8.3.1 Location Object", "mod_locations 3.1 Location Object")),
    _of_module("locations", "unique", "an id names one EVSE or connector",
               Spec("mod_locations 8.3.2 EVSE Object", "mod_locations 3.2 EVSE Object")),
    CheckRule("invoices.objects", "invoice reconciliation records have the fields of their definition", INVOICE_LIST,
              _judge_objects("invoices.objects", "a record as defined", INVOICES), SINCE_230,
              endpoint=(INVOICES, "SENDER"), is_late=True),
    _late("objects.owner", "objects belong to a party of the handshake",
          Spec("transport_and_format 4.1.6 Client Owned Object Pull"), _judge_any, SINCE_221),
    _late("objects.not_in_future", "last_updated does not lie in the future", LISTS["locations"], _judge_any),
    CheckRule("objects.references", "objects name objects that are there, and agree with them",
              Spec("mod_cdrs 10.1 Flow and Lifecycle", "mod_cdrs 1 Flow and Lifecycle"), _references, is_late=True),
    _late("objects.nulls", "an optional field without a value is left out",
          Spec("mod_sessions 9.2.1.1.2 Response Data", "mod_sessions 2.1.1 GET Method"), _judge_any, should_in=ALL),
    _late("objects.unknown_fields", "objects have no fields beyond the specification",
          Spec("transport_and_format 4.1.7 Response format", "transport_and_format Response format",
               "transport_and_format 4.1.8 Non-specified JSON fields"), _judge_any, should_in=ALL),
    _late("objects.advice", "objects follow what is good practice", OBJECTS["locations"], _judge_any,
          SINCE_221, should_in=ALL),
)  # fmt: skip
