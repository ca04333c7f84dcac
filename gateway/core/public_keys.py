"""Public keys of meters, in every spelling that stations and nameplates use."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

CURVES_BY_OID = {
    "2b8104001f": "secp192k1",
    "2b8104000a": "secp256k1",
    "2a8648ce3d030101": "secp192r1",
    "2a8648ce3d030107": "secp256r1",
    "2b81040022": "secp384r1",
    "2b81040023": "secp521r1",
    "2b2403030208010107": "brainpoolP256r1",
    "2b240303020801010b": "brainpoolP384r1",
    "2b240303020801010d": "brainpoolP512r1",
}
"""The object identifiers (their DER content in hex) of the curves of OCMF table 22, and their longer sisters."""

OIDS = {curve: oid for oid, curve in CURVES_BY_OID.items()}
COORDINATE_BYTES = {
    curve: 66 if curve == "secp521r1" else int(re.sub(r"^\D+(\d+).*$", r"\1", curve)) // 8 for curve in OIDS
}

_EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
_SEQUENCE, _BIT_STRING, _OID = 0x30, 0x03, 0x06
_WRAPPINGS = 4
_MOST_CHARACTERS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A point in the form of SEC 1 2.3.3 (04, 02 or 03 in front).  `curve` is None where the text did not tell it."""

    curve: str | None
    point: bytes


