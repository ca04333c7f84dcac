"""Judges one object of OCPI 2.2.1: its shape first, and if that is right, the rules that join its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from simulators.emsp.findings import Problem, Rule
from simulators.emsp.v221 import common, models, profiles
from simulators.emsp.v221.rules.cdrs import check_cdr
from simulators.emsp.v221.rules.locations import check_connector, check_evse, check_location
from simulators.emsp.v221.rules.sessions import check_session
from simulators.emsp.v221.rules.tariffs import check_tariff
from simulators.emsp.v221.shape import fit

ROLES_UNIQUE = Rule(
    "credentials.roles_unique",
    "every role has a unique combination of role, party_id and country_code",
    "OCPI 2.2.1 credentials 7.3.1",
)
ENDPOINT_UNIQUE = Rule(
    "version_details.unique",
    "a module has one endpoint per interface role",
    "OCPI 2.2.1 version_information_endpoint 6.2.2",
)
CREDENTIALS_THERE = Rule(
    "version_details.credentials",
    "the credentials module is required for all implementations",
    "OCPI 2.2.1 version_information_endpoint 6.2.4",
)

PROFILE_THERE = Rule(
    "chargingprofiles.profile",
    "the profile is in the result if and only if the result is ACCEPTED",
    "OCPI 2.2.1 mod_charging_profiles 14.4.2 ActiveChargingProfileResult",
)

Check = Callable[[Any], Iterable[Problem]]


Kinds = Mapping[str, tuple[type[common.Ocpi], Check | None]]
"""What an object of a kind such as "location" is held against: its shape, then its rules."""


def judge_as(kinds: Kinds, kind: str, raw: object) -> list[Problem]:
    """Judge `raw` as an object of a kind; `KeyError` for a kind there is not."""
    model, check = kinds[kind]
    parsed, problems = fit(model, raw)
    if parsed is not None and check is not None:
        problems += check(parsed)
    return problems


def fits_as(kinds: Kinds, kind: str, raw: object) -> bool:
    return fit(kinds[kind][0], raw)[0] is not None


def judge(kind: str, raw: object) -> list[Problem]:
    return judge_as(KINDS, kind, raw)


def is_well_formed(kind: str, raw: object) -> bool:
    return fits_as(KINDS, kind, raw)


def check_credentials(credentials: models.Credentials) -> Iterator[Problem]:
    roles = [(role.role, role.country_code.upper(), role.party_id.upper()) for role in credentials.roles]
    for index, role in enumerate(roles):
        if role in roles[:index]:
            yield Problem(ROLES_UNIQUE, f"$.roles[{index}]", " ".join(role))


def _check_details(details: models.VersionDetails) -> Iterator[Problem]:
    # 6.2.2: the role of the credentials module has no meaning.
    pairs = [(endpoint.identifier, endpoint.role) for endpoint in details.endpoints]
    for index, pair in enumerate(pairs):
        if pair in pairs[:index]:
            yield Problem(ENDPOINT_UNIQUE, f"$.endpoints[{index}]", " ".join(pair))
    if not any(identifier == "credentials" for identifier, _ in pairs):
        yield Problem(CREDENTIALS_THERE, "$.endpoints", "not among them")


def _check_active_result(result: profiles.ActiveChargingProfileResult) -> Iterator[Problem]:
    if (result.profile is not None) != (result.result == "ACCEPTED"):
        there = "there" if result.profile is not None else "not there"
        yield Problem(PROFILE_THERE, "$.profile", f"{there}, result {result.result}")


KINDS: Kinds = {
    "envelope": (common.Envelope, None),
    "version": (models.Version, None),
    "version_details": (models.VersionDetails, _check_details),
    "credentials": (models.Credentials, check_credentials),
    "location": (models.Location, check_location),
    "evse": (models.Evse, check_evse),
    "connector": (models.Connector, check_connector),
    "session": (models.Session, check_session),
    "cdr": (models.Cdr, check_cdr),
    "tariff": (models.Tariff, check_tariff),
    "token": (models.Token, None),
    "location_references": (models.LocationReferences, None),
    "command_response": (models.CommandResponse, None),
    "command_result": (models.CommandResult, None),
    "charging_profile_response": (profiles.ChargingProfileResponse, None),
    "charging_profile_result": (profiles.ChargingProfileResult, None),
    "active_charging_profile_result": (profiles.ActiveChargingProfileResult, _check_active_result),
    "active_charging_profile": (profiles.ActiveChargingProfile, None),
}
