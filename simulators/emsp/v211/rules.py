"""What an object of OCPI 2.1.1 must say beyond its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.state import Key, Store
from simulators.emsp.v211.models import Cdr, ChargingPeriod, Location, Session

CDR = "OCPI 2.1.1 mod_cdrs 3.1 CDR"
SESSION = "OCPI 2.1.1 mod_sessions 3.1 Session"

EVSE_UNIQUE = Rule("location.evse_unique", "uid identifies one EVSE", "OCPI 2.1.1 mod_locations 3.2 EVSE")
PART_NEWER = Rule(
    "location.last_updated",
    "a location is updated with its EVSEs and connectors",
    "OCPI 2.1.1 mod_locations 3.1 Location",
)
TIMES = Rule("session.times", "it ends after it started, and its periods lie between, in order", SESSION)
ENERGY = Rule("session.energy", "the energy of the periods is that of the session", SESSION)
ONE_PLUG = Rule("cdr.one_plug", "the location has only the EVSE and connector that were used", CDR)
PARKING = Rule("cdr.parking_time", "time without charging is a part of the time", CDR)
TOKEN_KNOWN = Rule("auth_id.known", "auth_id is that of a token of this eMSP", CDR)
TARIFF_KNOWN = Rule(
    "connector.tariff_known", "tariff_id names a defined tariff", "OCPI 2.1.1 mod_locations 3.3 Connector"
)

# The fourth decimal of each number may be rounded.
ROUNDING = Decimal("0.0001")


def check_location(location: Location) -> Iterator[Problem]:
    uids = [evse.uid.upper() for evse in location.evses]
    for index, evse in enumerate(location.evses):
        path = f"$.evses[{index}]"
        if uids[index] in uids[:index]:
            yield Problem(EVSE_UNIQUE, f"{path}.uid", evse.uid)
        newest = max([evse.last_updated, *(connector.last_updated for connector in evse.connectors)])
        if newest > location.last_updated:
            yield Problem(PART_NEWER, "$.last_updated", f"{location.last_updated}, {path} {newest}")


def check_session(session: Session) -> Iterator[Problem]:
    end = session.end_datetime
    if end is not None and end < session.start_datetime:
        yield Problem(TIMES, "$.end_datetime", f"{end}, started {session.start_datetime}")
    if session.status == "COMPLETED" and end is None:
        yield Problem(TIMES, "$.end_datetime", "not there, though the session is COMPLETED")
    yield from _check_order(session.charging_periods)
    yield from _check_energy(session.charging_periods, session.kwh, "$.kwh")
    yield from _check_plug(session.location)


def check_cdr(cdr: Cdr) -> Iterator[Problem]:
    if cdr.stop_date_time < cdr.start_date_time:
        yield Problem(TIMES, "$.stop_date_time", f"{cdr.stop_date_time}, started {cdr.start_date_time}")
    if cdr.total_parking_time is not None and cdr.total_parking_time > cdr.total_time:
        yield Problem(PARKING, "$.total_parking_time", f"{cdr.total_parking_time} of {cdr.total_time} h")
    yield from _check_order(cdr.charging_periods)
    yield from _check_energy(cdr.charging_periods, cdr.total_energy, "$.total_energy")
    yield from _check_plug(cdr.location)


def check_references(store: Store) -> Iterator[tuple[str, Key, Problem]]:
    """Sessions and CDRs are of our tokens; what connectors name is defined, as far as tariffs were pulled in full."""
    contracts = {token["contract_id"] for token in store.tokens}
    for module in ("sessions", "cdrs"):
        for key, item in store.objects(module).items():
            if item["auth_id"] not in contracts:
                yield module, key, Problem(TOKEN_KNOWN, "$.auth_id", item["auth_id"])
    if "tariffs" not in store.complete:
        return
    tariffs = {tariff["id"] for tariff in store.objects("tariffs").values()}
    for key, location in store.objects("locations").items():
        for number, evse in enumerate(location.get("evses") or ()):
            for index, connector in enumerate(evse["connectors"]):
                name = connector.get("tariff_id")
                if name is not None and name not in tariffs:
                    path = f"$.evses[{number}].connectors[{index}].tariff_id"
                    yield "locations", key, Problem(TARIFF_KNOWN, path, name)


def _check_order(periods: Sequence[ChargingPeriod]) -> Iterator[Problem]:
    for index, period in enumerate(periods[1:], start=1):
        if period.start_date_time < periods[index - 1].start_date_time:
            yield Problem(TIMES, f"$.charging_periods[{index}].start_date_time", "before the period before it")


def _check_energy(periods: Sequence[ChargingPeriod], total: Decimal, path: str) -> Iterator[Problem]:
    volumes = [part.volume for period in periods for part in period.dimensions if part.type == "ENERGY"]
    if volumes and abs(sum(volumes) - total) > ROUNDING * (len(periods) + 1):
        yield Problem(ENERGY, path, f"{total} kWh, the periods {sum(volumes)} kWh")


def _check_plug(location: Location) -> Iterator[Problem]:
    if len(location.evses) != 1 or len(location.evses[0].connectors) != 1:
        yield Problem(ONE_PLUG, "$.location.evses", f"{len(location.evses)} EVSEs")
