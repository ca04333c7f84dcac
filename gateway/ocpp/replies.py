"""What a station answered to a call of ours, free of its version."""

from __future__ import annotations

from typing import Any, Final

from gateway.domain.calls import CallOutcomeKind, CallReply
from gateway.ocpp.version import Reader
from gateway.ports import CallOutcome

_KINDS: Final = {
    "accepted": CallOutcomeKind.ANSWERED,
    "call_error": CallOutcomeKind.CALL_ERROR,
    "timeout": CallOutcomeKind.TIMEOUT,
    "offline": CallOutcomeKind.OFFLINE,
    "invalid": CallOutcomeKind.UNSAYABLE,
}


def read_reply(outcome: CallOutcome, reader: Reader | None = None) -> CallReply:
    """The versions say the same in the same places, some more than others; `reader` reads what one call alone has."""
    kind = _KINDS[outcome.outcome]
    if kind is not CallOutcomeKind.ANSWERED or outcome.payload is None:
        return CallReply(outcome=kind, reason=outcome.error_description, error_code=outcome.error_code)
    payload = outcome.payload
    return CallReply(
        outcome=kind,
        status=payload.get("status"),
        reason=_reason(payload.get("statusInfo")),
        transaction_id=payload.get("transactionId"),
        **(reader(payload) if reader is not None else {}),
    )


def _reason(info: dict[str, Any] | None) -> str | None:
    """OCPP 2.0.1 StatusInfoType"""
    if info is None:
        return None
    return " ".join(filter(None, (info["reasonCode"], info.get("additionalInfo"))))
