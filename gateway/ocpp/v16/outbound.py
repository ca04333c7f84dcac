"""What the gateway asks of OCPP 1.6 stations."""

from typing import Any, Final

TRIGGER_BOOT: Final[tuple[str, dict[str, Any]]] = ("TriggerMessage", {"requestedMessage": "BootNotification"})


def render_remote_start(*, evse_no: int | None, token_uid: str, **_: Any) -> tuple[str, dict[str, Any]]:
    """The connector is named always: stations refuse a start without it although it is optional (OCPP 1.6 6.33)."""
    payload: dict[str, Any] = {"idTag": token_uid}
    if evse_no is not None:
        payload = {"connectorId": evse_no, **payload}
    return "RemoteStartTransaction", payload


def render_remote_stop(transaction_id: str) -> tuple[str, dict[str, Any]]:
    return "RemoteStopTransaction", {"transactionId": int(transaction_id)}


def render_trigger_status(connector_no: int) -> tuple[str, dict[str, Any]]:
    return "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": connector_no}


def find_solicited(action: str, payload: dict[str, Any]) -> str | None:
    """The message that a call asks the station to send."""
    if action in ("TriggerMessage", "ExtendedTriggerMessage"):
        requested = payload["requestedMessage"]
        return "SignCertificate" if requested == "SignChargePointCertificate" else str(requested)
    return None
