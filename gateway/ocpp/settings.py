"""What can be set about the connections of stations."""

from dataclasses import dataclass, field

from gateway.ocpp.validation import Unknown
from gateway.ocpp.version import Metering


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`fallback_version` ("1.6") is spoken with a station that offers no subprotocol, None: it is turned away.

    A station that was asked for a report may send messages up to `max_large_message_bytes` on that connection.
    `is_tolerant` serves the calls of stations that are not accepted yet.  `unknown_fields` says what becomes of fields
    that the specification does not know.  A station that was silent for `ping_silence_s` (± `ping_jitter_s`; 0: never)
    is pinged; one that answers `unanswered_limit` calls in a row with nothing is disconnected.  Calls wait until a
    station's BootNotification was answered plus `settle_s`, or for `boot_wait_s` if a known station sends none.  After
    a failure of the store, handshakes are put off for `shut_s`.
    """

    fallback_version: str | None = None
    is_tolerant: bool = False
    unknown_fields: Unknown = Unknown.STRIP
    compression: bool = False
    max_message_bytes: int = 1024 * 1024
    max_large_message_bytes: int = 8 * 1024 * 1024
    max_backlog: int = 16
    max_handshakes: int = 256
    handshake_timeout_s: float = 10.0
    retry_after_s: int = 10
    shut_s: float = 2.0
    close_timeout_s: float = 5.0
    ping_silence_s: float = 45.0
    ping_jitter_s: float = 10.0
    unanswered_limit: int = 3
    call_timeout_s: float = 30.0
    settle_s: float = 1.0
    boot_wait_s: float = 5.0
    status_wait_s: float = 30.0
    heartbeat_s: float = 300.0
    metering: Metering | None = field(default_factory=Metering)
