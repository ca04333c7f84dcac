"""What every store promises of the charging profiles that partners have set."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from gateway.domain.profiles import ChargingProfile, RatePeriod, RateUnit, SessionProfile
from gateway.ports import DropProfile, SaveProfile
from gateway.store.sqlite import SqliteStore
from tests.contract.conftest import World
from tests.contract.samples import NOON, PARTNER

PROFILE = SessionProfile(
    session_id="S1",
    station_id="CP-1",
    partner_id=PARTNER,
    profile=ChargingProfile(
        unit=RateUnit.A,
        periods=(RatePeriod(start_s=0, limit=Decimal("16.5")), RatePeriod(start_s=60, limit=Decimal(8))),
        start_at=NOON,
        duration_s=3_600,
        min_rate=Decimal(6),
    ),
    set_at=NOON,
)


async def test_a_profile_is_kept_as_it_was_set_last(world: World) -> None:
    store = await world.open()
    await store.commit([SaveProfile(replace(PROFILE, set_at=NOON - timedelta(minutes=1)))])
    await store.commit([SaveProfile(PROFILE), SaveProfile(replace(PROFILE, session_id="S2", profile=None))])

    store = await world.reopen()

    found = sorted(await store.load_profiles(), key=lambda profile: profile.session_id)
    assert found == [PROFILE, replace(PROFILE, session_id="S2", profile=None)]


async def test_a_profile_ends_with_its_session(store: SqliteStore) -> None:
    await store.commit([SaveProfile(PROFILE), SaveProfile(replace(PROFILE, session_id="S2"))])

    await store.commit([DropProfile("S1"), DropProfile("never there")])

    assert [profile.session_id for profile in await store.load_profiles()] == ["S2"]
