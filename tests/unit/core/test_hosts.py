import pytest

from gateway.core.hosts import host_of, is_of_hosts


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://OCPI.Example.com:8443/versions", "ocpi.example.com"),
        ("https://ocpi.example.com./", "ocpi.example.com"),
        ("https://[2001:db8::1]:8443/", "2001:db8::1"),
        ("https:///path", None),
        ("https://[bad/", None),
        ("versions", None),
    ],
)
def test_the_host_of_a_url_is_its_name_in_lower_case(url: str, host: str | None) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://ocpi.example.com/tokens", ["ocpi.example.com"]),
        ("https://ocpi.example.com:444/tokens", ["OCPI.example.com"]),
        ("https://eu.api.example.com/", ["ocpi.example.com", "*.example.com"]),
        ("https://elsewhere.example/", ["*"]),
        ("http://localhost:1/", ["127.0.0.1"]),
        ("http://127.0.0.2:1/", ["::1"]),
    ],
)
def test_a_url_leads_to_a_host_that_is_named(url: str, hosts: list[str]) -> None:
    assert is_of_hosts(url, hosts)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://evil.example/", ["ocpi.example.com"]),
        ("https://ocpi.example.com.evil.example/", ["ocpi.example.com"]),
        ("https://ocpi.example.com@evil.example/", ["ocpi.example.com"]),
        ("https://example.com/", ["*.example.com"]),
        ("https://evilexample.com/", ["*.example.com"]),
        ("https://10.0.0.1/", ["127.0.0.1"]),
        ("https://ocpi.example.com/", []),
        ("nonsense", ["*"]),
    ],
)
def test_any_other_url_does_not(url: str, hosts: list[str]) -> None:
    assert not is_of_hosts(url, hosts)
