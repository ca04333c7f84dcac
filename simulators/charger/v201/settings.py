"""The device model of a 2.0.1 charging station (OCPP 2.0.1 part 2, referenced components and variables)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ..dialect import StartPoint
from ..message import Payload
from ..metering import ENERGY, MEASURANDS, POWER
from ..smart import MAX_PERIODS, MAX_STACK_LEVEL, UNITS
from ..station import ConnectorState, Evse, Identity

Mutability = Literal["ReadOnly", "WriteOnly", "ReadWrite"]
DataType = Literal["string", "integer", "boolean", "OptionList", "MemberList"]
ReportBase = Literal["ConfigurationInventory", "FullInventory", "SummaryInventory"]

AVAILABILITY = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")
STOP_POINTS = ("EVConnected", "Authorized", "PowerPathClosed")
PROFILES = ("1", "2", "3")


@dataclass(frozen=True, slots=True)
class Place:
    """The component that a variable belongs to."""

    component: str
    evse_no: int | None = None
    connector_no: int | None = None


@dataclass(slots=True, kw_only=True)
class Variable:
    """One variable with its Actual attribute; `value` may be read from the station when asked."""

    place: Place
    name: str
    value: str | Callable[[], str]
    instance: str | None = None
    mutability: Mutability = "ReadOnly"
    data_type: DataType = "string"
    choices: tuple[str, ...] = ()
    unit: str | None = None
    needs_reboot: bool = False
    pending: str | None = None

    def read(self) -> str:
        return self.value if isinstance(self.value, str) else self.value()

    def may_be(self, value: str) -> bool:
        """Whether the value is one of those the characteristics allow."""
        match self.data_type:
            case "integer":
                return value.isascii() and value.isdecimal()
            case "boolean":
                return value.lower() in ("true", "false")
            case "OptionList":
                return value in self.choices
            case "MemberList":
                return all(item in self.choices for item in _items(value))
            case "string":
                return len(value) <= 2500


class DeviceModel:
    """All variables of the station; component and variable names are matched case-insensitively."""

    def __init__(self, *, evses: Sequence[Evse], identity: Identity, sample_interval_s: int) -> None:
        self.variables = [*_controllers(sample_interval_s), *_station(identity, evses)]

    def find(self, component: Payload, variable: Payload) -> Variable | str:
        """The variable, or the status that says why there is none (UnknownComponent, UnknownVariable)."""
        evse = component.get("evse", {})
        place = Place(component["name"].lower(), evse.get("id"), evse.get("connectorId"))
        there = [entry for entry in self.variables if _lower(entry.place) == place]
        if not there:
            return "UnknownComponent"
        wanted = (variable["name"].lower(), variable.get("instance", "").lower())
        for entry in there:
            if (entry.name.lower(), (entry.instance or "").lower()) == wanted:
                return entry
        return "UnknownVariable"

    def change(self, variable: Variable, value: str) -> str:
        """The status of one SetVariables entry (OCPP 2.0.1 B05)."""
        if variable.mutability == "ReadOnly" or not variable.may_be(value):
            return "Rejected"
        if variable.needs_reboot:
            variable.pending = value
            return "RebootRequired"
        variable.value = value
        return "Accepted"

    def preset(self, component: str, name: str, value: str) -> None:
        """Give a variable another factory value."""
        for variable in self.variables:
            if (variable.place.component, variable.name) == (component, name):
                variable.value = value

    def report(self, base: ReportBase) -> list[Payload]:
        """The entries of NotifyReport (OCPP 2.0.1 B07.FR.07 to .09)."""
        return [_entry(variable) for variable in self.variables if _is_in(variable, base)]

    def value(self, component: str, name: str, instance: str | None = None) -> str:
        """A variable of the station itself; KeyError if there is none."""
        for variable in self.variables:
            if (variable.place.component, variable.name, variable.instance) == (component, name, instance):
                return variable.read()
        raise KeyError(f"{component}.{name}")

    def measurands(self, moment: Literal["Started", "Updated", "Ended"]) -> list[str]:
        return _items(self.value("SampledDataCtrlr", f"Tx{moment}Measurands"))

    @property
    def sample_interval_s(self) -> int:
        return int(self.value("SampledDataCtrlr", "TxUpdatedInterval"))

    @property
    def heartbeat_interval_s(self) -> int:
        return int(self.value("OCPPCommCtrlr", "HeartbeatInterval"))

    @property
    def asks_before_remote_start(self) -> bool:
        return self._is_on("AuthCtrlr", "AuthorizeRemoteStart")

    @property
    def stops_on_invalid_token(self) -> bool:
        return self._is_on("TxCtrlr", "StopTxOnInvalidId")

    @property
    def starts_offline(self) -> bool:
        return self._is_on("AuthCtrlr", "OfflineTxForUnknownIdEnabled")

    @property
    def start_point(self) -> StartPoint:
        """The earliest of the points given, for it is the one that comes true first."""
        points = _items(self.value("TxCtrlr", "TxStartPoint"))
        return next((point for point in StartPoint if point.value in points), StartPoint.POWER_PATH_CLOSED)

    @property
    def ends_when_unplugged(self) -> bool:
        """Whether a transaction outlives its authorisation until the cable is out (TxStopPoint EVConnected)."""
        return _items(self.value("TxCtrlr", "TxStopPoint")) == ["EVConnected"]

    @property
    def transaction_attempts(self) -> int:
        return int(self.value("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent"))

    @property
    def retry_interval_s(self) -> int:
        return int(self.value("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent"))

    def set_heartbeat_interval(self, interval_s: int) -> None:
        """The interval of an accepted boot is the heartbeat interval (OCPP 2.0.1 B01.FR.04)."""
        self.preset("OCPPCommCtrlr", "HeartbeatInterval", str(interval_s))

    def tell_meter_key(self, evse_no: int, key: str) -> None:
        """OCA, Signed Meter Values in OCPP 4.3.2."""
        self.variables.append(Variable(place=Place("FiscalMetering", evse_no), name="PublicKey", value=key))

    def on_reboot(self) -> None:
        """Bring pending values into force."""
        for variable in self.variables:
            if variable.pending is not None:
                variable.value, variable.pending = variable.pending, None

    def _is_on(self, component: str, name: str) -> bool:
        return self.value(component, name).lower() == "true"


def render_place(place: Place) -> Payload:
    component: Payload = {"name": place.component}
    if place.evse_no is not None:
        component["evse"] = {"id": place.evse_no}
        if place.connector_no is not None:
            component["evse"]["connectorId"] = place.connector_no
    return component


def availability_of(state: ConnectorState) -> str:
    """The five connector states of 2.0.1."""
    match state:
        case ConnectorState.AVAILABLE | ConnectorState.RESERVED | ConnectorState.UNAVAILABLE | ConnectorState.FAULTED:
            return str(state)
        case _:
            return "Occupied"


def _entry(variable: Variable) -> Payload:
    attribute: Payload = {"type": "Actual", "mutability": variable.mutability}
    if variable.mutability != "WriteOnly":
        attribute["value"] = variable.read()
    characteristics: Payload = {"dataType": variable.data_type, "supportsMonitoring": False}
    if variable.choices:
        characteristics["valuesList"] = ",".join(variable.choices)
    if variable.unit is not None:
        characteristics["unit"] = variable.unit
    name: Payload = {"name": variable.name}
    if variable.instance is not None:
        name["instance"] = variable.instance
    return {
        "component": render_place(variable.place),
        "variable": name,
        "variableAttribute": [attribute],
        "variableCharacteristics": characteristics,
    }


def _is_in(variable: Variable, base: ReportBase) -> bool:
    match base:
        case "FullInventory":
            return True
        case "ConfigurationInventory":
            return variable.mutability != "ReadOnly"
        case "SummaryInventory":
            return variable.name == "AvailabilityState"


def _lower(place: Place) -> Place:
    return Place(place.component.lower(), place.evse_no, place.connector_no)


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _controllers(sample_interval_s: int) -> list[Variable]:
    points = tuple(point.value for point in StartPoint)
    return [
        _fixed("OCPPCommCtrlr", "ActiveNetworkProfile", "1", "integer"),
        _fixed("OCPPCommCtrlr", "FileTransferProtocols", "HTTPS", "MemberList", choices=("HTTPS", "HTTP")),
        _number("OCPPCommCtrlr", "HeartbeatInterval", 300, unit="s"),
        _number("OCPPCommCtrlr", "MessageAttempts", 3, instance="TransactionEvent"),
        _number("OCPPCommCtrlr", "MessageAttemptInterval", 60, instance="TransactionEvent", unit="s"),
        _fixed("OCPPCommCtrlr", "MessageTimeout", "30", "integer", instance="Default"),
        _number("OCPPCommCtrlr", "OfflineThreshold", 60, unit="s"),
        _number("OCPPCommCtrlr", "ResetRetries", 1),
        _number("OCPPCommCtrlr", "WebSocketPingInterval", 0, unit="s", needs_reboot=True),
        _fixed("DeviceDataCtrlr", "ItemsPerMessage", "10", "integer", instance="GetVariables"),
        _fixed("DeviceDataCtrlr", "ItemsPerMessage", "10", "integer", instance="SetVariables"),
        _fixed("DeviceDataCtrlr", "ItemsPerMessage", "10", "integer", instance="GetReport"),
        _fixed("DeviceDataCtrlr", "BytesPerMessage", "65536", "integer", instance="GetVariables"),
        _fixed("DeviceDataCtrlr", "BytesPerMessage", "65536", "integer", instance="SetVariables"),
        _flag("AuthCtrlr", "AuthorizeRemoteStart", "false"),
        _flag("AuthCtrlr", "LocalAuthorizeOffline", "true"),
        _flag("AuthCtrlr", "LocalPreAuthorize", "false"),
        _flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "true"),
        _fixed("SecurityCtrlr", "SecurityProfile", "1", "OptionList", choices=PROFILES),
        _text("SecurityCtrlr", "BasicAuthPassword", "WriteOnly"),
        _text("SecurityCtrlr", "OrganizationName", "ReadWrite"),
        _measurands("AlignedDataCtrlr", "Measurands", ENERGY),
        _number("AlignedDataCtrlr", "Interval", 0, unit="s"),
        _measurands("SampledDataCtrlr", "TxStartedMeasurands", ENERGY),
        _measurands("SampledDataCtrlr", "TxUpdatedMeasurands", f"{ENERGY},{POWER}"),
        _measurands("SampledDataCtrlr", "TxEndedMeasurands", ENERGY),
        _number("SampledDataCtrlr", "TxUpdatedInterval", sample_interval_s, unit="s"),
        _number("SampledDataCtrlr", "TxEndedInterval", 0, unit="s"),
        _fixed("SmartChargingCtrlr", "ProfileStackLevel", str(MAX_STACK_LEVEL), "integer"),
        _fixed("SmartChargingCtrlr", "RateUnit", ",".join(UNITS), "MemberList", choices=UNITS),
        _fixed("SmartChargingCtrlr", "PeriodsPerSchedule", str(MAX_PERIODS), "integer"),
        _number("TxCtrlr", "EVConnectionTimeOut", 120, unit="s"),
        _flag("TxCtrlr", "StopTxOnInvalidId", "true"),
        _fixed("TxCtrlr", "StopTxOnEVSideDisconnect", "true", "boolean"),
        _list("TxCtrlr", "TxStartPoint", "PowerPathClosed", choices=points),
        _list("TxCtrlr", "TxStopPoint", "Authorized,PowerPathClosed", choices=STOP_POINTS),
    ]


def _station(identity: Identity, evses: Sequence[Evse]) -> list[Variable]:
    variables = [
        _fixed("ChargingStation", "Model", identity.model),
        _fixed("ChargingStation", "VendorName", identity.vendor),
        _fixed("ChargingStation", "SerialNumber", identity.serial_number),
        _fixed("ChargingStation", "AvailabilityState", "Available", "OptionList", choices=AVAILABILITY),
    ]
    for evse in evses:
        here = Place("EVSE", evse.no)
        variables += [
            _state(here, partial(_state_of, evse, None)),
            Variable(place=here, name="Available", value="true", data_type="boolean"),
            Variable(place=here, name="SupplyPhases", value="3", data_type="integer"),
        ]
        for connector_no in range(1, evse.connectors + 1):
            there = Place("Connector", evse.no, connector_no)
            variables += [
                _state(there, partial(_state_of, evse, connector_no)),
                Variable(place=there, name="Available", value="true", data_type="boolean"),
                Variable(place=there, name="ConnectorType", value="sType2"),
            ]
    return variables


def _state_of(evse: Evse, connector_no: int | None) -> str:
    return availability_of(evse.state_of(connector_no or evse.plugged or 1))


def _state(place: Place, read: Callable[[], str]) -> Variable:
    return Variable(place=place, name="AvailabilityState", value=read, data_type="OptionList", choices=AVAILABILITY)


def _fixed(
    component: str,
    name: str,
    value: str,
    data_type: DataType = "string",
    *,
    instance: str | None = None,
    choices: tuple[str, ...] = (),
) -> Variable:
    return Variable(
        place=Place(component), name=name, value=value, instance=instance, data_type=data_type, choices=choices
    )


def _text(component: str, name: str, mutability: Mutability) -> Variable:
    return Variable(place=Place(component), name=name, value="", mutability=mutability)


def _number(
    component: str,
    name: str,
    value: int,
    *,
    unit: str | None = None,
    instance: str | None = None,
    needs_reboot: bool = False,
) -> Variable:
    return Variable(
        place=Place(component),
        name=name,
        value=str(value),
        instance=instance,
        mutability="ReadWrite",
        data_type="integer",
        unit=unit,
        needs_reboot=needs_reboot,
    )


def _flag(component: str, name: str, value: str) -> Variable:
    return Variable(place=Place(component), name=name, value=value, mutability="ReadWrite", data_type="boolean")


def _list(component: str, name: str, value: str, *, choices: tuple[str, ...]) -> Variable:
    return Variable(
        place=Place(component),
        name=name,
        value=value,
        mutability="ReadWrite",
        data_type="MemberList",
        choices=choices,
    )


def _measurands(component: str, name: str, value: str) -> Variable:
    return _list(component, name, value, choices=MEASURANDS)
