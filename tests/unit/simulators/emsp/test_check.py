"""The check of a CPO's server: a right one passes, and each rule fails for the right reason, alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulators.emsp import Emsp, EmspError
from simulators.emsp.check import RULES, CheckRule, Outcome, Report
from simulators.emsp.check.story import as_json, tell_report
from simulators.emsp.versions import VERSIONS
from tests.unit.simulators.emsp.breaks import BREAKS
from tests.unit.simulators.emsp.checked_cpo import CheckedCpo, running
from tests.unit.simulators.emsp.objects import NOW, TOKEN_A

# By turns, so that all versions are seen broken without the time of all of them.
BROKEN = []
for turn, rule in enumerate(RULES):
    versions = (BREAKS[rule.id].versions or rule.versions) if rule.id in BREAKS else ()
    if versions:
        version = versions[turn % len(versions)]
        BROKEN.append(pytest.param(rule, version, id=f"{rule.id}-{version}"))


async def check(cpo: CheckedCpo, connector: tuple[str, ...] = ()) -> Report:
    async with (
        running(cpo),
        Emsp(
            versions_url=cpo.versions_url, token_a=TOKEN_A, version=cpo.version, timeout_s=10, now=lambda: NOW
        ) as emsp,
    ):
        return await emsp.check(connector)


@pytest.mark.parametrize("version", sorted(VERSIONS))
async def test_a_server_that_does_all_by_the_book_passes(version: str) -> None:
    report = await check(CheckedCpo(version))

    assert [result.as_dict() for result in report.results if result.outcome in (Outcome.FAILED, Outcome.WARNED)] == []
    # Every command about something unknown is refused at once in 2.1.1.
    assert [result.rule.id for result in report.of(Outcome.SKIPPED)] == (
        ["commands.result"] if version == "2.1.1" else []
    )
    assert report.is_passed


@pytest.mark.parametrize(("rule", "version"), BROKEN)
async def test_a_broken_rule_fails_alone_and_says_why(rule: CheckRule, version: str) -> None:
    broken = BREAKS[rule.id]
    cpo = CheckedCpo(version, spoil=broken.spoil, habits=set(broken.habits))
    if broken.setup is not None:
        broken.setup(cpo)

    report = await check(cpo)

    fallen = {result.rule.id: result for result in report.results if result.outcome.value in ("fail", "warn")}
    assert list(fallen) == [rule.id], [result.as_dict() for result in fallen.values()]
    result = fallen[rule.id]
    assert result.outcome is (Outcome.WARNED if version in rule.should_in else Outcome.FAILED)
    assert broken.came in f"{result.came} {result.where}"
    assert report.is_passed == (version in rule.should_in)


@pytest.mark.parametrize("version", sorted(VERSIONS))
async def test_a_session_is_started_only_where_a_connector_is_named(version: str) -> None:
    asked, left_alone = CheckedCpo(version), CheckedCpo(version)
    report = await check(asked, ("L1", "E1", "1"))
    await check(left_alone)

    result = next(result for result in report.results if result.rule.id == "commands.result")
    assert (result.outcome, report.is_passed) == (Outcome.PASSED, True)
    assert asked.last["START_SESSION"]["location_id"] == "L1"
    assert left_alone.last["START_SESSION"].get("location_id") != "L1"


def test_every_rule_can_be_broken() -> None:
    assert set(BREAKS) == {rule.id for rule in RULES}


def test_every_rule_is_named_once_and_has_its_paragraph_in_every_version() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule.should_in) <= set(rule.versions) | {"2.1.1"}
        for version in rule.versions:
            assert rule.spec.of(version).startswith(f"OCPI {version} ")


def answering_never(never: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", never)
    return app


def answering(body: bytes, http_status: int) -> web.Application:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=http_status, body=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"data": 7, "status_code": "1000"}', b'{"data": [7]}', b"\xff\xfe", b"[" * 5000],
)
@pytest.mark.parametrize("http_status", [200, 302, 500])
async def test_a_server_that_answers_nonsense_fails_and_ends_nothing(body: bytes, http_status: int) -> None:
    async with TestServer(answering(body, http_status)) as server:
        url = str(server.make_url("/versions"))
        async with Emsp(versions_url=url, token_a=TOKEN_A, timeout_s=5) as emsp:
            report = await emsp.check()

    assert not report.is_passed
    assert report.of(Outcome.SKIPPED)


@pytest.mark.parametrize("body", [b"{", b"null", b'{"data": {"id": 7}, "status_code": true}', b"[" * 5000])
async def test_a_server_that_answers_nonsense_once_registered_fails_and_ends_nothing(body: bytes) -> None:
    def spoil(_cpo: CheckedCpo, seen: object, out: object) -> None:
        if getattr(seen, "module", "") not in ("versions", "details", "credentials"):
            out.raw = body  # type: ignore[attr-defined]

    report = await check(CheckedCpo("2.2.1", spoil=spoil))

    assert {"locations.list", "tokens.put"} <= {result.rule.id for result in report.of(Outcome.FAILED)}


async def test_a_server_that_hangs_up_fails_and_ends_nothing() -> None:
    def spoil(_cpo: CheckedCpo, seen: object, _out: object) -> None:
        if getattr(seen, "module", "") == "tokens":
            raise ConnectionResetError

    report = await check(CheckedCpo("2.3.0", spoil=spoil))

    assert {result.rule.group for result in report.of(Outcome.FAILED)} <= {"tokens", "transport", "errors"}


async def test_a_server_that_falls_silent_is_not_waited_for_a_hundred_times() -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    cpo = CheckedCpo("2.2.1")
    async with running(cpo), TestServer(answering_never(never)) as silent:
        cpo.base_of = {module: str(silent.make_url("")).rstrip("/") for module in ("tokens", "commands")}
        async with Emsp(versions_url=cpo.versions_url, token_a=TOKEN_A, timeout_s=1, now=lambda: NOW) as emsp:
            report = await emsp.check()

    reasons = [result.came for result in report.of(Outcome.SKIPPED)]
    assert "the server gave no answer 3 times in turn" in reasons


async def test_nobody_to_check_is_an_error_that_says_what_to_do() -> None:
    cpo = CheckedCpo("2.2.1")
    async with running(cpo):
        for url, token, version, words in (
            (cpo.versions_url, "wrong", "2.2.1", "token A"),
            (cpo.versions_url, TOKEN_A, "2.3.0", "not 2.3.0"),
            ("http://127.0.0.1:1/versions", TOKEN_A, "2.2.1", "no connection"),
        ):
            async with Emsp(versions_url=url, token_a=token, version=version, timeout_s=5) as emsp:
                with pytest.raises(EmspError, match=words):
                    await emsp.check()


async def test_the_table_and_the_json_tell_the_same() -> None:
    broken = BREAKS["tokens.not_json"]
    report = await check(CheckedCpo("2.2.1", spoil=broken.spoil))

    lines = list(tell_report(report))
    told = as_json(report)

    start = next(number for number, line in enumerate(lines) if "tokens.not_json" in line)
    assert lines[start].startswith("fail  tokens.not_json")
    assert lines[start].endswith("OCPI 2.2.1 status_codes 5 Status codes")
    assert lines[start + 1].split(maxsplit=1) == ["expected", "HTTP 400"]
    assert lines[-1].startswith("OCPI 2.2.1 of NL*GWY: failed; ")
    assert (told["ok"], told["counts"]["fail"], len(told["results"])) == (False, 1, len(report.results))
    (fallen,) = [result for result in told["results"] if result["outcome"] == "fail"]
    assert (fallen["rule"], fallen["level"], fallen["expected"]) == ("tokens.not_json", "MUST", "HTTP 400")
