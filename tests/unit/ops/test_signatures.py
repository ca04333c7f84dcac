from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ops.curves import SECP192K1, Curve, combine, decode_point, is_signature
from gateway.ops.signatures import EcdsaVerifier
from tests.fakes.meters import HASHES, make_meter, multiply

VERIFIER = EcdsaVerifier()
METERS = {curve: make_meter(curve) for curve in ("secp192k1", "secp256r1", "brainpool256r1")}
DATA = b"twelve and a half kWh"
# made with: openssl ecparam -name secp192k1 -genkey; openssl dgst -sha256 -sign, openssl dgst -sha512 -sign
POINT = bytes.fromhex(
    "04286b12bb1c7520a9027de03ca86c2a94221241d1ac45ae43a470fbca0d6eb8315302e1e6d86524e79e0c5dd2b6dafc76"
)
SIGNATURES = {
    "SHA256": "303402184e9b184ac8c9e7d8f52669abde6f54f1c5622088af0afbcf02181726deb9ac9766dc179e61dd1df4efb83f30ef3e7e2b"
    "8883",
    "SHA512": "303502181034dfc51da09d794387bcc025dcc9254a99fad5b7a3e04b021900a0515bbb4849198f49b41c29a6ecb1067c31d4ca53"
    "9f193c",
}
# SEC 2 2.4.2 (secp256r1): the arithmetic is the same for every curve, and this one the library has
SECP256R1 = Curve(
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    generator=(
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
)


@pytest.mark.parametrize("hash_name", list(SIGNATURES))
def test_a_signature_on_secp192k1_made_elsewhere_fits_and_one_changed_digit_does_not(hash_name: str) -> None:
    signature = bytes.fromhex(SIGNATURES[hash_name])

    assert VERIFIER.verify("secp192k1", hash_name, POINT, signature, DATA)
    assert not VERIFIER.verify("secp192k1", hash_name, POINT, signature, b"twelve and a half kWH")


@pytest.mark.parametrize("hash_name", list(HASHES))
@settings(max_examples=10, deadline=None)
@given(data=st.binary(max_size=40))
def test_our_arithmetic_says_what_the_library_says(hash_name: str, data: bytes) -> None:
    meter = METERS["secp256r1"]
    point = decode_point(SECP256R1, meter.public_point)
    digest = hashes.Hash(HASHES[hash_name])
    digest.update(data)
    r, s = decode_dss_signature(meter.sign(data, hash_name))
    hashed = digest.finalize()

    assert is_signature(SECP256R1, point, r, s, hashed)
    assert not is_signature(SECP256R1, point, r, (s + 1) % SECP256R1.n, hashed)
    assert not is_signature(SECP256R1, point, r, s, bytes([hashed[0] ^ 1]) + hashed[1:])


def test_our_compressed_points_are_the_library_s() -> None:
    meter = make_meter("secp256r1")

    assert decode_point(SECP256R1, meter.compressed_point) == decode_point(SECP256R1, meter.public_point)


def test_the_generator_has_the_order_of_its_curve() -> None:
    assert multiply(SECP192K1, SECP192K1.generator, SECP192K1.n - 1) == (
        SECP192K1.generator[0],
        SECP192K1.p - SECP192K1.generator[1],
    )
    assert multiply(replace(SECP192K1, n=2 * SECP192K1.n), SECP192K1.generator, SECP192K1.n) is None


@given(st.integers(0, 50), st.integers(0, 50))
def test_multiples_add_up_whatever_they_meet(one: int, other: int) -> None:
    """Small factors of one point: sums that double and sums that vanish are among them."""
    generator = SECP192K1.generator
    negated = (generator[0], SECP192K1.p - generator[1])

    assert combine(SECP192K1, one, generator, other, generator) == multiply(SECP192K1, generator, one + other)
    assert combine(SECP192K1, one, generator, other, negated) == multiply(SECP192K1, generator, one - other)


@pytest.mark.parametrize("curve", ["secp192k1", "secp256r1"])
def test_r_and_s_in_a_row_are_a_signature_too(curve: str) -> None:
    meter = make_meter(curve)
    size = 24 if curve == "secp192k1" else 32
    r, s = decode_dss_signature(meter.sign(DATA))
    in_a_row = r.to_bytes(size) + s.to_bytes(size)

    assert VERIFIER.verify(curve, "SHA256", meter.public_point, in_a_row, DATA)
    assert not VERIFIER.verify(curve, "SHA256", meter.public_point, in_a_row[::-1], DATA)


@pytest.mark.parametrize("curve", ["secp192k1", "secp256r1", "brainpoolP256r1"])
@settings(max_examples=50, deadline=None)
@given(signature=st.binary(max_size=100))
def test_a_signature_that_is_none_does_not_fit(curve: str, signature: bytes) -> None:
    meter = METERS[curve.replace("P", "")]

    assert not VERIFIER.verify(curve, "SHA256", meter.public_point, signature, DATA)


@pytest.mark.parametrize("signature", ["3006020100020100", "3006020101020100", "30060201ff0201ff"])
@pytest.mark.parametrize("curve", ["secp192k1", "secp256r1"])
def test_zero_and_negative_numbers_are_no_signature(curve: str, signature: str) -> None:
    assert not VERIFIER.verify(curve, "SHA256", make_meter(curve).public_point, bytes.fromhex(signature), DATA)


@pytest.mark.parametrize("curve", ["secp192k1", "secp256r1"])
@pytest.mark.parametrize("point", [b"", b"\x00", b"\x04" + bytes(48), b"\x04" + bytes(64), b"\x02" + b"\xff" * 32])
def test_a_point_off_the_curve_is_no_key(curve: str, point: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        VERIFIER.verify(curve, "SHA256", point, bytes.fromhex(SIGNATURES["SHA256"]), DATA)


@pytest.mark.parametrize(("curve", "hash_name"), [("secp224k1", "SHA256"), ("secp256r1", "MD5")])
def test_a_curve_or_hash_that_is_unknown_is_named(curve: str, hash_name: str) -> None:
    with pytest.raises(ValueError, match=f"{curve}|{hash_name}"):
        VERIFIER.verify(curve, hash_name, b"", b"", DATA)


def test_the_library_has_every_other_curve() -> None:
    for curve in ("secp192r1", "secp256k1", "secp384r1", "secp521r1", "brainpool256r1", "brainpool384r1"):
        assert isinstance(make_meter(curve).key, ec.EllipticCurvePrivateKey)
