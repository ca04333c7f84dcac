"""The objects of OCPI 2.1.1 as a strict receiver reads them: lengths, cardinalities, enumerations, formats."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from simulators.emsp.v221.common import Ocpi
from simulators.emsp.v221.enums import DayOfWeek, EnergySourceCategory, EvseStatus, ImageCategory, WhitelistType
from simulators.emsp.v221.types import (
    CountryAlpha3,
    CountryCode,
    CredentialsToken,
    Currency,
    Date,
    Id36,
    Language,
    Number,
    PartyId,
    Text,
    TimeOfDay,
    Url,
    parse_date_time,
)


def _parse_date_time(value: object) -> datetime:
    """OCPI 2.1.1 types 1.2: no fraction of a second in its text or samples."""
    moment = parse_date_time(value)
    if moment.microsecond or "." in str(value):
        raise PydanticCustomError("ocpi_date_time", "has a fraction of a second")
    return moment


def ascii_text(max_length: int) -> Text:
    """string(n): printable ASCII.  OCPI 2.1.1 types 1.5"""
    return Text(max_length, "ocpi_string", r"[ -~]*", "printable ASCII")


DateTime = Annotated[datetime, PlainValidator(_parse_date_time)]
Id39 = Annotated[str, ascii_text(39)]
Latitude = Annotated[str, Text(10, "ocpi_string", r"-?[0-9]{1,2}\.[0-9]{6}", "a latitude with 6 decimals")]
Longitude = Annotated[str, Text(11, "ocpi_string", r"-?[0-9]{1,3}\.[0-9]{6}", "a longitude with 6 decimals")]
ConnectorType = Literal[
    "CHADEMO", "DOMESTIC_A", "DOMESTIC_B", "DOMESTIC_C", "DOMESTIC_D", "DOMESTIC_E", "DOMESTIC_F", "DOMESTIC_G",
    "DOMESTIC_H", "DOMESTIC_I", "DOMESTIC_J", "DOMESTIC_K", "DOMESTIC_L", "IEC_60309_2_single_16",
    "IEC_60309_2_three_16", "IEC_60309_2_three_32", "IEC_60309_2_three_64", "IEC_62196_T1", "IEC_62196_T1_COMBO",
    "IEC_62196_T2", "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C", "TESLA_R", "TESLA_S",
]  # fmt: skip
Capability = Literal[
    "CHARGING_PROFILE_CAPABLE", "CREDIT_CARD_PAYABLE", "REMOTE_START_STOP_CAPABLE", "RESERVABLE", "RFID_READER",
    "UNLOCK_CAPABLE",
]  # fmt: skip
Facility = Literal[
    "HOTEL", "RESTAURANT", "CAFE", "MALL", "SUPERMARKET", "SPORT", "RECREATION_AREA", "NATURE", "MUSEUM", "BUS_STOP",
    "TAXI_STAND", "TRAIN_STATION", "AIRPORT", "CARPOOL_PARKING", "FUEL_STATION", "WIFI",
]  # fmt: skip


class DisplayText(Ocpi):
    paragraph = "OCPI 2.1.1 types 1.3 DisplayText"

    language: Language
    text: Annotated[str, ascii_text(512)]


class Image(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.14 Image"

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, ascii_text(4)]
    width: int | None = Field(default=None, ge=0, le=99999)
    height: int | None = Field(default=None, ge=0, le=99999)


class BusinessDetails(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.2 BusinessDetails"

    name: Annotated[str, ascii_text(100)]
    website: Url | None = None
    logo: Image | None = None


class Endpoint(Ocpi):
    paragraph = "OCPI 2.1.1 version_information_endpoint Endpoint"

    identifier: Annotated[str, ascii_text(255)]
    url: Url


class VersionDetails(Ocpi):
    paragraph = "OCPI 2.1.1 version_information_endpoint"

    version: Annotated[str, ascii_text(10)]
    endpoints: list[Endpoint] = Field(min_length=1)


class Credentials(Ocpi):
    paragraph = "OCPI 2.1.1 credentials 2.1 Credentials object"

    token: CredentialsToken
    url: Url
    business_details: BusinessDetails
    party_id: PartyId
    country_code: CountryCode


class GeoLocation(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.12 GeoLocation"

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(GeoLocation):
    paragraph = "OCPI 2.1.1 mod_locations 4.1 AdditionalGeoLocation"

    name: DisplayText | None = None


class EnergySource(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.6 EnergySource"

    source: EnergySourceCategory
    percentage: Number


class EnvironmentalImpact(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.8 EnvironmentalImpact"

    source: Literal["NUCLEAR_WASTE", "CARBON_DIOXIDE"]
    amount: Number


class EnergyMix(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.5 EnergyMix"

    is_green_energy: bool
    energy_sources: list[EnergySource] = Field(default_factory=list)
    environ_impact: list[EnvironmentalImpact] = Field(default_factory=list)
    supplier_name: Annotated[str, ascii_text(64)] | None = None
    energy_product_name: Annotated[str, ascii_text(64)] | None = None


class RegularHours(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.19 RegularHours"

    weekday: int = Field(ge=1, le=7)
    period_begin: TimeOfDay
    period_end: TimeOfDay


class ExceptionalPeriod(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.10 ExceptionalPeriod"

    period_begin: DateTime
    period_end: DateTime


class Hours(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.13 Hours"

    regular_hours: list[RegularHours] = Field(default_factory=list)
    twentyfourseven: bool | None = None
    exceptional_openings: list[ExceptionalPeriod] = Field(default_factory=list)
    exceptional_closings: list[ExceptionalPeriod] = Field(default_factory=list)


class StatusSchedule(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 4.21 StatusSchedule"

    period_begin: DateTime
    period_end: DateTime | None = None
    status: EvseStatus


class Connector(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 3.3 Connector"

    id: Id36
    standard: ConnectorType
    format: Literal["SOCKET", "CABLE"]
    power_type: Literal["AC_1_PHASE", "AC_3_PHASE", "DC"]
    voltage: int = Field(ge=0)
    amperage: int = Field(ge=0)
    tariff_id: Id36 | None = None
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class Evse(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 3.2 EVSE"

    uid: Id39
    evse_id: Annotated[str, ascii_text(48)] | None = None
    status: EvseStatus
    status_schedule: list[StatusSchedule] = Field(default_factory=list)
    capabilities: list[Capability] = Field(default_factory=list)
    connectors: list[Connector] = Field(min_length=1)
    floor_level: Annotated[str, ascii_text(4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Annotated[str, ascii_text(16)] | None = None
    directions: list[DisplayText] = Field(default_factory=list)
    parking_restrictions: list[Literal["EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"]] = Field(
        default_factory=list
    )
    images: list[Image] = Field(default_factory=list)
    last_updated: DateTime


class Location(Ocpi):
    paragraph = "OCPI 2.1.1 mod_locations 3.1 Location"

    id: Id39
    type: Literal["ON_STREET", "PARKING_GARAGE", "UNDERGROUND_GARAGE", "PARKING_LOT", "OTHER", "UNKNOWN"]
    name: Annotated[str, ascii_text(255)] | None = None
    address: Annotated[str, ascii_text(45)]
    city: Annotated[str, ascii_text(45)]
    postal_code: Annotated[str, ascii_text(10)]
    country: CountryAlpha3
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] = Field(default_factory=list)
    evses: list[Evse] = Field(default_factory=list)
    directions: list[DisplayText] = Field(default_factory=list)
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] = Field(default_factory=list)
    time_zone: Annotated[str, ascii_text(255)] | None = None
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] = Field(default_factory=list)
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class CdrDimension(Ocpi):
    paragraph = "OCPI 2.1.1 mod_cdrs 4.2 CdrDimension"

    type: Literal["ENERGY", "FLAT", "MAX_CURRENT", "MIN_CURRENT", "PARKING_TIME", "TIME"]
    volume: Number


class ChargingPeriod(Ocpi):
    paragraph = "OCPI 2.1.1 mod_cdrs 4.4 ChargingPeriod"

    start_date_time: DateTime
    dimensions: list[CdrDimension] = Field(min_length=1)


class Session(Ocpi):
    paragraph = "OCPI 2.1.1 mod_sessions 3.1 Session"

    id: Id36
    start_datetime: DateTime
    end_datetime: DateTime | None = None
    kwh: Number
    auth_id: Id36
    auth_method: Literal["AUTH_REQUEST", "WHITELIST"]
    location: Location
    meter_id: Annotated[str, ascii_text(255)] | None = None
    currency: Currency
    charging_periods: list[ChargingPeriod] = Field(default_factory=list)
    total_cost: Number | None = None
    status: Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING"]
    last_updated: DateTime


class PriceComponent(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tariffs 4.2 PriceComponent"

    type: Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
    price: Number
    step_size: int = Field(ge=0)


class TariffRestrictions(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tariffs 4.5 TariffRestrictions"

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[DayOfWeek] = Field(default_factory=list)


class TariffElement(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tariffs 4.3 TariffElement"

    price_components: list[PriceComponent] = Field(min_length=1)
    restrictions: TariffRestrictions | None = None


class Tariff(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tariffs 3.1 Tariff"

    id: Id36
    currency: Currency
    tariff_alt_text: list[DisplayText] = Field(default_factory=list)
    tariff_alt_url: Url | None = None
    elements: list[TariffElement] = Field(min_length=1)
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class Cdr(Ocpi):
    paragraph = "OCPI 2.1.1 mod_cdrs 3.1 CDR"

    id: Id36
    start_date_time: DateTime
    stop_date_time: DateTime
    auth_id: Id36
    auth_method: Literal["AUTH_REQUEST", "WHITELIST"]
    location: Location
    meter_id: Annotated[str, ascii_text(255)] | None = None
    currency: Currency
    tariffs: list[Tariff] = Field(default_factory=list)
    charging_periods: list[ChargingPeriod] = Field(min_length=1)
    total_cost: Number
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: Annotated[str, ascii_text(255)] | None = None
    last_updated: DateTime


class Token(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tokens 3.2 Token"

    uid: Id36
    type: Literal["OTHER", "RFID"]
    auth_id: Id36
    visual_number: Annotated[str, ascii_text(64)] | None = None
    issuer: Annotated[str, ascii_text(64)]
    valid: bool
    whitelist: WhitelistType
    language: Language | None = None
    last_updated: DateTime


class LocationReferences(Ocpi):
    paragraph = "OCPI 2.1.1 mod_tokens 4.2 LocationReferences"

    location_id: Id39
    evse_uids: list[Id39] = Field(default_factory=list)
    connector_ids: list[Id36] = Field(default_factory=list)


class CommandResponse(Ocpi):
    """The charger's result is one of these too."""

    paragraph = "OCPI 2.1.1 mod_commands 3.1 CommandResponse"

    result: Literal["ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TIMEOUT", "UNKNOWN_SESSION"]
