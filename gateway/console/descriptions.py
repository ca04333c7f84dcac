"""The descriptive parts of OCPI locations and tariffs: checked as partners will check them, then kept as JSON.

OCPI 2.3.0 mod_locations 8.4 (a superset of 2.2.1), mod_tariffs 11.4.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.console.fields import (
    CiString4,
    CiString25,
    CiString36,
    ClockTime,
    DisplayText,
    Latitude,
    Longitude,
    NaturalInt,
    Number,
    OcpiInput,
    String12,
    String50,
    String64,
    String100,
    Time,
    Url,
)

Capability = Literal[
    "CHARGING_PREFERENCES_CAPABLE",
    "CHARGING_PROFILE_CAPABLE",
    "CHIP_CARD_SUPPORT",
    "CONTACTLESS_CARD_SUPPORT",
    "CREDIT_CARD_PAYABLE",
    "DEBIT_CARD_PAYABLE",
    "PED_TERMINAL",
    "REMOTE_START_STOP_CAPABLE",
    "RESERVABLE",
    "RFID_READER",
    "START_SESSION_CONNECTOR_REQUIRED",
    "TOKEN_GROUP_CAPABLE",
    "UNLOCK_CAPABLE",
]
ConnectorCapability = Literal["ISO_15118_2_PLUG_AND_CHARGE", "ISO_15118_20_PLUG_AND_CHARGE"]
ConnectorFormat = Literal["SOCKET", "CABLE"]
ConnectorType = Literal[
    "CHADEMO",
    "CHAOJI",
    "DOMESTIC_A",
    "DOMESTIC_B",
    "DOMESTIC_C",
    "DOMESTIC_D",
    "DOMESTIC_E",
    "DOMESTIC_F",
    "DOMESTIC_G",
    "DOMESTIC_H",
    "DOMESTIC_I",
    "DOMESTIC_J",
    "DOMESTIC_K",
    "DOMESTIC_L",
    "DOMESTIC_M",
    "DOMESTIC_N",
    "DOMESTIC_O",
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
    "MCS",
    "NEMA_5_20",
    "NEMA_6_30",
    "NEMA_6_50",
    "NEMA_10_30",
    "NEMA_10_50",
    "NEMA_14_30",
    "NEMA_14_50",
    "PANTOGRAPH_BOTTOM_UP",
    "PANTOGRAPH_TOP_DOWN",
    "SAE_J3400",
    "TESLA_R",
    "TESLA_S",
]
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
ParkingType = Literal[
    "ALONG_MOTORWAY", "PARKING_GARAGE", "PARKING_LOT", "ON_DRIVEWAY", "ON_STREET", "UNDERGROUND_GARAGE"
]
ParkingRestriction = Literal[
    "CUSTOMERS", "DISABLED", "EMPLOYEES", "EV_ONLY", "MOTORCYCLES", "PLUGGED", "TAXIS", "TENANTS"
]
Facility = Literal[
    "AIRPORT",
    "BIKE_SHARING",
    "BUS_STOP",
    "CAFE",
    "CARPOOL_PARKING",
    "FUEL_STATION",
    "HOTEL",
    "MALL",
    "METRO_STATION",
    "MUSEUM",
    "NATURE",
    "PARKING_LOT",
    "RECREATION_AREA",
    "RESTAURANT",
    "SPORT",
    "SUPERMARKET",
    "TAXI_STAND",
    "TRAIN_STATION",
    "TRAM_STOP",
    "WIFI",
]
ImageCategory = Literal["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"]
EnergySourceCategory = Literal["NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"]
EnvironmentalImpactCategory = Literal["NUCLEAR_WASTE", "CARBON_DIOXIDE"]
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
TokenType = Literal["AD_HOC_USER", "APP_USER", "EMAID", "OTHER", "RFID"]
VehicleType = Literal[
    "MOTORCYCLE",
    "PERSONAL_VEHICLE",
    "PERSONAL_VEHICLE_WITH_TRAILER",
    "VAN",
    "SEMI_TRACTOR",
    "RIGID",
    "TRUCK_WITH_TRAILER",
    "BUS",
    "DISABLED",
]


class AdditionalGeoLocation(OcpiInput):
    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None


class Image(OcpiInput):
    url: Url
    category: ImageCategory
    type: CiString4
    thumbnail: Url | None = None
    width: Annotated[NaturalInt, Field(le=99_999)] | None = None
    height: Annotated[NaturalInt, Field(le=99_999)] | None = None


class BusinessDetails(OcpiInput):
    name: String100
    website: Url | None = None
    logo: Image | None = None


class RegularHours(OcpiInput):
    weekday: Annotated[int, Field(ge=1, le=7)]
    period_begin: ClockTime
    period_end: ClockTime


class ExceptionalPeriod(OcpiInput):
    period_begin: Time
    period_end: Time


class Hours(OcpiInput):
    twentyfourseven: bool
    regular_hours: tuple[RegularHours, ...] | None = None
    exceptional_openings: tuple[ExceptionalPeriod, ...] | None = None
    exceptional_closings: tuple[ExceptionalPeriod, ...] | None = None

    @model_validator(mode="after")
    def _has_hours_of_one_kind(self) -> Self:
        if self.twentyfourseven == bool(self.regular_hours):
            raise ValueError("give regular_hours if, and only if, twentyfourseven is false")
        return self


class EnergySource(OcpiInput):
    source: EnergySourceCategory
    percentage: Annotated[Number, Field(ge=0, le=100)]


class EnvironmentalImpact(OcpiInput):
    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(OcpiInput):
    is_green_energy: bool
    energy_sources: tuple[EnergySource, ...] | None = None
    environ_impact: tuple[EnvironmentalImpact, ...] | None = None
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class PublishToken(OcpiInput):
    uid: CiString36 | None = None
    type: TokenType | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None

    @model_validator(mode="after")
    def _names_someone(self) -> Self:
        # OCPI 2.3.0 8.4.20
        if self.uid is None and self.visual_number is None and self.group_id is None:
            raise ValueError("give uid, visual_number or group_id")
        if self.uid is not None and self.type is None:
            raise ValueError("uid needs type")
        if self.visual_number is not None and self.issuer is None:
            raise ValueError("visual_number needs issuer")
        return self


class StatusSchedule(OcpiInput):
    period_begin: Time
    status: Status
    period_end: Time | None = None


class EvseParking(OcpiInput):
    parking_id: CiString36
    evse_position: Literal["LEFT", "RIGHT", "CENTER"] | None = None


class Parking(OcpiInput):
    id: CiString36
    vehicle_types: Annotated[tuple[VehicleType, ...], Field(min_length=1)]
    restricted_to_type: bool
    reservation_required: bool
    physical_reference: String12 | None = None
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    direction: Literal["PARALLEL", "PERPENDICULAR", "ANGLE"] | None = None
    drive_through: bool | None = None
    time_limit: Number | None = None
    roofed: bool | None = None
    images: tuple[Image, ...] | None = None
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: tuple[CiString36, ...] | None = None
    apds_reference: CiString36 | None = None


class LocationDescription(OcpiInput):
    """What of a location only describes it."""

    publish_allowed_to: tuple[PublishToken, ...] | None = None
    related_locations: tuple[AdditionalGeoLocation, ...] | None = None
    parking_places: tuple[Parking, ...] | None = None
    directions: tuple[DisplayText, ...] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: tuple[Facility, ...] | None = None
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: tuple[Image, ...] | None = None
    energy_mix: EnergyMix | None = None
    help_phone: CiString25 | None = None


class EvseDescription(OcpiInput):
    """What of an EVSE only describes it."""

    status_schedule: tuple[StatusSchedule, ...] | None = None
    directions: tuple[DisplayText, ...] | None = None
    parking_restrictions: tuple[ParkingRestriction, ...] | None = None
    parking: tuple[EvseParking, ...] | None = None
    images: tuple[Image, ...] | None = None
    accepted_service_providers: tuple[String50, ...] | None = None


class ConnectorDescription(OcpiInput):
    """What of a connector only describes it."""

    capabilities: tuple[ConnectorCapability, ...] | None = None
