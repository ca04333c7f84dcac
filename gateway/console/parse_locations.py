"""An operator's location: OCPI 2.2.1 or 2.3.0, whose EVSEs and connectors also name their plug.

`station_id`, `evse_no` and `connector_no` may stand at the EVSE (for all its connectors) or at a connector, which
counts more.  Where `evse_no` is missing it equals `connector_no`, as with stations that know no EVSEs (OCPP 1.6).
`home_charging_compensation` at the EVSE says that what is charged there is to be paid to the driver; EVSEs with the
same `physical_evse` serve one car at a time.
Of a `status` only PLANNED, INOPERATIVE and REMOVED are taken, as the operator's override; `last_updated` is ours to
give.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, StrictBool, field_validator

from gateway.console.bodies import BodyError, parse_model, render_path
from gateway.console.descriptions import (
    Capability,
    ConnectorDescription,
    ConnectorFormat,
    ConnectorType,
    EvseDescription,
    LocationDescription,
    ParkingType,
    PowerType,
    Status,
)
from gateway.console.fields import (
    CiString36,
    CountryAlpha2,
    CountryAlpha3,
    EvseId,
    GeoLocation,
    PartyText,
    PositiveInt,
    String4,
    String10,
    String16,
    String45,
    String255,
    Url,
    render_datetime,
)
from gateway.domain.ids import ConnectorKey, PartyId, party_id_of
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.errors import WireError

OVERRIDES = frozenset({EvseStatus.PLANNED, EvseStatus.INOPERATIVE, EvseStatus.REMOVED})
StationText = Annotated[str, Field(min_length=1, max_length=255)]


class ConnectorInput(ConnectorDescription):
    id: CiString36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: PositiveInt
    max_amperage: PositiveInt
    max_electric_power: PositiveInt | None = None
    tariff_ids: tuple[CiString36, ...] | None = None
    terms_and_conditions: Url | None = None
    station_id: StationText | None = None
    evse_no: PositiveInt | None = None
    connector_no: PositiveInt | None = None
    last_updated: Any = None


class EvseInput(EvseDescription):
    uid: CiString36
    connectors: Annotated[tuple[ConnectorInput, ...], Field(min_length=1)]
    evse_id: EvseId | None = None
    status: Status | None = None
    capabilities: tuple[Capability, ...] | None = None
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    station_id: StationText | None = None
    evse_no: PositiveInt | None = None
    connector_no: PositiveInt | None = None
    home_charging_compensation: StrictBool | None = None
    physical_evse: CiString36 | None = None
    override: Any = None
    last_updated: Any = None


class LocationInput(LocationDescription):
    id: CiString36
    publish: bool
    address: String255
    city: String45
    country: CountryAlpha3
    coordinates: GeoLocation
    time_zone: String255
    country_code: CountryAlpha2 | None = None
    party_id: PartyText | None = None
    name: String255 | None = None
    postal_code: String10 | None = None
    state: String45 | None = None
    parking_type: ParkingType | None = None
    evses: tuple[EvseInput, ...] = ()
    last_updated: Any = None

    @field_validator("evses", mode="before")
    @classmethod
    def _read_absent(cls, value: Any) -> Any:
        return () if value is None else value


def parse_location(data: dict[str, Any], *, location_id: str, parties: Sequence[PartyId], now: datetime) -> Location:
    """The location as put; statuses are UNKNOWN and times `now` until the store has it.

    The party may be left out where there is only one.  Raises BodyError.
    """
    parsed = parse_model(LocationInput, {"id": location_id, **data})
    if parsed.id != location_id:
        raise WireError("$.id", f"is {parsed.id!r}, but the address names {location_id!r}")
    if parsed.publish and parsed.publish_allowed_to:
        raise WireError("$.publish_allowed_to", "is only allowed where publish is false")  # OCPI 2.3.0 8.3.1
    return Location(
        id=parsed.id,
        party=parse_party(parsed.country_code, parsed.party_id, parties),
        publish=parsed.publish,
        address=parsed.address,
        city=parsed.city,
        country=parsed.country,
        coordinates=(parsed.coordinates.latitude, parsed.coordinates.longitude),
        time_zone=parsed.time_zone,
        evses=tuple(_parse_evse(evse, ("evses", no), now) for no, evse in enumerate(parsed.evses)),
        last_updated=now,
        name=parsed.name,
        postal_code=parsed.postal_code,
        state=parsed.state,
        parking_type=parsed.parking_type,
        extra=render_extra(parsed, LocationDescription, LocationInput),
    )


def parse_party(country_code: str | None, party_id: str | None, parties: Sequence[PartyId]) -> PartyId:
    """The party of an object; left out, it is the only one we have."""
    if country_code is not None and party_id is not None:
        return party_id_of(country_code, party_id)
    if country_code is None and party_id is None and len(parties) == 1:
        return parties[0]
    missing = "country_code" if country_code is None else "party_id"
    raise WireError(f"$.{missing}", "is missing")


def render_extra(parsed: BaseModel, description: type[BaseModel], model: type[BaseModel]) -> str | None:
    """The descriptive fields and those that the model does not name, as JSON text; None where there are none."""
    given = parsed.model_dump(exclude_unset=True)
    structure = set(model.model_fields) - set(description.model_fields)
    extra = {name: value for name, value in given.items() if name not in structure and value is not None}
    return render_json(extra) if extra else None


def render_json(value: Any) -> str:
    """JSON text with times as OCPI writes them and decimals as numbers."""
    return orjson.dumps(_without_nulls(value), default=_render_value, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_nulls(inner) for inner in value]
    return value


def _render_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return render_datetime(value)
    return orjson.Fragment(f"{value:f}")


def _parse_evse(evse: EvseInput, loc: tuple[Any, ...], now: datetime) -> Evse:
    override = EvseStatus(evse.status) if evse.status in OVERRIDES else None
    return Evse(
        uid=evse.uid,
        status=override or EvseStatus.UNKNOWN,
        connectors=tuple(
            _parse_connector(connector, evse, (*loc, "connectors", no), now)
            for no, connector in enumerate(evse.connectors)
        ),
        last_updated=now,
        evse_id=evse.evse_id,
        override=override,
        capabilities=evse.capabilities or (),
        physical_reference=evse.physical_reference,
        floor_level=evse.floor_level,
        coordinates=(evse.coordinates.latitude, evse.coordinates.longitude) if evse.coordinates else None,
        home_charging_compensation=bool(evse.home_charging_compensation),
        physical_evse=evse.physical_evse,
        extra=render_extra(evse, EvseDescription, EvseInput),
    )


def _parse_connector(connector: ConnectorInput, evse: EvseInput, loc: tuple[Any, ...], now: datetime) -> Connector:
    return Connector(
        id=connector.id,
        standard=connector.standard,
        format=connector.format,
        power_type=connector.power_type,
        max_voltage=connector.max_voltage,
        max_amperage=connector.max_amperage,
        last_updated=now,
        key=_parse_key(connector, evse, loc),
        max_electric_power=connector.max_electric_power,
        tariff_ids=connector.tariff_ids or (),
        terms_and_conditions=connector.terms_and_conditions,
        extra=render_extra(connector, ConnectorDescription, ConnectorInput),
    )


def _parse_key(connector: ConnectorInput, evse: EvseInput, loc: tuple[Any, ...]) -> ConnectorKey | None:
    station_id = connector.station_id or evse.station_id
    connector_no = connector.connector_no or evse.connector_no
    evse_no = connector.evse_no or evse.evse_no or connector_no
    if station_id is None and connector_no is None and evse_no is None:
        return None
    if station_id is None:
        raise BodyError([(render_path((*loc, "station_id")), "is missing: a plug is named with its station")])
    if connector_no is None or evse_no is None:
        problem = "is missing (the connectorId of OCPP 1.6; in OCPP 2.x connectors count from 1 in each EVSE)"
        raise BodyError([(render_path((*loc, "connector_no")), problem)])
    return ConnectorKey(station_id=station_id, evse_no=evse_no, connector_no=connector_no)
