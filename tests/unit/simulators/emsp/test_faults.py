"""Faults as the command line writes them, and those that need a wire to be seen."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from simulators.emsp import Emsp, duplicate_answer, known_already
from simulators.emsp.faults import Fault, parse_fault
from tests.unit.simulators.emsp.fake_cpo import FakeCpo, encoded
from tests.unit.simulators.emsp.objects import CDR, TARIFF


@pytest.mark.parametrize(
    ("text", "fault", "count"),
    [
        ("slow=2.5", Fault(delay_s=2.5), 1),
        ("slow:sessions:3", Fault(path_contains="/sessions", delay_s=5), 3),
        ("lost-answer:cdrs", Fault(path_contains="/cdrs", lose_answer=True), 1),
        ("duplicate-answer:2", Fault(twice=True), 2),
        ("duplicate:cdrs", Fault(path_contains="/cdrs", known_already=True), 1),
    ],
)
def test_a_fault_is_written_as_kind_module_and_count(text: str, fault: Fault, count: int) -> None:
    assert parse_fault(text) == (fault, count)


@pytest.mark.parametrize(("text", "http_status"), [("500:tariffs", 500), ("401", 401), ("429=7:2", 429)])
def test_an_http_status_is_a_fault(text: str, http_status: int) -> None:
    fault, _ = parse_fault(text)

    assert fault.http_status == http_status
    assert fault.headers == ({"Retry-After": "7"} if http_status == 429 else {})


@pytest.mark.parametrize("text", ["", "200", "quick", "slow=soon", "ocpi=many", "500:a:b:c", "wrong-json=3"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


async def test_a_duplicate_is_taken_and_called_one(cpo: FakeCpo, registered: Emsp) -> None:
    registered.faults.add(known_already(path_contains="cdrs"))
    _, told, _ = await cpo.call("POST", registered.versions_url.replace("versions", "2.2.1/cdrs"), CDR)

    assert told["status_code"] == 2001
    assert registered.store.cdrs == [CDR]


async def test_an_answer_comes_twice_on_the_wire(cpo: FakeCpo, registered: Emsp) -> None:
    registered.faults.add(duplicate_answer())
    host, port = registered.versions_url.split("/")[2].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"GET /ocpi/versions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {encoded(cpo.token_out)}\r\n"
    writer.write(f"{head}\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()

    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.count(b'"status_code":1000') == 2


async def test_connections_are_refused_for_a_while_and_then_taken_at_the_same_place(
    cpo: FakeCpo, registered: Emsp
) -> None:
    url = registered.versions_url.replace("versions", "2.2.1/tariffs/NL/GWY/T1")
    async with registered.refusing_connections():
        with pytest.raises(aiohttp.ClientConnectorError):
            await cpo.call("PUT", url, TARIFF)

    assert (await cpo.call("PUT", url, TARIFF))[0] == 201
