"""The configuration table of a 1.6 charge point (OCPP 1.6 chapter 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..dialect import StartPoint
from ..message import Payload
from ..metering import CURRENT, ENERGY, MEASURANDS, POWER, VOLTAGE
from ..smart import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL

Check = Callable[[str], bool]


@dataclass(slots=True, kw_only=True)
class Key:
    """One configuration key; `pending` holds a value that a reboot will bring into force."""

    name: str
    value: str | None
    check: Check | None = None
    needs_reboot: bool = False
    is_secret: bool = False
    pending: str | None = None

    @property
    def is_readonly(self) -> bool:
        return self.check is None


class Configuration:
    """Keys as the charger knows them; names are matched case-insensitively (they are CiStrings)."""

    def __init__(self, *, connectors: int, sample_interval_s: int) -> None:
        self._keys = {key.name.lower(): key for key in _factory(connectors, sample_interval_s)}

    def read(self, names: Sequence[str]) -> tuple[list[Payload], list[str]]:
        """Entries of GetConfiguration, and the names that are unknown; no names means all."""
        wanted = names or [key.name for key in self._keys.values()]
        found = [self._keys[name.lower()] for name in wanted if name.lower() in self._keys]
        return [_entry(key) for key in found], [name for name in wanted if name.lower() not in self._keys]

    def change(self, name: str, value: str) -> str:
        """The status of ChangeConfiguration (OCPP 1.6 5.3)."""
        key = self._keys.get(name.lower())
        if key is None:
            return "NotSupported"
        if key.check is None or not key.check(value):
            return "Rejected"
        if key.needs_reboot:
            key.pending = value
            return "RebootRequired"
        key.value = value
        return "Accepted"

    def value(self, name: str) -> str:
        return self._keys[name.lower()].value or ""

    @property
    def sampled_measurands(self) -> list[str]:
        return _items(self.value("MeterValuesSampledData"))

    @property
    def sample_interval_s(self) -> int:
        return int(self.value("MeterValueSampleInterval"))

    @property
    def heartbeat_interval_s(self) -> int:
        return int(self.value("HeartbeatInterval"))

    @property
    def asks_before_remote_start(self) -> bool:
        return self._is_on("AuthorizeRemoteTxRequests")

    @property
    def stops_on_invalid_token(self) -> bool:
        return self._is_on("StopTransactionOnInvalidId")

    @property
    def starts_offline(self) -> bool:
        return self._is_on("AllowOfflineTxForUnknownId")

    @property
    def start_point(self) -> StartPoint:
        return StartPoint.POWER_PATH_CLOSED

    @property
    def ends_when_unplugged(self) -> bool:
        return False

    @property
    def transaction_attempts(self) -> int:
        return int(self.value("TransactionMessageAttempts"))

    @property
    def retry_interval_s(self) -> int:
        return int(self.value("TransactionMessageRetryInterval"))

    def set_heartbeat_interval(self, interval_s: int) -> None:
        """The interval of an accepted boot is the charger's heartbeat interval (OCPP 1.6 4.2)."""
        self._keys["heartbeatinterval"].value = str(interval_s)

    def tell_meter_key(self, evse_no: int, key: str) -> None:
        """OCA, Signed Meter Values in OCPP 3.3.1."""
        name = f"MeterPublicKey{evse_no}"
        self._keys[name.lower()] = Key(name=name, value=key)

    def on_reboot(self) -> None:
        """Bring pending values into force."""
        for key in self._keys.values():
            if key.pending is not None:
                key.value, key.pending = key.pending, None

    def _is_on(self, name: str) -> bool:
        return self.value(name).lower() == "true"


def is_boolean(value: str) -> bool:
    return value.lower() in ("true", "false")


def is_count(value: str) -> bool:
    return value.isascii() and value.isdecimal()


def is_measurand_list(value: str) -> bool:
    """Whether every measurand is one that this meter has."""
    return all(item in MEASURANDS for item in _items(value))


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _entry(key: Key) -> Payload:
    entry: Payload = {"key": key.name, "readonly": key.is_readonly}
    if key.value is not None and not key.is_secret:
        entry["value"] = key.value
    return entry


def _factory(connectors: int, sample_interval_s: int) -> list[Key]:
    def fixed(name: str, value: str) -> Key:
        return Key(name=name, value=value)

    def flag(name: str, value: str) -> Key:
        return Key(name=name, value=value, check=is_boolean)

    def count(name: str, value: int) -> Key:
        return Key(name=name, value=str(value), check=is_count)

    def measurands(name: str, value: str) -> Key:
        return Key(name=name, value=value, check=is_measurand_list)

    return [
        fixed("ChargeProfileMaxStackLevel", str(MAX_STACK_LEVEL)),
        fixed("ChargingScheduleAllowedChargingRateUnit", "Current,Power"),
        fixed("ChargingScheduleMaxPeriods", str(MAX_PERIODS)),
        fixed("MaxChargingProfilesInstalled", str(MAX_PROFILES)),
        flag("AllowOfflineTxForUnknownId", "true"),
        flag("AuthorizeRemoteTxRequests", "false"),
        count("ClockAlignedDataInterval", 0),
        count("ConnectionTimeOut", 120),
        fixed("ConnectorPhaseRotation", ",".join(f"{no}.RST" for no in range(1, connectors + 1))),
        fixed("GetConfigurationMaxKeys", "50"),
        count("HeartbeatInterval", 300),
        flag("LocalAuthorizeOffline", "true"),
        flag("LocalPreAuthorize", "false"),
        measurands("MeterValuesAlignedData", ENERGY),
        measurands("MeterValuesSampledData", f"{ENERGY},{POWER}"),
        fixed("MeterValuesSampledDataMaxLength", str(len((ENERGY, POWER, CURRENT, VOLTAGE)))),
        count("MeterValueSampleInterval", sample_interval_s),
        count("MinimumStatusDuration", 0),
        fixed("NumberOfConnectors", str(connectors)),
        count("ResetRetries", 1),
        fixed("StopTransactionOnEVSideDisconnect", "true"),
        flag("StopTransactionOnInvalidId", "true"),
        measurands("StopTxnAlignedData", ""),
        measurands("StopTxnSampledData", ""),
        fixed("SupportedFeatureProfiles", "Core,FirmwareManagement,RemoteTrigger,Reservation,SmartCharging"),
        count("TransactionMessageAttempts", 3),
        count("TransactionMessageRetryInterval", 60),
        fixed("UnlockConnectorOnEVSideDisconnect", "true"),
        Key(name="WebSocketPingInterval", value="0", check=is_count, needs_reboot=True),
        Key(name="AuthorizationKey", value=None, check=_is_key, is_secret=True),
        Key(name="SecurityProfile", value="1", check=lambda value: value in ("1", "2", "3"), needs_reboot=True),
    ]


def _is_key(value: str) -> bool:
    # OCPP 1.6 security whitepaper, A00.FR.205: 16 to 20 bytes as hexadecimal digits.
    return 32 <= len(value) <= 40 and len(value) % 2 == 0 and all(c in "0123456789abcdefABCDEF" for c in value)
