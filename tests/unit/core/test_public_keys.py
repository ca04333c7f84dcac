import base64

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.public_keys import CURVES_BY_OID, is_same_key, parse_public_key, render_public_key
from tests.fakes.meters import CURVES, Meter, make_meter

METERS = {curve: make_meter(curve) for curve in CURVES}
METER = METERS["secp256k1"]
DER = METER.public_der
# OCA application note "Signed meter values in OCPP" 5.3: a key as printed on a meter, here with another point
PRINTED = f"0x{DER.hex().upper()[:40]} {DER.hex().upper()[40:]}"


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def pem(meter: Meter) -> str:
    public = meter.key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return str(public.public_bytes(serialization.Encoding.PEM, form).decode())


@pytest.mark.parametrize("curve", list(CURVES))
def test_a_key_tells_its_curve_and_point(curve: str) -> None:
    meter = METERS[curve]

    key = parse_public_key(meter.public_key)

    assert key.curve == curve.replace("brainpool", "brainpoolP")
    assert key.point == meter.public_point
    assert render_public_key(key) == b64(meter.public_der)


@pytest.mark.parametrize(
    "text",
    [
        DER.hex(),
        DER.hex().upper(),
        "0x" + DER.hex(),
        DER.hex(" "),
        DER.hex(":"),
        b64(DER),
        b64(DER).rstrip("="),
        b64(DER).replace("+", "-").replace("/", "_"),
        "\n".join(b64(DER)[start : start + 20] for start in range(0, 200, 20)),
        pem(METER),
        b64(pem(METER)),
        b64(DER.hex()),
        f"oca:base16:asn1:{DER.hex()}",
        f"oca:base16:asn1:{PRINTED}",
        f"OCA:BASE16:ASN1:{DER.hex()}",
        f"oca:base64:asn1:{b64(DER)}",
        b64(f"oca:base16:asn1:{DER.hex()}"),
        b64(f"oca:base64:asn1:{b64(DER)}"),
        b64(b64(f"oca:base64:asn1:{b64(DER)}")),
        f"  {DER.hex()}\n",
    ],
)
def test_a_key_is_read_in_every_spelling(text: str) -> None:
    key = parse_public_key(text)

    assert (key.curve, key.point) == ("secp256k1", METER.public_point)


@pytest.mark.parametrize("curve", [curve for curve in CURVES if curve != "secp192k1"])
def test_a_bare_point_is_a_key_whose_curve_the_record_tells(curve: str) -> None:
    meter = METERS[curve]
    whole = parse_public_key(meter.public_key)

    for point in (meter.public_point, meter.compressed_point, meter.public_point[1:]):
        for text in (point.hex(), b64(point)):
            key = parse_public_key(text)
            assert key.curve is None
            assert is_same_key(key, whole)
            assert render_public_key(key) is None


@pytest.mark.parametrize("size", [48, 64, 96])
def test_a_bare_point_may_begin_like_asn1(size: int) -> None:
    data = b"\x30" + bytes(range(1, size))

    assert parse_public_key(data.hex()).point == b"\x04" + data


def test_the_keys_of_two_meters_differ() -> None:
    one, other = METERS["secp256k1"], make_meter("secp256k1")

    assert not is_same_key(parse_public_key(one.public_key), parse_public_key(other.public_key))
    assert not is_same_key(parse_public_key(one.public_key), parse_public_key(METERS["secp256r1"].public_key))


RSA = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+"
    "CqvjWYzvQwECAwEAAQ=="
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "neither hex, base64 nor PEM"),
        ("not a key!", "neither hex, base64 nor PEM"),
        ("abcd", "2 bytes"),
        (RSA, "another kind"),
        (DER[:-1].hex(), "cut short"),
        ((DER + b"\0").hex(), "broken"),
        (DER.hex().replace("2b8104000a", "2b81040021"), "not known here"),
        (DER.hex().replace("03420004", "03420005"), "bytes for its point"),
        ("3000", "no public key"),
        ("308000", "broken"),
        ("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----", "no base64"),
        ("oca:base16:asn1", "four parts"),
        ("oca:base32:asn1:AAAA", "unknown encoding"),
        ("oca:base16:x509:AAAA", "unknown type"),
        ("oca:base16:asn1:", "no base16"),
        ("A" * 6000, "too long"),
    ],
)
def test_what_is_no_key_says_why(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_public_key(text)


@given(st.text() | st.binary().map(lambda data: data.hex()) | st.binary().map(lambda data: b64(data)))
def test_nothing_else_than_a_value_error_comes_of_a_text(text: str) -> None:
    try:
        key = parse_public_key(text)
    except ValueError:
        return
    assert key.curve in (None, *CURVES_BY_OID.values())


@given(st.integers(0, len(DER) - 1), st.integers(0, 255))
def test_a_changed_byte_is_another_key_or_none(place: int, byte: int) -> None:
    changed = DER[:place] + bytes([byte]) + DER[place + 1 :]
    try:
        key = parse_public_key(changed.hex())
    except ValueError:
        return
    # within the point a change makes another point; the byte before it counts unused bits
    assert changed == DER or key.point != METER.public_point or place == DER.index(METER.public_point) - 1
