"""Who a station says it is: its identity in the path, its credentials in the header."""

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final
from urllib.parse import unquote

MAX_IDENTITY_LENGTH: Final = 48  # OCPP 2.0.1 part 4 3.1.1


class BadIdentityError(ValueError):
    """The path names no station; the text says why."""


def parse_identity(path: str) -> str:
    """The identity in a connection URL: its last segment, percent-decoded once (OCPP-J 1.6 3.1.1).

    Any prefix is accepted.  Raises BadIdentityError.
    """
    segment = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    try:
        identity = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise BadIdentityError("the identity in the path is not UTF-8") from None
    if not identity:
        raise BadIdentityError("the path ends in no identity: connect to …/ocpp/<identity>")
    if len(identity) > MAX_IDENTITY_LENGTH:
        raise BadIdentityError(f"the identity is longer than {MAX_IDENTITY_LENGTH} characters")
    if ":" in identity or not identity.isprintable():
        raise BadIdentityError("the identity has a colon or an unprintable character")
    return identity


def parse_basic(header: str | None) -> tuple[str | None, bytes | None]:
    """User and password of an Authorization header, (None, None) if it holds no Basic credentials.

    A password may hold colons and, in OCPP 1.6, bytes that are no text; a user without a colon has no password.
    """
    if header is None:
        return None, None
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        decoded = b64decode(encoded.strip(), validate=True)
    except Base64Error:
        return None, None
    user, colon, password = decoded.partition(b":")
    return user.decode("utf-8", "replace"), password if colon else None
