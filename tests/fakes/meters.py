"""A meter that signs, as OCMF has it, and the ways stations wrap what it says."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.ops.curves import SECP192K1, Curve, Point, combine

CURVES: dict[str, Any] = {
    "secp192r1": ec.SECP192R1(),
    "secp256k1": ec.SECP256K1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
    "brainpool256r1": ec.BrainpoolP256R1(),
    "brainpool384r1": ec.BrainpoolP384R1(),
    "secp192k1": None,
}
HASHES: dict[str, Any] = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}

SECP192K1_INFO = bytes.fromhex("3046301006072a8648ce3d020106052b8104001f033200")


@dataclass(frozen=True)
class Meter:
    """`secret` is the private key of the one curve that the library does not have."""

    curve: str = "secp256r1"
    key: Any = None
    secret: int = 0

    @property
    def public_der(self) -> bytes:
        if self.key is None:
            found = multiply(SECP192K1, SECP192K1.generator, self.secret)
            assert found is not None
            return SECP192K1_INFO + b"\x04" + found[0].to_bytes(24) + found[1].to_bytes(24)
        der: bytes = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return der

    @property
    def public_point(self) -> bytes:
        return self.public_der[len(SECP192K1_INFO) :] if self.key is None else self._point(False)

    @property
    def compressed_point(self) -> bytes:
        return self._point(True)

    def _point(self, is_compressed: bool) -> bytes:
        form = serialization.PublicFormat
        point: bytes = self.key.public_key().public_bytes(
            serialization.Encoding.X962, form.CompressedPoint if is_compressed else form.UncompressedPoint
        )
        return point

    @property
    def public_key(self) -> str:
        """As the OCA paper has it (3.2.2)."""
        return base64.b64encode(f"oca:base16:asn1:{self.public_der.hex()}".encode()).decode()

    def sign(self, data: bytes, hash_name: str = "SHA256") -> bytes:
        if self.key is not None:
            signature: bytes = self.key.sign(data, ec.ECDSA(HASHES[hash_name]))
            return signature
        return self._sign_elsewhere(data, hash_name)

    def _sign_elsewhere(self, data: bytes, hash_name: str) -> bytes:
        n = SECP192K1.n
        digest = hashlib.new(hash_name, data).digest()
        e = int.from_bytes(digest[:24])
        k = int.from_bytes(hashlib.sha512(data + self.secret.to_bytes(24)).digest()) % n
        point = multiply(SECP192K1, SECP192K1.generator, k)
        assert point is not None
        r = point[0] % n
        return encode_dss_signature(r, pow(k, -1, n) * (e + r * self.secret) % n)

    def record(self, payload: str, *, hash_name: str = "SHA256", encoding: str | None = None, **section: Any) -> str:
        """`OCMF|<payload>|<signature>`; `section` overrides fields of the signature section, None leaves one out."""
        signature = self.sign(payload.encode(), hash_name)
        written = base64.b64encode(signature).decode() if encoding == "base64" else signature.hex()
        fields = {"SA": f"ECDSA-{self.curve}-{hash_name}", "SE": encoding, "SD": written} | section
        return f"OCMF|{payload}|{json.dumps({name: value for name, value in fields.items() if value is not None})}"


def make_meter(curve: str = "secp256r1") -> Meter:
    """A meter with a fresh key."""
    if CURVES[curve] is None:
        fresh = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        return Meter(curve=curve, secret=fresh % (SECP192K1.n - 1) + 1)
    return Meter(curve=curve, key=ec.generate_private_key(CURVES[curve]))


def payload(*readings: tuple[str, str], register: str = "01-00:98.08.00*FF", minute: int = 0, **fields: Any) -> str:
    """A payload section: each reading is its TX and its kWh."""
    head = {"FV": "1.0", "GI": "GW 1", "GS": "gs-1", "PG": "T7", "MS": "ms-1", "IS": True, "IT": "NONE"} | fields
    rows = [
        f'{{"TM":"2026-03-01T12:{minute + no:02}:00,000+0000 S","TX":"{tx}","RV":{kwh},"RI":"{register}","RU":"kWh",'
        '"EF":"","ST":"G"}'
        for no, (tx, kwh) in enumerate(readings)
    ]
    return json.dumps(head)[:-1] + ',"RD":[' + ",".join(rows) + "]}"


def structure(record: str, public_key: str = "", *, encoding_method: str = "OCMF", signing_method: str = "") -> Any:
    """SignedMeterValueType of OCPP 2.x."""
    return {
        "signedMeterData": base64.b64encode(record.encode()).decode(),
        "signingMethod": signing_method,
        "encodingMethod": encoding_method,
        "publicKey": public_key,
    }


def multiply(curve: Curve, point: Point, factor: int) -> Point | None:
    """The point added to itself `factor` times; None: infinity."""
    return combine(curve, factor, point, 0, point)
