"""What a call on a partner may fail with, and which URLs count as the partner's own."""

from enum import StrEnum

from gateway.core.hosts import host_of, is_of_hosts
from gateway.domain.partners import Partner
from gateway.errors import PartnerError


class Fault(StrEnum):
    """Kinds of PartnerError."""

    UNUSABLE = "unusable"
    """Not reachable, or its answer is no OCPI."""

    UNAUTHORIZED = "unauthorized"
    """It does not accept our credentials token."""

    REFUSED = "refused"
    """It answered that it will not do this."""

    NO_VERSION = "no_version"
    NO_ENDPOINTS = "no_endpoints"


def hosts_of(partner: Partner) -> tuple[str, ...]:
    """The host of its versions URL, and those that the operator allows it beside."""
    known = host_of(partner.versions_url or "")
    return partner.hosts if known is None else (known, *partner.hosts)


def check_host(partner: Partner, url: str) -> None:
    """Raises PartnerError where a URL that the partner gave us leads to a host that is not its own."""
    hosts = hosts_of(partner)
    if not is_of_hosts(url, hosts):
        raise PartnerError(
            Fault.UNUSABLE,
            f"{url[:255]} does not lead to {partner.name} ({', '.join(hosts) or 'no host'}); "
            f'if it is right, allow it: PUT partners/{partner.id} with {{"hosts": ["{host_of(url) or "…"}"]}}',
        )
