"""The objects of OCPI 2.2.1 as a strict receiver reads them: lengths, cardinalities, enumerations, formats.

Rules that join several fields are in `rules/`. Unknown fields are kept, so that they can be pointed out.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simulators.emsp.v221.common import BusinessDetails, DisplayText, Image, Ocpi, Price
from simulators.emsp.v221.enums import (
    AuthMethod,
    Capability,
    CdrDimensionType,
    CommandResponseType,
    CommandResultType,
    ConnectorFormat,
    ConnectorType,
    DayOfWeek,
    EnergySourceCategory,
    EvseStatus,
    Facility,
    ParkingRestriction,
    ParkingType,
    PowerType,
    ProfileType,
    Role,
    SessionStatus,
    TariffDimensionType,
    TariffType,
    TokenType,
    WhitelistType,
)
from simulators.emsp.v221.types import (
    CountryAlpha3,
    CountryCode,
    CredentialsToken,
    Currency,
    Date,
    DateTime,
    Id36,
    Id39,
    Language,
    Latitude,
    Longitude,
    Number,
    PartyId,
    Text,
    Text64,
    Text255,
    TimeOfDay,
    Url,
    ci_text,
)


class Version(Ocpi):
    paragraph = "OCPI 2.2.1 version_information_endpoint 6.1.2 Version"

    # A newer version than ours is no fault: the enumeration grows with every release.
    version: Annotated[str, Text(10)]
    url: Url


class Endpoint(Ocpi):
    paragraph = "OCPI 2.2.1 version_information_endpoint 6.2.2 Endpoint"

    identifier: Annotated[str, Text(255)]
    role: Literal["SENDER", "RECEIVER"]
    url: Url


class VersionDetails(Ocpi):
    paragraph = "OCPI 2.2.1 version_information_endpoint 6.2.1"

    version: Annotated[str, Text(10)]
    endpoints: list[Endpoint] = Field(min_length=1)


class CredentialsRole(Ocpi):
    paragraph = "OCPI 2.2.1 credentials 7.4.1 CredentialsRole"

    role: Role
    business_details: BusinessDetails
    party_id: PartyId
    country_code: CountryCode


class Credentials(Ocpi):
    paragraph = "OCPI 2.2.1 credentials 7.3.1 Credentials object"

    token: CredentialsToken
    url: Url
    roles: list[CredentialsRole] = Field(min_length=1)


class GeoLocation(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.13 GeoLocation"

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(GeoLocation):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.1 AdditionalGeoLocation"

    name: DisplayText | None = None


class EnergySource(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.7 EnergySource"

    source: EnergySourceCategory
    percentage: Number


class EnvironmentalImpact(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.9 EnvironmentalImpact"

    category: Literal["NUCLEAR_WASTE", "CARBON_DIOXIDE"]
    amount: Number


class EnergyMix(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.6 EnergyMix"

    is_green_energy: bool
    energy_sources: list[EnergySource] = Field(default_factory=list)
    environ_impact: list[EnvironmentalImpact] = Field(default_factory=list)
    supplier_name: Text64 | None = None
    energy_product_name: Text64 | None = None


class RegularHours(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.21 RegularHours"

    weekday: int = Field(ge=1, le=7)
    period_begin: TimeOfDay
    period_end: TimeOfDay


class ExceptionalPeriod(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.11 ExceptionalPeriod"

    period_begin: DateTime
    period_end: DateTime


class Hours(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.14 Hours"

    twentyfourseven: bool
    regular_hours: list[RegularHours] = Field(default_factory=list)
    exceptional_openings: list[ExceptionalPeriod] = Field(default_factory=list)
    exceptional_closings: list[ExceptionalPeriod] = Field(default_factory=list)


class StatusSchedule(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.23 StatusSchedule"

    period_begin: DateTime
    period_end: DateTime | None = None
    status: EvseStatus


class PublishToken(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.4.20 PublishTokenType"

    uid: Id36 | None = None
    type: TokenType | None = None
    visual_number: Text64 | None = None
    issuer: Text64 | None = None
    group_id: Id36 | None = None


class Connector(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.3.3 Connector"

    id: Id36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int = Field(ge=0)
    max_amperage: int = Field(ge=0)
    max_electric_power: int | None = Field(default=None, ge=0)
    tariff_ids: list[Id36] = Field(default_factory=list)
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class Evse(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.3.2 EVSE"

    uid: Id36
    evse_id: Annotated[str, ci_text(48)] | None = None
    status: EvseStatus
    status_schedule: list[StatusSchedule] = Field(default_factory=list)
    capabilities: list[Capability] = Field(default_factory=list)
    connectors: list[Connector] = Field(min_length=1)
    floor_level: Annotated[str, Text(4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Annotated[str, Text(16)] | None = None
    directions: list[DisplayText] = Field(default_factory=list)
    parking_restrictions: list[ParkingRestriction] = Field(default_factory=list)
    images: list[Image] = Field(default_factory=list)
    last_updated: DateTime


class Location(Ocpi):
    paragraph = "OCPI 2.2.1 mod_locations 8.3.1 Location"

    country_code: CountryCode
    party_id: PartyId
    id: Id36
    publish: bool
    publish_allowed_to: list[PublishToken] = Field(default_factory=list)
    name: Text255 | None = None
    address: Text255
    city: Annotated[str, Text(45)]
    postal_code: Annotated[str, Text(10)] | None = None
    state: Annotated[str, Text(45)] | None = None
    country: CountryAlpha3
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] = Field(default_factory=list)
    parking_type: ParkingType | None = None
    evses: list[Evse] = Field(default_factory=list)
    directions: list[DisplayText] = Field(default_factory=list)
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[Facility] = Field(default_factory=list)
    time_zone: Text255
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] = Field(default_factory=list)
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class CdrToken(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.5 CdrToken"

    country_code: CountryCode
    party_id: PartyId
    uid: Id36
    type: TokenType
    contract_id: Id36


class CdrDimension(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.2 CdrDimension"

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.6 ChargingPeriod"

    start_date_time: DateTime
    dimensions: list[CdrDimension] = Field(min_length=1)
    tariff_id: Id36 | None = None


class Session(Ocpi):
    paragraph = "OCPI 2.2.1 mod_sessions 9.3.1 Session"

    country_code: CountryCode
    party_id: PartyId
    id: Id36
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Id36 | None = None
    location_id: Id36
    evse_uid: Id36
    connector_id: Id36
    meter_id: Text255 | None = None
    currency: Currency
    charging_periods: list[ChargingPeriod] = Field(default_factory=list)
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: DateTime


class PriceComponent(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tariffs 11.4.2 PriceComponent"

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: int


class TariffRestrictions(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tariffs 11.4.6 TariffRestrictions"

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[DayOfWeek] = Field(default_factory=list)
    reservation: Literal["RESERVATION", "RESERVATION_EXPIRES"] | None = None


class TariffElement(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tariffs 11.4.4 TariffElement"

    price_components: list[PriceComponent] = Field(min_length=1)
    restrictions: TariffRestrictions | None = None


class Tariff(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tariffs 11.3.1 Tariff"

    country_code: CountryCode
    party_id: PartyId
    id: Id36
    currency: Currency
    type: TariffType | None = None
    tariff_alt_text: list[DisplayText] = Field(default_factory=list)
    tariff_alt_url: Url | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    elements: list[TariffElement] = Field(min_length=1)
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime

    @property
    def has_net_prices(self) -> bool:
        """Prices exclude VAT, always."""
        return True


class CdrLocation(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.4 CdrLocation"

    id: Id36
    name: Text255 | None = None
    # Shorter than in the Location object, on purpose.
    address: Annotated[str, Text(45)]
    city: Annotated[str, Text(45)]
    postal_code: Annotated[str, Text(10)] | None = None
    state: Annotated[str, Text(20)] | None = None
    country: CountryAlpha3
    coordinates: GeoLocation
    evse_uid: Id36
    evse_id: Annotated[str, ci_text(48)]
    connector_id: Id36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class SignedValue(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.8 SignedValue"

    nature: Annotated[str, ci_text(32)]
    plain_data: Annotated[str, Text(5000)]
    signed_data: Annotated[str, Text(5000)]


class SignedData(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.4.7 SignedData"

    encoding_method: Id36
    encoding_method_version: int | None = None
    public_key: Annotated[str, Text(512)] | None = None
    signed_values: list[SignedValue] = Field(min_length=1)
    url: Annotated[str, Text(512)] | None = None


class Cdr(Ocpi):
    paragraph = "OCPI 2.2.1 mod_cdrs 10.3.1 CDR"

    country_code: CountryCode
    party_id: PartyId
    id: Id39
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: Id36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Id36 | None = None
    cdr_location: CdrLocation
    meter_id: Text255 | None = None
    currency: Currency
    tariffs: list[Tariff] = Field(default_factory=list)
    charging_periods: list[ChargingPeriod] = Field(min_length=1)
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: Number
    total_energy_cost: Price | None = None
    total_time: Number
    total_time_cost: Price | None = None
    total_parking_time: Number | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: Text255 | None = None
    invoice_reference_id: Id39 | None = None
    credit: bool | None = None
    credit_reference_id: Id39 | None = None
    home_charging_compensation: bool | None = None
    last_updated: DateTime


class EnergyContract(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tokens 12.4.2 EnergyContract"

    supplier_name: Text64
    contract_id: Text64 | None = None


class Token(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tokens 12.3.2 Token"

    country_code: CountryCode
    party_id: PartyId
    uid: Id36
    type: TokenType
    contract_id: Id36
    visual_number: Text64 | None = None
    issuer: Text64
    group_id: Id36 | None = None
    valid: bool
    whitelist: WhitelistType
    language: Language | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class LocationReferences(Ocpi):
    paragraph = "OCPI 2.2.1 mod_tokens 12.4.3 LocationReferences"

    location_id: Id36
    evse_uids: list[Id36] = Field(default_factory=list)


class CommandResponse(Ocpi):
    paragraph = "OCPI 2.2.1 mod_commands 13.3.2 CommandResponse"

    result: CommandResponseType
    timeout: int = Field(ge=0)
    message: list[DisplayText] = Field(default_factory=list)


class CommandResult(Ocpi):
    paragraph = "OCPI 2.2.1 mod_commands 13.3.3 CommandResult"

    result: CommandResultType
    message: list[DisplayText] = Field(default_factory=list)
