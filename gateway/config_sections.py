"""What a section of the settings is, and those on what becomes of sessions and of their data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def lower(value: Any) -> Any:
    """A word in any case."""
    return value.lower() if isinstance(value, str) else value


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=36_500)]


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


class RetentionSettings(Section):
    """After how many days data is deleted that nobody needs any more; 0: never."""

    journal_days: Days = Field(default=90, description="Notices, incidents, and messages that could not be used.")
    tokens_days: Days = Field(default=90, description="Tokens of partners, since they are invalid.")
    unbilled_days: Days = Field(default=90, description="Sessions without a CDR, since they are over.")
    facts_days: Days = Field(default=1_095, description="The messages of billed sessions, since the last bill.")
    orders_days: Days = Field(default=90, description="Commands and reservations, since they are over.")
    refused_days: Days = Field(default=365, description="What partners refused to take, but for bills.")
    cdrs_days: Days = Field(default=0, description="CDRs, since they were made.")
