"""What a partner may see: of a location, and of our modules."""

from dataclasses import replace

from gateway.domain.locations import EvseStatus, Location
from gateway.domain.partners import Partner

GUIDES = frozenset({"NAP", "NSP"})
SHOWN = frozenset({"versions", "credentials", "locations", "tariffs"})


def is_visible(location: Location, partner: Partner) -> bool:
    """What is not to be published goes only to partners the operator trusts with it (helpdesk, guests' cards).

    OCPI 2.2.1 mod_locations 8.3.1 `publish`
    """
    return location.publish or partner.sees_unpublished


def find_view(location: Location, partner: Partner) -> Location | None:
    """The location as a partner sees it: itself, withdrawn where it was published once, or not at all."""
    if is_visible(location, partner):
        return location
    return withdraw(location) if location.was_published else None


def withdraw(location: Location) -> Location:
    """The location as a partner is to see it that may not see it any more: gone, not silent.

    OCPI 2.2.1 mod_locations 8.1: nothing is deleted, its EVSEs are REMOVED.
    """
    removed = tuple(replace(evse, status=EvseStatus.REMOVED, override=EvseStatus.REMOVED) for evse in location.evses)
    return replace(location, evses=removed)


def may_use(partner: Partner, module: str) -> bool:
    """Is a module there between us and this partner?

    Who shows charging places (a national access point, a navigation service) has no drivers: it gets locations and
    tariffs alone, unless it has another role beside that.  OCPI 2.2.1 types 16.5 "Role"
    """
    if module == "hubclientinfo":
        return partner.is_hub
    roles = {role.role for role in partner.roles} or {partner.role}
    return module in SHOWN or not roles <= GUIDES
