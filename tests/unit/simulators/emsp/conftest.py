from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulators.emsp import Emsp
from tests.unit.simulators.emsp.fake_cpo import FakeCpo, running
from tests.unit.simulators.emsp.objects import CDR_TOKEN, NOW, TOKEN_A


@pytest.fixture
async def cpo() -> AsyncIterator[FakeCpo]:
    async with running(FakeCpo()) as cpo:
        yield cpo


@pytest.fixture
async def emsp(cpo: FakeCpo) -> AsyncIterator[Emsp]:
    """Started, not registered."""
    async with Emsp(versions_url=cpo.versions_url, token_a=TOKEN_A, timeout_s=10, now=lambda: NOW) as emsp:
        yield emsp


@pytest.fixture
async def registered(emsp: Emsp) -> Emsp:
    """Registered, with the token of all sessions pushed."""
    await emsp.register()
    await emsp.push_token(CDR_TOKEN["uid"], contract_id=CDR_TOKEN["contract_id"])
    return emsp
