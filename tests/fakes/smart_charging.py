"""What partners ask of the charging of their sessions, noted and answered as a test says."""

from datetime import UTC, datetime
from decimal import Decimal

from gateway.domain.locations import Place
from gateway.domain.profiles import (
    ActiveProfile,
    ChargingPreferences,
    ChargingProfile,
    PreferencesAnswer,
    ProfileResponse,
    RatePeriod,
    RateUnit,
)
from gateway.domain.sessions import Session
from gateway.flows.preferences import Asker
from gateway.flows.profiles import ProfileAnswer, ProfileAsked

ACTIVE = ActiveProfile(
    at=datetime(2026, 3, 1, 9, 0, 0, 123_000, tzinfo=UTC),
    profile=ChargingProfile(
        unit=RateUnit.A,
        periods=(RatePeriod(start_s=0, limit=Decimal("16.0")), RatePeriod(start_s=600, limit=Decimal("8.1"))),
        duration_s=1_800,
        min_rate=Decimal(6),
    ),
)


class FakeProfiles:
    """`asked` is what came, each with what was to be done."""

    def __init__(self) -> None:
        self.asked: list[tuple[ProfileAsked, ChargingProfile | int | None]] = []
        self.answer = ProfileAnswer(response=ProfileResponse.ACCEPTED, timeout_s=30)

    async def put(self, asked: ProfileAsked, profile: ChargingProfile) -> ProfileAnswer:
        self.asked.append((asked, profile))
        return self.answer

    async def get(self, asked: ProfileAsked, duration_s: int) -> ProfileAnswer:
        self.asked.append((asked, duration_s))
        return self.answer

    async def clear(self, asked: ProfileAsked) -> ProfileAnswer:
        self.asked.append((asked, None))
        return self.answer


class FakePreferences:
    """`failure` is raised instead of an answer."""

    def __init__(self) -> None:
        self.taken: list[tuple[Asker, str, ChargingPreferences]] = []
        self.answer = PreferencesAnswer.ACCEPTED
        self.failure: Exception | None = None

    async def put(self, asker: Asker, session_id: str, wishes: ChargingPreferences) -> PreferencesAnswer:
        if self.failure is not None:
            raise self.failure
        self.taken.append((asker, session_id, wishes))
        return self.answer


class FixedLimits:
    """The same limits for every session."""

    def __init__(self, active: ActiveProfile = ACTIVE) -> None:
        self.active = active

    async def find_active(self, session: Session, place: Place) -> ActiveProfile:
        return self.active
