"""The gateway passes the simulator's own check of a CPO's server, in every version."""

import pytest

from simulators.emsp.check import Outcome
from tests.e2e.house import House
from tests.e2e.test_ocpi_versions import VERSIONS, charge
from tests.e2e.test_plug_to_cdr import UID


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_gateway_passes_the_check(house: House, version: str) -> None:
    await house.provision("CS1", "CS2", password="secret-of-the-station", security_profile=1)
    async with await house.invite(version=version) as emsp:

        async def make_sessions() -> None:
            await emsp.push_token(UID, contract_id="NL-EMS-C00000001-X")
            await charge(house, "CS1")
            await charge(house, "CS2")
            await house.wait_for_cdrs(2)

        report = await emsp.check(prepare=make_sessions)

    assert [result.as_dict() for result in report.results if result.outcome in (Outcome.FAILED, Outcome.WARNED)] == []
    assert {"PUT", "POST"} <= {received.method for received in emsp.received}
    told_of = {result.rule.id for result in report.of(Outcome.PASSED)}
    assert {"sessions.facts", "cdrs.facts", "pages.walk", "pages.order", "tokens.patch"} <= told_of
    unasked = [result for result in report.of(Outcome.SKIPPED) if not result.rule.endpoint]
    assert [result.as_dict() for result in unasked] == []
