"""Keys that several nouns share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyId:
    """A legal actor: ISO 3166 alpha-2 country and three characters, both upper case.  OCPI compares them so."""

    country_code: str
    party_id: str

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"


def party_id_of(country_code: str, party_id: str) -> PartyId:
    """The party in its canonical spelling (CiString: case does not tell parties apart)."""
    return PartyId(country_code=country_code.upper(), party_id=party_id.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorKey:
    """One plug as the station numbers it.  OCPP 1.6 knows no EVSE: there `evse_no` equals `connector_no`
    unless the operator grouped connectors; `evse_no` 0 is the station as a whole."""

    station_id: str
    evse_no: int
    connector_no: int


def station_key(station_id: str) -> str:
    """The form under which a station is found: identities differ in case between boots of one charger."""
    return station_id.casefold()
