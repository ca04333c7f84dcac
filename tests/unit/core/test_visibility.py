"""Which modules are there for whom."""

from dataclasses import replace

import pytest

from gateway.core.visibility import may_use
from gateway.domain.partners import PartnerRole
from tests.fakes.ocpi_samples import EMSP, PARTNER, STRANGER

DRIVERS = ("sessions", "cdrs", "tokens", "commands", "chargingprofiles", "invoicereconciliation")


def with_roles(*names: str) -> tuple[PartnerRole, ...]:
    parties = (EMSP, STRANGER)
    return tuple(PartnerRole(party=party, role=name, name=name) for party, name in zip(parties, names, strict=False))


@pytest.mark.parametrize("roles", [("NAP",), ("NSP",), ("NAP", "NSP")])
def test_who_only_shows_charging_places_has_locations_and_tariffs_alone(roles: tuple[str, ...]) -> None:
    partner = replace(PARTNER, roles=with_roles(*roles))

    assert all(may_use(partner, module) for module in ("locations", "tariffs", "credentials", "versions"))
    assert not any(may_use(partner, module) for module in DRIVERS)


@pytest.mark.parametrize("roles", [("EMSP",), ("OTHER",), ("NSP", "EMSP"), ("HUB",)])
def test_every_other_role_has_all_also_beside_such_a_one(roles: tuple[str, ...]) -> None:
    assert all(may_use(replace(PARTNER, roles=with_roles(*roles)), module) for module in DRIVERS)


def test_before_it_registers_a_partner_is_what_the_operator_says() -> None:
    assert not may_use(replace(PARTNER, role="NAP", roles=()), "sessions")
    assert may_use(replace(PARTNER, role="NAP"), "sessions")


@pytest.mark.parametrize(("roles", "is_there"), [(("EMSP",), False), (("HUB",), True), (("EMSP", "HUB"), True)])
def test_clients_of_a_hub_are_told_by_hubs_alone(roles: tuple[str, ...], is_there: bool) -> None:
    assert may_use(replace(PARTNER, roles=with_roles(*roles)), "hubclientinfo") is is_there
