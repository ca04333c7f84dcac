"""What is asked of a station, and what it answers, free of the OCPP version."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.profiles import ChargingProfile, ProfileLimits, RateUnit
from gateway.domain.tokens import IdToken


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRules:
    """How a version names a driver: the most characters of a uid, and its word for each type of token (None: it has no
    types, and stands for a card alone)."""

    longest: int
    types: Mapping[str, str] | None = None


PLAIN_TOKENS = IdTokenRules(longest=20)
"""What every version can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCall:
    """Start a transaction.  `connector_no` is what 1.6 is told (there an EVSE is a connector); `remote_start_id` comes
    back with the transaction in 2.x."""

    id_token: IdToken
    remote_start_id: int
    evse_no: int
    connector_no: int
    group_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopCall:
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockCall:
    evse_no: int
    connector_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveCall:
    """Keep a plug for a driver, or for his group, until then; the same `no` again replaces what it stood for.

    1.6 is told the `connector_no`, 2.x the `evse_no`.
    """

    no: int
    id_token: IdToken
    expires_at: datetime
    evse_no: int
    connector_no: int
    group_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservationCall:
    no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProfileCall:
    """Limit a transaction, in place of what was set before under the same id."""

    evse_no: int
    connector_no: int
    transaction_id: str
    profile_id: int
    stack_level: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearProfileCall:
    profile_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetScheduleCall:
    """What an EVSE may draw in the time to come, all of its limits together; `unit` None: as the station likes."""

    evse_no: int
    connector_no: int
    duration_s: int
    unit: RateUnit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetProfileLimitsCall:
    """What the station can take of charging profiles."""


StationCall = (
    StartCall
    | StopCall
    | UnlockCall
    | ReserveCall
    | CancelReservationCall
    | SetProfileCall
    | ClearProfileCall
    | GetScheduleCall
    | GetProfileLimitsCall
)


class CallOutcomeKind(StrEnum):
    ANSWERED = "ANSWERED"
    CALL_ERROR = "CALL_ERROR"
    TIMEOUT = "TIMEOUT"
    OFFLINE = "OFFLINE"
    """Not connected, lost before it answered, or not accepted: what it would have done is not known."""
    UNSAYABLE = "UNSAYABLE"
    """Its version has no words for the call: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReply:
    """How a call went.

    `status` is the station's own word of its answer, `reason` what it or the gateway says of it.  `error_code` is that
    of an answer by which it refuses the call itself.  `transaction_id`: of the transaction that it had started already
    (2.x RequestStartTransaction).  `schedule`: what GetScheduleCall asked for, its `start_at` the time from which the
    station counts (None: it did not say, from now on); `limits`: what GetProfileLimitsCall did.
    """

    outcome: CallOutcomeKind
    status: str | None = None
    reason: str | None = None
    error_code: str | None = None
    transaction_id: str | None = None
    schedule: ChargingProfile | None = None
    limits: ProfileLimits | None = None

    @property
    def is_unsupported(self) -> bool:
        """Does the station not know the call?  (OCPP-J 1.6 4.2.3, OCPP 2.0.1 part 4 4.3)"""
        is_unknown = self.error_code in ("NotImplemented", "NotSupported")
        return self.outcome is CallOutcomeKind.UNSAYABLE or is_unknown
