"""The operator at the console: exact requests, and errors that must be clear."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from tests.e2e.house import TOKEN, House
from tests.e2e.wire import Answer


def operator_url(house: House, path: str) -> str:
    return f"http://127.0.0.1:{house.ports[2]}/api/v1/{path}"


async def operate(
    house: House, method: str, path: str, *, raw: bytes | None = None, authorization: str | None = f"Bearer {TOKEN}"
) -> Answer:
    """One request to the operator's API with exactly this body and Authorization header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, operator_url(house, path), data=raw, headers=headers) as response,
    ):
        content = await response.read()
        return Answer(response.status, response.headers.copy(), content, orjson.loads(content) if content else None)


def faulty(body: Any) -> dict[str, str]:
    """The error of an answer, which always says what, where and what to do."""
    error: dict[str, str] = body["error"]
    assert error["what"]
    assert error["where"]
    assert error["remedy"]
    assert "Traceback" not in str(error)
    return error


async def refused(house: House, status: int, method: str, path: str, body: Any = None) -> dict[str, str]:
    seen, answer = await house.ask(method, path, body)
    assert seen == status, (seen, answer)
    return faulty(answer)
