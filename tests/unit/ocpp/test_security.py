import base64

import pytest

from gateway.ocpp.security import BadIdentityError, parse_basic, parse_identity


def header(decoded: bytes) -> str:
    return "Basic " + base64.b64encode(decoded).decode()


@pytest.mark.parametrize(
    ("written", "credentials"),
    [
        (None, (None, None)),
        ("", (None, None)),
        ("Bearer x", (None, None)),
        ("Basic !", (None, None)),
        (header(b"CP1:secret"), ("CP1", b"secret")),
        (header(b"CP1:a:b:c"), ("CP1", b"a:b:c")),
        (header(b"CP1:"), ("CP1", b"")),
        (header(b"CP1"), ("CP1", None)),
        (header(b"CP1:" + bytes([0, 255, 58, 128])), ("CP1", bytes([0, 255, 58, 128]))),
        (header(b"CP1:secret").replace("Basic", "basic"), ("CP1", b"secret")),
        (header(b"CP1:secret").replace("Basic ", "Basic   "), ("CP1", b"secret")),
    ],
)
def test_basic_credentials_are_split_at_the_first_colon(
    written: str | None, credentials: tuple[str | None, bytes | None]
) -> None:
    assert parse_basic(written) == credentials


@pytest.mark.parametrize(
    ("path", "identity"),
    [("/a/b/CP1", "CP1"), ("/CP1/", "CP1"), ("/ws://host/ocpp/CP1", "CP1"), ("/a%20b", "a b"), ("/%C3%A9", "é")],
)
def test_the_identity_is_the_last_segment(path: str, identity: str) -> None:
    assert parse_identity(path) == identity


@pytest.mark.parametrize("path", ["/", "", "//", "/a:b", "/" + "x" * 49, "/%FF", "/a%0Ab"])
def test_a_path_that_names_no_station_is_refused(path: str) -> None:
    with pytest.raises(BadIdentityError):
        parse_identity(path)
