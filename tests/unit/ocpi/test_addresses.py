import socket
from ipaddress import ip_network

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from gateway.errors import PartnerError
from gateway.ocpi.addresses import PublicResolver, check_url, is_callable, is_public, is_same_origin

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::7f00:1",
    "fec0::1",
    "64:ff9b:1::1",
    "not an address",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_the_internet_reaches_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_our_own_network_is_not_public_however_it_is_written(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url", ["https://emsp.example/ocpi/versions", "https://emsp.example:8443/", "https://8.8.8.8/"]
)
def test_a_public_https_url_may_be_called(url: str) -> None:
    assert str(check_url(url, allow_insecure=False)) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://emsp.example/",
        "https://127.0.0.1/",
        "https://[::1]:8443/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@emsp.example/",
        "ftp://emsp.example/",
        "file:///etc/passwd",
        "https:///path",
        "versions",
        "",
        "https://emsp.example:99999/",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(PartnerError) as error:
        check_url(url, allow_insecure=False)

    assert "secret" not in str(error.value)


def test_plain_http_to_this_machine_is_a_setting() -> None:
    assert str(check_url("http://127.0.0.1:8080/versions", allow_insecure=True)) == "http://127.0.0.1:8080/versions"
    with pytest.raises(PartnerError):
        check_url("ftp://127.0.0.1/", allow_insecure=True)


class FixedResolver(AbstractResolver):
    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_a_name_resolves_to_its_public_addresses_only() -> None:
    resolver = PublicResolver(FixedResolver("10.0.0.1", "93.184.215.14"))

    assert [result["host"] for result in await resolver.resolve("emsp.example", 443)] == ["93.184.215.14"]


async def test_a_name_that_leads_only_into_private_networks_does_not_resolve() -> None:
    with pytest.raises(OSError, match=r"rebind\.example leads into a private network"):
        await PublicResolver(FixedResolver("127.0.0.1", "::1")).resolve("rebind.example", 443)


VPN = [ip_network("10.20.0.0/16"), ip_network("fd00::/8")]


@pytest.mark.parametrize("address", ["10.20.1.1", "::ffff:10.20.1.1", "fd00::1", "8.8.8.8"])
def test_a_private_network_that_is_allowed_may_be_called(address: str) -> None:
    assert is_callable(address, VPN)


@pytest.mark.parametrize("address", ["10.21.0.1", "127.0.0.1", "fe80::1%eth0", "::1", "not an address"])
def test_the_other_private_networks_stay_closed(address: str) -> None:
    assert not is_callable(address, VPN)


async def test_a_name_in_an_allowed_network_resolves() -> None:
    resolver = PublicResolver(FixedResolver("10.20.0.1", "10.21.0.1"), VPN)

    assert [result["host"] for result in await resolver.resolve("vpn.example", 443)] == ["10.20.0.1"]
    assert str(check_url("https://10.20.0.1/", allow_insecure=False, networks=VPN)) == "https://10.20.0.1/"


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://emsp.example/other?offset=1", True),
        ("https://EMSP.example:443/", True),
        ("http://emsp.example/", False),
        ("https://emsp.example:444/", False),
        ("https://evil.example/", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, is_same: bool) -> None:
    assert is_same_origin(URL("https://emsp.example/tokens"), URL(url)) is is_same
