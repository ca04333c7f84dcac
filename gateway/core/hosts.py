"""Which hosts a partner's URLs may lead to: a partner must not have us call, with our token, whomever it likes."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

ANY = "*"


def host_of(url: str) -> str | None:
    """The host that a URL names, in lower case; None where it names none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return None if not host else host.rstrip(".")


def is_of_hosts(url: str, hosts: Iterable[str]) -> bool:
    """Does the URL name one of these hosts?

    A host is a name or an address, "*.example.com" all names below that one, "*" any.  The names of this machine are
    one host: which of them a simulator uses says nothing.
    """
    named = host_of(url)
    if named is None:
        return False
    return any(_fits(named, host.lower().rstrip(".")) for host in hosts)


def _fits(named: str, host: str) -> bool:
    if host.startswith("*."):
        return named.endswith(host[1:])
    return host in (ANY, named) or (_is_loopback(host) and _is_loopback(named))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