def parse_public_key(text: str) -> PublicKey:
    """Read a key; raises ValueError that says what is wrong.

    A DER SubjectPublicKeyInfo or a bare point, in hex, base64 or PEM; the `oca:<encoding>:asn1:<key>` of the OCA paper
    on signed meter values (3.2.2); and each of these in base64 once more, as OCPP carries them.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"is too long for a public key ({len(text)} characters)")
    return _parse_text(text.strip(), _WRAPPINGS)


def render_public_key(key: PublicKey) -> str | None:
    """The key as DER SubjectPublicKeyInfo in base64; None without a curve."""
    if key.curve is None:
        return None
    algorithm = _tagged(_OID, _EC_PUBLIC_KEY) + _tagged(_OID, bytes.fromhex(OIDS[key.curve]))
    der = _tagged(_SEQUENCE, _tagged(_SEQUENCE, algorithm) + _tagged(_BIT_STRING, b"\0" + key.point))
    return base64.b64encode(der).decode()


def is_same_key(one: PublicKey, other: PublicKey) -> bool:
    """The same point; a curve that was not told is no difference, nor is the compressed form."""
    is_same_curve = one.curve == other.curve or None in (one.curve, other.curve)
    return is_same_curve and _compressed(one.point) == _compressed(other.point)


def decode_base64(text: str) -> bytes | None:
    """The bytes of a base64 text, URL-safe or not, with or without padding and line breaks; None if it is none."""
    compact = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True) if compact else None
    except (ValueError, binascii.Error):
        return None


def decode_hex(text: str) -> bytes | None:
    """The bytes of a hex text, which may have spaces, colons and 0x; None if it is none."""
    compact = "".join(text.split()).replace(":", "").removeprefix("0x").removeprefix("0X")
    try:
        return bytes.fromhex(compact) if compact and compact.isascii() else None
    except ValueError:
        return None


def _parse_text(text: str, wrappings: int) -> PublicKey:
    if text.startswith("-----BEGIN"):
        lines = [line.strip() for line in text.splitlines()]
        data = decode_base64("".join(line for line in lines if line and not line.startswith("-----")))
        if data is None:
            raise ValueError("begins like PEM and holds no base64")
        return _parse_bytes(data)
    if text[:4].lower() == "oca:":
        return _parse_bytes(_decode_printed(text))
    data = decode_hex(text)
    if data is None:
        data = decode_base64(text)
    if data is None:
        raise ValueError("is neither hex, base64 nor PEM")
    inner = _as_text(data)
    if inner is not None and wrappings:
        return _parse_text(inner, wrappings - 1)
    return _parse_bytes(data)


def _decode_printed(text: str) -> bytes:
    """The key after `<marker>:<encoding>:<content-type>:` as printed on the meter (OCA paper 3.2.2)."""
    parts = text.split(":", 3)
    if len(parts) < 4:
        raise ValueError("has no four parts between its colons, as oca:base16:asn1:<key> has")
    _, encoding, content, printed = parts
    if content.lower() != "asn1":
        raise ValueError(f"has content of an unknown type {content[:20]!r}, not asn1")
    match encoding.lower():
        case "base16":  # table 2: everything else, and a 0x in front, is ignored
            digits = re.sub(r"[^0-9a-fA-F]", "", re.sub(r"^\s*0[xX]", "", printed))
            data = decode_hex(digits)
        case "base64":
            data = decode_base64(printed)
        case _:
            raise ValueError(f"has an unknown encoding {encoding[:20]!r}, not base16 or base64")
    if data is None:
        raise ValueError(f"is no {encoding.lower()} after its third colon")
    return data


def _parse_bytes(data: bytes) -> PublicKey:
    size = len(data)
    is_pair = size % 2 == 0 and size // 2 in COORDINATE_BYTES.values()
    if data[:1] == b"\x30" and not (is_pair and not _is_sequence(data)):  # a coordinate may begin with any byte
        return _parse_info(data)
    if data[:1] in (b"\x02", b"\x03") and size - 1 in COORDINATE_BYTES.values():
        return PublicKey(curve=None, point=data)
    if data[:1] == b"\x04" and size % 2 and (size - 1) // 2 in COORDINATE_BYTES.values():
        return PublicKey(curve=None, point=data)
    if is_pair:  # both coordinates without the byte in front
        return PublicKey(curve=None, point=b"\x04" + data)
    raise ValueError(f"is no elliptic curve key: {size} bytes that are neither ASN.1 nor a point")


def _parse_info(data: bytes) -> PublicKey:
    """RFC 5280 4.1: SubjectPublicKeyInfo, RFC 5480 2: its parameters name the curve."""
    info = [*_elements(_only(data, _SEQUENCE))]
    if len(info) != 2 or info[0][0] != _SEQUENCE or info[1][0] != _BIT_STRING:
        raise ValueError("is ASN.1, but no public key (SubjectPublicKeyInfo)")
    algorithm = [*_elements(info[0][1])]
    if len(algorithm) != 2 or algorithm[0] != (_OID, _EC_PUBLIC_KEY):
        raise ValueError("is a public key of another kind than an elliptic curve's")
    if algorithm[1][0] != _OID:
        raise ValueError("spells its curve out instead of naming it")
    curve = CURVES_BY_OID.get(algorithm[1][1].hex())
    if curve is None:
        raise ValueError(f"is on a curve that is not known here (object identifier {algorithm[1][1].hex()})")
    point = info[1][1][1:]
    coordinate = COORDINATE_BYTES[curve]
    if len(point) != (2 * coordinate + 1 if point[:1] == b"\x04" else coordinate + 1):
        raise ValueError(f"has {len(point)} bytes for its point: not what {curve} needs")
    return PublicKey(curve=curve, point=point)


def _compressed(point: bytes) -> bytes:
    if point[:1] != b"\x04":
        return point
    return bytes([2 + (point[-1] & 1)]) + point[1 : 1 + len(point) // 2]


def _only(data: bytes, tag: int) -> bytes:
    elements = [*_elements(data)]
    if len(elements) != 1 or elements[0][0] != tag:
        raise ValueError("is broken ASN.1")
    return elements[0][1]


def _is_sequence(data: bytes) -> bool:
    try:
        return bool(_only(data, _SEQUENCE))
    except ValueError:
        return False


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element (X.690, definite lengths up to two bytes: a key needs no more)."""
    while data:
        if len(data) < 2:
            raise ValueError("is broken ASN.1")
        tag, length, start = data[0], data[1], 2
        if length in (0x81, 0x82):
            start = 2 + (length & 0x7F)
            length = int.from_bytes(data[2:start])
        elif length >= 0x80:
            raise ValueError("is broken ASN.1")
        if len(data) < start + length:
            raise ValueError("is cut short")
        yield tag, data[start : start + length]
        data = data[start + length :]


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + content


def _as_text(data: bytes) -> str | None:
    """What was wrapped once more: a key is never printable as bytes."""
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        return None
    return text if text and all(character.isprintable() or character.isspace() for character in text) else None
