"""What a section of the settings is, and those on reservations, on what becomes of sessions and of their data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def lower(value: Any) -> Any:
    """A word in any case."""
    return value.lower() if isinstance(value, str) else value


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Section(BaseModel):
    """A table of the settings file: unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionSettings(Section):
    """When a session becomes a CDR."""

    seal_after_s: Seconds = Field(default=5, description="Wait after the stop for late facts, then make the CDR.")
    gap_wait_s: Seconds = Field(default=3_600, description="The same where facts (OCPP 2.x seqNo) are missing.")
    ghost_after_s: Seconds = Field(
        default=86_400, description="A session without a stop, its station idle or gone, is closed after so long."
    )
    empty_cdrs: Annotated[Literal["costly", "always", "never"], BeforeValidator(lower)] = Field(
        default="costly", description="Make a CDR where nothing was drawn: when it costs something, always, never."
    )
    empty_cdrs_never_at: tuple[str, ...] = Field(
        default=(), description="Stations where none is made of such a session, whatever it costs."
    )


class ReservationSettings(Section):
    """How much partners may have kept for their drivers; 0: as much as they ask for."""

    most_per_partner: Count = Field(default=0, description="Reservations of one partner at once, at all stations.")
    most_per_driver: Count = Field(default=3, description="The same of one driver (one token).")
    most_of_location_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100, description="How many of a location's EVSEs one partner may have reserved at once; one always."
    )
    longest_s: Annotated[int, Field(ge=0, le=31_622_400)] = Field(
        default=86_400, description="How far ahead a reservation may end."
    )


class RetentionSettings(Section):
    """After how many days data is deleted that nobody needs any more; 0: never."""

    journal_days: Days = Field(default=90, description="Notices, incidents, and messages that could not be used.")
    tokens_days: Days = Field(default=90, description="Tokens of partners, since they are invalid.")
    unbilled_days: Days = Field(default=90, description="Sessions without a CDR, since they are over.")
    facts_days: Days = Field(default=1_095, description="The messages of billed sessions, since the last bill.")
    orders_days: Days = Field(default=90, description="Commands and reservations, since they are over.")
    refused_days: Days = Field(default=365, description="What partners refused to take, but for bills.")
    cdrs_days: Days = Field(default=0, description="CDRs, since they were made.")
