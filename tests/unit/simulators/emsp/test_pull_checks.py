"""What an eMSP sees around and between the objects: paging, headers, envelope, references."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from simulators.emsp import MODULES, Emsp, Findings, PeerRefusedError
from simulators.emsp.v221.judge import judge
from tests.unit.simulators.emsp.fake_cpo import FakeCpo
from tests.unit.simulators.emsp.objects import CDR, CDR_TOKEN, LOCATION, SESSION, TARIFF, Json, numbered

Spoil = Callable[[dict[str, str], Json], object]


def only(module: str, spoil: Spoil) -> Callable[[str, dict[str, str], Json], None]:
    """Stray on the answers of one module."""

    def stray(answering: str, headers: dict[str, str], envelope: Json) -> None:
        if answering == module:
            spoil(headers, envelope)

    return stray


def ids_of(emsp: Emsp) -> set[str]:
    return {finding.rule.id for finding in emsp.findings}


@pytest.mark.parametrize(
    ("spoil", "rule", "path"),
    [
        (lambda h, e: h.pop("X-Total-Count"), "pages.total_count", "header X-Total-Count"),
        (lambda h, e: h.pop("X-Limit"), "pages.limit", "header X-Limit"),
        (lambda h, e: h.update({"X-Limit": "1"}), "pages.too_many", "$.data"),
        (lambda h, e: h.update({"X-Limit": str(len(e["data"]))}), "pages.limit_steady", "header X-Limit"),
        (lambda h, e: h.update({"X-Total-Count": "9"}), "pages.link_last", "header Link"),
        (lambda h, e: h.update({"X-Total-Count": "2"}), "pages.link_last", "header Link"),
        (lambda h, e: h.pop("Link", None), "pages.link_last", "header Link"),
        (lambda h, e: e["data"].pop(), "pages.total_matches", "header X-Total-Count"),
        (lambda h, e: h.update({"Link": "</tariffs?offset=2>; rel=next"}), "pages.link_shape", "header Link"),
        (lambda h, e: h.update({"Link": "nonsense"}), "pages.link_shape", "header Link"),
        (
            lambda h, e: h.update({"Link": '<http://evil.example/tariffs?offset=2>; rel="next"'}),
            "pages.link_origin",
            "header Link",
        ),
        (lambda h, e: e.update(data=[{**t, "id": "T"} for t in e["data"]]), "pages.duplicate", "$.data[1]"),
        (lambda h, e: e.update(data={}), "envelope.data", "$.data"),
        (lambda h, e: e.update(data=["T1"]), "envelope.data", "$.data[0]"),
        (lambda h, e: e.pop("timestamp"), "shape.field", "$.timestamp"),
        (lambda h, e: e.update(timestamp="2026-03-02T10:00:00Z"), "envelope.timestamp", "$.timestamp"),
        (lambda h, e: e.update(status_code="1000"), "shape.field", "$.status_code"),
        (lambda h, e: h.update({"Content-Type": "text/plain"}), "http.content_type", "header Content-Type"),
        (lambda h, e: h.pop("X-Request-ID"), "headers.request_id", "header X-Request-ID"),
        (lambda h, e: h.update({"X-Correlation-ID": "other"}), "headers.correlation_id", "header X-Correlation-ID"),
        (lambda h, e: h.pop("OCPI-to-party-id"), "headers.routing", "header OCPI-to-party-id"),
        (lambda h, e: h.update({"OCPI-from-party-id": "EMS"}), "headers.routing", "header OCPI-from-party-id"),
        (
            lambda h, e: [h.pop(name) for name in list(h) if name.startswith("OCPI-")],
            "headers.routing",
            "header OCPI-to-party-id",
        ),
    ],
)
async def test_a_wrong_page_is_found(cpo: FakeCpo, registered: Emsp, spoil: Spoil, rule: str, path: str) -> None:
    cpo.objects["tariffs"] = numbered(TARIFF, 3)
    cpo.stray = only("tariffs", spoil)

    try:
        await registered.pull("tariffs")
    except PeerRefusedError:
        assert rule == "shape.field"  # an answer whose status cannot be read cannot be pulled on

    places = {finding.path for finding in registered.findings.of(rule)}
    assert path in places
    assert all(finding.where.startswith(f"GET {cpo.base}/tariffs") for finding in registered.findings)


async def test_a_link_to_another_host_is_not_followed(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = numbered(TARIFF, 3)
    cpo.stray = only("tariffs", lambda h, e: h.update({"Link": '<http://127.0.0.2:1/tariffs>; rel="next"'}))

    assert len(await registered.pull("tariffs")) == 2
    assert registered.findings.of("pages.link_origin")


async def test_a_link_that_leads_back_ends_the_pull(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = numbered(TARIFF, 3)
    cpo.stray = only("tariffs", lambda h, e: h.update({"Link": f'<{cpo.base}/tariffs>; rel="next"'}))

    await registered.pull("tariffs")

    assert registered.findings.of("pages.link_loop")


async def test_a_link_that_loses_the_filter_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["sessions"] = numbered(SESSION, 3)
    cpo.stray = only("sessions", lambda h, e: h.update({"Link": f'<{cpo.base}/sessions?offset=2>; rel="next"'}))

    await registered.pull("sessions")

    assert registered.findings.of("pages.link_filters")


async def test_an_object_outside_the_window_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.stray = only("cdrs", lambda h, e: (e.update(data=[CDR]), h.update({"X-Total-Count": "1"})))

    await registered.pull("cdrs", date_from=datetime(2026, 3, 2, 11, 15, 6, tzinfo=UTC))
    await registered.pull("cdrs", date_to=datetime(2026, 3, 2, 11, 15, 5, tzinfo=UTC))
    await registered.pull("cdrs", date_from=datetime(2026, 3, 2, 11, 15, 5, tzinfo=UTC))

    assert len(registered.findings.of("pages.window")) == 2


async def test_an_object_from_the_future_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = [{**TARIFF, "last_updated": "2026-03-02T13:00:00Z"}]

    await registered.pull("tariffs")

    assert ids_of(registered) == {"object.last_updated"}


async def test_an_object_of_somebody_else_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = [{**TARIFF, "party_id": "XXX"}]

    await registered.pull("tariffs")

    assert ids_of(registered) == {"pages.foreign_owner"}


async def test_one_wrong_object_does_not_hide_the_others(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["tariffs"] = [{"id": "T0"}, TARIFF]

    assert len(await registered.pull("tariffs")) == 2
    assert registered.store.tariffs == [TARIFF]


async def test_an_error_with_http_200_is_found_and_ends_the_pull(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.stray = only("cdrs", lambda h, e: e.update(status_code=3000, status_message="disk full"))

    with pytest.raises(PeerRefusedError, match="OCPI status 3000, 'disk full'"):
        await registered.pull("cdrs")

    assert ids_of(registered) == {"envelope.status_code"}


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda h, e: e.update(http_status=503), "http.status"),
        (lambda h, e: e.update(raw=b'{"data": ['), "http.json"),
        (lambda h, e: e.update(raw=b'{"status_code": NaN}'), "http.json"),
    ],
)
async def test_an_answer_that_is_none_is_found(cpo: FakeCpo, registered: Emsp, spoil: Spoil, rule: str) -> None:
    cpo.stray = only("cdrs", spoil)

    with pytest.raises(PeerRefusedError, match="cannot pull cdrs"):
        await registered.pull("cdrs")

    assert rule in ids_of(registered)


async def test_a_platform_with_one_party_may_leave_routing_out(cpo: FakeCpo, emsp: Emsp) -> None:
    cpo.roles = cpo.roles[:1]
    await emsp.register()
    cpo.stray = only("tariffs", lambda h, e: [h.pop(name) for name in list(h) if name.startswith("OCPI-")])

    await emsp.pull("tariffs")

    assert ids_of(emsp) == {"headers.routing_alone"}
    assert emsp.violations == []


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda h, e: h.update({"OCPI-to-party-id": "EMS"}), "headers.not_routed"),
        (lambda h, e: e.update(data={**e["data"], "url": "http://elsewhere.example/versions"}), "credentials.url"),
        (
            lambda h, e: e["data"].update(roles=[{**e["data"]["roles"][0], "role": "EMSP"}]),
            "credentials.cpo_role",
        ),
    ],
)
async def test_wrong_credentials_of_the_cpo_are_found(cpo: FakeCpo, emsp: Emsp, spoil: Spoil, rule: str) -> None:
    cpo.stray = only("credentials", spoil)

    await emsp.register()

    assert ids_of(emsp) == {rule}


async def test_a_token_a_that_lives_on_is_found(cpo: FakeCpo, emsp: Emsp) -> None:
    def answer_anyway(module: str, headers: dict[str, str], envelope: Json) -> None:
        if module == "versions" and envelope["status_code"] == 2000:
            envelope["http_status"] = 200

    cpo.stray = answer_anyway

    await emsp.register()

    assert "credentials.token_a_ends" in ids_of(emsp)


@pytest.mark.parametrize(
    ("module", "item", "rule"),
    [
        ("sessions", {**SESSION, "cdr_token": {**CDR_TOKEN, "uid": "OTHER"}}, "cdr_token.known"),
        ("sessions", {**SESSION, "cdr_token": {**CDR_TOKEN, "contract_id": "OTHER"}}, "cdr_token.known"),
        ("sessions", {**SESSION, "evse_uid": "E9"}, "location.evse_known"),
        ("sessions", {**SESSION, "connector_id": "9"}, "location.evse_known"),
        ("sessions", {**SESSION, "location_id": "L9"}, "location.known"),
        ("sessions", {**SESSION, "id": "S9"}, "cdr.session_known"),
        ("sessions", {**SESSION, "kwh": Decimal("7.1"), "charging_periods": []}, "cdr.session_agrees"),
        ("sessions", {**SESSION, "status": "INVALID"}, "cdr.session_completed"),
        ("cdrs", {**CDR, "cdr_token": {**CDR_TOKEN, "type": "APP_USER"}}, "cdr_token.known"),
        ("tariffs", {**TARIFF, "id": "T9"}, "connector.tariff_known"),
    ],
)
async def test_a_reference_to_nothing_is_found(
    cpo: FakeCpo, registered: Emsp, module: str, item: Json, rule: str
) -> None:
    cpo.objects[module] = [item]
    for name in MODULES:
        await registered.pull(name)

    registered.check_references()

    assert ids_of(registered) == {rule}


async def test_references_are_not_judged_by_what_was_never_pulled(registered: Emsp) -> None:
    await registered.pull("cdrs")
    await registered.pull("locations")

    assert list(registered.check_references()) == []


async def test_two_bills_for_one_session_are_found_unless_one_is_credited(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["cdrs"] = [CDR, {**CDR, "id": "C2"}]
    await registered.pull("cdrs")
    assert {f.rule.id for f in registered.check_references()} == {"cdr.one_per_session"}

    cost = {"excl_vat": Decimal("-3.175"), "incl_vat": Decimal("-3.8418")}
    cpo.objects["cdrs"].append({**CDR, "id": "C1-C", "credit": True, "credit_reference_id": "C1", "total_cost": cost})
    await registered.pull("cdrs")
    assert len(registered.check_references()) == 1


async def test_one_evse_in_two_locations_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.objects["locations"] = numbered(LOCATION, 2)

    await registered.pull("locations")

    assert {f.rule.id for f in registered.check_references()} == {"platform.evse_uid_unique"}


@pytest.mark.parametrize(
    ("module", "after", "rules"),
    [
        ("cdrs", {**CDR, "remark": "changed"}, {"history.cdr_sealed"}),
        ("tariffs", {**TARIFF, "currency": "SEK"}, {"history.last_updated"}),
        (
            "sessions",
            {**SESSION, "kwh": Decimal("7.2501"), "last_updated": "2026-03-02T11:16:00Z"},
            {"history.session_over"},
        ),
        ("locations", {**LOCATION, "evses": [], "last_updated": "2026-03-02T11:30:00Z"}, {"history.evse_vanished"}),
    ],
)
async def test_a_change_that_must_not_be_is_found(
    cpo: FakeCpo, registered: Emsp, module: str, after: Json, rules: set[str]
) -> None:
    await registered.pull(module)
    cpo.objects[module] = [after]

    await registered.pull(module)

    assert ids_of(registered) == rules


async def test_a_token_that_comes_back_different_is_found(cpo: FakeCpo, registered: Emsp) -> None:
    cpo.tokens[CDR_TOKEN["uid"]]["whitelist"] = "NEVER"

    await registered.get_token(CDR_TOKEN["uid"])

    assert [(f.rule.id, f.path) for f in registered.findings] == [("tokens.kept", "$.data.whitelist")]


async def test_a_token_may_come_back_with_its_time_written_otherwise(cpo: FakeCpo, registered: Emsp) -> None:
    kept = cpo.tokens[CDR_TOKEN["uid"]]
    kept["last_updated"] = kept["last_updated"].replace(".000Z", "Z").replace("Z", "+00:00")

    await registered.get_token(CDR_TOKEN["uid"])

    assert "tokens.kept" not in {finding.rule.id for finding in registered.findings}


async def test_a_patched_token_is_ours_and_theirs(cpo: FakeCpo, registered: Emsp) -> None:
    await registered.patch_token(CDR_TOKEN["uid"], valid=False)
    await registered.get_token(CDR_TOKEN["uid"])

    assert cpo.tokens[CDR_TOKEN["uid"]]["valid"] is False
    assert list(registered.findings) == []


async def test_a_cpo_that_takes_everything_fails_the_probes(cpo: FakeCpo, registered: Emsp) -> None:
    def take_everything(module: str, headers: dict[str, str], envelope: Json) -> None:
        envelope |= {"status_code": 1000, "http_status": 200}

    cpo.stray = take_everything

    sent = await registered.probe()

    assert len([finding for finding in registered.violations if finding.rule.id.startswith("probe.")]) == sent == 14


def test_a_finding_reads_as_rule_place_sight_and_paragraph() -> None:
    findings = Findings()
    findings.extend("GET http://cpo/cdrs", judge("cdr", {**CDR, "total_energy": 8}), "$.data[0]")

    text = str(next(iter(findings)))

    assert "violation cdr.energy_adds_up" in text
    assert "GET http://cpo/cdrs $.data[0].total_energy" in text
    assert "8 kWh, periods 7.25 kWh" in text
    assert "OCPI 2.2.1 mod_cdrs 10.3.1 CDR" in text


async def test_a_session_outside_a_partial_pull_is_not_missed(registered: Emsp) -> None:
    await registered.pull("cdrs")
    await registered.pull("sessions", date_from=datetime(2026, 3, 2, 11, 30, tzinfo=UTC))
    assert list(registered.check_references()) == []
