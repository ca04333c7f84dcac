"""ECDSA signatures of meters, checked with `cryptography`."""

import hashlib
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.ops.curves import SECP192K1, Curve, decode_point, is_signature

CURVES: Mapping[str, ec.EllipticCurve] = {
    "secp192r1": ec.SECP192R1(),
    "secp256k1": ec.SECP256K1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpoolP256r1": ec.BrainpoolP256R1(),
    "brainpoolP384r1": ec.BrainpoolP384R1(),
    "brainpoolP512r1": ec.BrainpoolP512R1(),
}
OTHER_CURVES: Mapping[str, Curve] = {"secp192k1": SECP192K1}
HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


class EcdsaVerifier:
    """Implements ports.SignatureVerifier."""

    def verify(self, curve: str, hash_name: str, point: bytes, signature: bytes, data: bytes) -> bool:
        if hash_name not in HASHES:
            raise ValueError(f"the hash {hash_name} is not known here")
        if curve in OTHER_CURVES:
            return _verify_elsewhere(OTHER_CURVES[curve], hash_name, point, signature, data)
        if curve not in CURVES:
            raise ValueError(f"the curve {curve} is not known here")
        return _verify(CURVES[curve], HASHES[hash_name], point, signature, data)


def _verify(
    curve: ec.EllipticCurve, algorithm: hashes.HashAlgorithm, point: bytes, signature: bytes, data: bytes
) -> bool:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        numbers = _decode(signature, (curve.key_size + 7) // 8)
        if numbers is None:
            return False
        key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    except UnsupportedAlgorithm:
        raise ValueError(f"the curve {curve.name} is not served by this machine's cryptography") from None
    return True


def _verify_elsewhere(curve: Curve, hash_name: str, point: bytes, signature: bytes, data: bytes) -> bool:
    key = decode_point(curve, point)
    numbers = _decode(signature, curve.coordinate_bytes)
    return numbers is not None and is_signature(curve, key, *numbers, hashlib.new(hash_name, data).digest())


def _decode(signature: bytes, coordinate_bytes: int) -> tuple[int, int] | None:
    """r and s out of DER, or as two numbers in a row as some meters write them; None if it is neither."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        if len(signature) != 2 * coordinate_bytes:
            return None
        r, s = int.from_bytes(signature[:coordinate_bytes]), int.from_bytes(signature[coordinate_bytes:])
    return (r, s) if r > 0 and s > 0 else None
