"""OCPI 2.2.1 CDR and Location as pydantic models, the way most OCPI services in Python hold them.

Complete in shape.  Numbers are floats, which pydantic both parses and dumps faster than Decimals.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, HttpUrl

Text2 = Annotated[str, Field(min_length=2, max_length=2)]
Text3 = Annotated[str, Field(min_length=3, max_length=3)]
Id36 = Annotated[str, Field(min_length=1, max_length=36)]
Id39 = Annotated[str, Field(min_length=1, max_length=39)]
Text45 = Annotated[str, Field(max_length=45)]
Text255 = Annotated[str, Field(max_length=255)]


class DisplayText(BaseModel):
    language: Text2
    text: Annotated[str, Field(max_length=512)]


class Price(BaseModel):
    excl_vat: float
    incl_vat: float | None = None


class GeoLocation(BaseModel):
    latitude: Annotated[str, Field(pattern=r"^-?[0-9]{1,2}\.[0-9]{5,7}$")]
    longitude: Annotated[str, Field(pattern=r"^-?[0-9]{1,3}\.[0-9]{5,7}$")]


class AdditionalGeoLocation(GeoLocation):
    name: DisplayText | None = None


class Image(BaseModel):
    url: HttpUrl
    thumbnail: HttpUrl | None = None
    category: Literal["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"]
    type: Annotated[str, Field(max_length=4)]
    width: int | None = None
    height: int | None = None


class BusinessDetails(BaseModel):
    name: Annotated[str, Field(max_length=100)]
    website: HttpUrl | None = None
    logo: Image | None = None


class EnergySource(BaseModel):
    source: Literal["NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"]
    percentage: float


class EnvironmentalImpact(BaseModel):
    category: Literal["NUCLEAR_WASTE", "CARBON_DIOXIDE"]
    amount: float


class EnergyMix(BaseModel):
    is_green_energy: bool
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: Annotated[str, Field(max_length=64)] | None = None
    energy_product_name: Annotated[str, Field(max_length=64)] | None = None


class RegularHours(BaseModel):
    weekday: Annotated[int, Field(ge=1, le=7)]
    period_begin: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    period_end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-4]):[0-5][0-9]$")]


class ExceptionalPeriod(BaseModel):
    period_begin: datetime
    period_end: datetime


class Hours(BaseModel):
    twentyfourseven: bool
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None


Status = Literal[
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
]
ConnectorType = Literal[
    "CHADEMO",
    "CHAOJI",
    "DOMESTIC_E",
    "DOMESTIC_F",
    "DOMESTIC_G",
    "DOMESTIC_J",
    "DOMESTIC_K",
    "DOMESTIC_L",
    "GBT_AC",
    "GBT_DC",
    "IEC_60309_2_single_16",
    "IEC_60309_2_three_16",
    "IEC_60309_2_three_32",
    "IEC_60309_2_three_64",
    "IEC_62196_T1",
    "IEC_62196_T1_COMBO",
    "IEC_62196_T2",
    "IEC_62196_T2_COMBO",
    "IEC_62196_T3A",
    "IEC_62196_T3C",
    "TESLA_R",
    "TESLA_S",
]
ConnectorFormat = Literal["SOCKET", "CABLE"]
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
TokenType = Literal["AD_HOC_USER", "APP_USER", "OTHER", "RFID"]


class StatusSchedule(BaseModel):
    period_begin: datetime
    period_end: datetime | None = None
    status: Status


class Connector(BaseModel):
    id: Id36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None = None
    tariff_ids: list[Id36] | None = None
    terms_and_conditions: HttpUrl | None = None
    last_updated: datetime


class Evse(BaseModel):
    uid: Id36
    evse_id: Annotated[str, Field(max_length=48)] | None = None
    status: Status
    status_schedule: list[StatusSchedule] | None = None
    capabilities: list[str] | None = None
    connectors: Annotated[list[Connector], Field(min_length=1)]
    floor_level: Annotated[str, Field(max_length=4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Annotated[str, Field(max_length=16)] | None = None
    directions: list[DisplayText] | None = None
    parking_restrictions: list[Literal["EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"]] | None = None
    images: list[Image] | None = None
    last_updated: datetime


class PublishToken(BaseModel):
    uid: Id36 | None = None
    type: TokenType | None = None
    visual_number: Annotated[str, Field(max_length=64)] | None = None
    issuer: Annotated[str, Field(max_length=64)] | None = None
    group_id: Id36 | None = None


class Location(BaseModel):
    country_code: Text2
    party_id: Text3
    id: Id36
    publish: bool
    publish_allowed_to: list[PublishToken] | None = None
    name: Text255 | None = None
    address: Text255
    city: Text45
    postal_code: Annotated[str, Field(max_length=10)] | None = None
    state: Text45 | None = None
    country: Text3
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None = None
    parking_type: (
        Literal[
            "ALONG_MOTORWAY",
            "PARKING_GARAGE",
            "PARKING_LOT",
            "ON_DRIVEWAY",
            "ON_STREET",
            "UNDERGROUND_GARAGE",
        ]
        | None
    ) = None
    evses: list[Evse] | None = None
    directions: list[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[str] | None = None
    time_zone: Text255
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: datetime


class CdrToken(BaseModel):
    country_code: Text2
    party_id: Text3
    uid: Id36
    type: TokenType
    contract_id: Id36


class CdrLocation(BaseModel):
    id: Id36
    name: Text255 | None = None
    address: Text255
    city: Text45
    postal_code: Annotated[str, Field(max_length=10)] | None = None
    state: Text45 | None = None
    country: Text3
    coordinates: GeoLocation
    evse_uid: Id36
    evse_id: Annotated[str, Field(max_length=48)]
    connector_id: Id36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class CdrDimension(BaseModel):
    type: Literal[
        "CURRENT",
        "ENERGY",
        "ENERGY_EXPORT",
        "ENERGY_IMPORT",
        "MAX_CURRENT",
        "MIN_CURRENT",
        "MAX_POWER",
        "MIN_POWER",
        "PARKING_TIME",
        "POWER",
        "RESERVATION_TIME",
        "STATE_OF_CHARGE",
        "TIME",
    ]
    volume: float


class ChargingPeriod(BaseModel):
    start_date_time: datetime
    dimensions: Annotated[list[CdrDimension], Field(min_length=1)]
    tariff_id: Id36 | None = None


class PriceComponent(BaseModel):
    type: Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
    price: float
    vat: float | None = None
    step_size: int


class TariffRestrictions(BaseModel):
    start_time: str | None = None
    end_time: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    min_kwh: float | None = None
    max_kwh: float | None = None
    min_current: float | None = None
    max_current: float | None = None
    min_power: float | None = None
    max_power: float | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[str] | None = None
    reservation: Literal["RESERVATION", "RESERVATION_EXPIRES"] | None = None


class TariffElement(BaseModel):
    price_components: Annotated[list[PriceComponent], Field(min_length=1)]
    restrictions: TariffRestrictions | None = None


class Tariff(BaseModel):
    country_code: Text2
    party_id: Text3
    id: Id36
    currency: Text3
    type: Literal["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"] | None = None
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: HttpUrl | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    elements: Annotated[list[TariffElement], Field(min_length=1)]
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: datetime


class SignedValue(BaseModel):
    nature: Annotated[str, Field(max_length=32)]
    plain_data: Annotated[str, Field(max_length=5000)]
    signed_data: Annotated[str, Field(max_length=5000)]


class SignedData(BaseModel):
    encoding_method: Id36
    encoding_method_version: int | None = None
    public_key: Annotated[str, Field(max_length=512)] | None = None
    signed_values: Annotated[list[SignedValue], Field(min_length=1)]
    url: Annotated[str, Field(max_length=512)] | None = None


class Cdr(BaseModel):
    country_code: Text2
    party_id: Text3
    id: Id39
    start_date_time: datetime
    end_date_time: datetime
    session_id: Id36 | None = None
    cdr_token: CdrToken
    auth_method: Literal["AUTH_REQUEST", "COMMAND", "WHITELIST"]
    authorization_reference: Id36 | None = None
    cdr_location: CdrLocation
    meter_id: Text255 | None = None
    currency: Text3
    tariffs: list[Tariff] | None = None
    charging_periods: Annotated[list[ChargingPeriod], Field(min_length=1)]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: float
    total_energy_cost: Price | None = None
    total_time: float
    total_time_cost: Price | None = None
    total_parking_time: float | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: Text255 | None = None
    invoice_reference_id: Id39 | None = None
    credit: bool | None = None
    credit_reference_id: Id39 | None = None
    home_charging_compensation: bool | None = None
    last_updated: datetime
