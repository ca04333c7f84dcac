"""The objects of OCPI 2.3.0 where they differ from 2.2.1, as a strict receiver reads them.

A field that an enumeration or class of this version takes the place of is declared anew; the rules of 2.2.1 read
prices by the names they had there.
"""
# mypy: disable-error-code="assignment"

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from simulators.emsp.v221 import models as v221
from simulators.emsp.v221.common import Image, Ocpi
from simulators.emsp.v221.types import CountryCode, DateTime, Id36, Number, PartyId, Text, ci_text

# The enumerations that this version opened: a value that is not known is no fault.
OpenWord = Annotated[str, ci_text(64)]


class TaxAmount(Ocpi):
    paragraph = "OCPI 2.3.0 types 17.9 TaxAmount"

    name: Annotated[str, Text(255)]
    account_number: Annotated[str, Text(255)] | None = None
    percentage: Number | None = None
    amount: Number


class Price(Ocpi):
    paragraph = "OCPI 2.3.0 types 17.5 Price"

    before_taxes: Number
    taxes: list[TaxAmount] = Field(default_factory=list)

    @property
    def excl_vat(self) -> Decimal:
        return self.before_taxes

    @property
    def incl_vat(self) -> Decimal | None:
        return self.before_taxes + sum(tax.amount for tax in self.taxes) if self.taxes else None


class PriceLimit(Ocpi):
    paragraph = "OCPI 2.3.0 mod_tariffs 11.4.3 PriceLimit"

    before_taxes: Number
    after_taxes: Number | None = None

    @property
    def excl_vat(self) -> Decimal:
        return self.before_taxes

    @property
    def incl_vat(self) -> Decimal | None:
        return self.after_taxes


class CredentialsRole(v221.CredentialsRole):
    paragraph = "OCPI 2.3.0 credentials 7.4.1 CredentialsRole"

    role: Literal["CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP"]


class Credentials(v221.Credentials):
    paragraph = "OCPI 2.3.0 credentials 7.3.1 Credentials object"

    hub_party_id: Annotated[str, ci_text(5)] | None = None
    roles: list[CredentialsRole] = Field(min_length=1)


class Parking(Ocpi):
    paragraph = "OCPI 2.3.0 mod_locations 8.3.4 Parking"

    id: Id36
    physical_reference: Annotated[str, Text(12)] | None = None
    vehicle_types: list[OpenWord] = Field(min_length=1)
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: bool | None = None
    direction: Literal["PARALLEL", "PERPENDICULAR", "ANGLE"] | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Number | None = None
    roofed: bool | None = None
    images: list[Image] = Field(default_factory=list)
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: list[Id36] = Field(default_factory=list)
    apds_reference: Annotated[str, ci_text(255)] | None = None


class EvseParking(Ocpi):
    paragraph = "OCPI 2.3.0 mod_locations 8.4.11 EVSEParking"

    parking_id: Id36
    evse_position: Literal["LEFT", "RIGHT", "CENTER"] | None = None


class Connector(v221.Connector):
    paragraph = "OCPI 2.3.0 mod_locations 8.3.3 Connector"

    standard: OpenWord
    capabilities: list[OpenWord] = Field(default_factory=list)


class Evse(v221.Evse):
    paragraph = "OCPI 2.3.0 mod_locations 8.3.2 EVSE"

    capabilities: list[OpenWord] = Field(default_factory=list)
    connectors: list[Connector] = Field(min_length=1)
    parking_restrictions: list[OpenWord] = Field(default_factory=list)
    parking: list[EvseParking] = Field(default_factory=list)
    accepted_service_providers: list[Annotated[str, Text(50)]] = Field(default_factory=list)


class PublishToken(v221.PublishToken):
    paragraph = "OCPI 2.3.0 mod_locations 8.4.23 PublishTokenType"

    type: OpenWord | None = None


class Location(v221.Location):
    paragraph = "OCPI 2.3.0 mod_locations 8.3.1 Location"

    publish_allowed_to: list[PublishToken] = Field(default_factory=list)
    parking_type: OpenWord | None = None
    evses: list[Evse] = Field(default_factory=list)
    parking_places: list[Parking] = Field(default_factory=list)
    facilities: list[OpenWord] = Field(default_factory=list)
    help_phone: Annotated[str, ci_text(25)] | None = None


class CdrToken(v221.CdrToken):
    paragraph = "OCPI 2.3.0 mod_cdrs 10.4.5 CdrToken"

    type: OpenWord


class Session(v221.Session):
    paragraph = "OCPI 2.3.0 mod_sessions 9.3.1 Session"

    cdr_token: CdrToken
    total_cost: Price | None = None


class Tariff(v221.Tariff):
    paragraph = "OCPI 2.3.0 mod_tariffs 11.3.1 Tariff"

    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    tax_included: Literal["YES", "NO", "N/A"]

    @property
    def has_net_prices(self) -> bool:
        return self.tax_included != "YES"


class CdrLocation(v221.CdrLocation):
    paragraph = "OCPI 2.3.0 mod_cdrs 10.4.4 CdrLocation"

    connector_standard: OpenWord


class Cdr(v221.Cdr):
    paragraph = "OCPI 2.3.0 mod_cdrs 10.3.1 CDR"

    cdr_token: CdrToken
    cdr_location: CdrLocation
    tariffs: list[Tariff] = Field(default_factory=list)
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None


class Token(v221.Token):
    paragraph = "OCPI 2.3.0 mod_tokens 12.3.2 Token"

    type: OpenWord


class InvoiceReconciliationRecord(Ocpi):
    paragraph = "OCPI 2.3.0 mod_invoice_reconciliation InvoiceReconciliationRecord"

    country_code: CountryCode
    party_id: PartyId
    id: Id36
    invoice_id: Annotated[str, ci_text(255)]
    cdrs: list[Id36] = Field(min_length=1)
    last_updated: DateTime
