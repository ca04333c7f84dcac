"""A meter that signs what it shows, as OCMF has it (SAFE, Open Charge Metering Format 1.2)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .station import Reading, Transaction

Curve = Literal["secp192r1", "secp256k1", "secp256r1", "secp384r1", "brainpool256r1", "brainpool384r1"]
Telling = Literal["each value", "configuration", "never"]

_CURVES: dict[str, ec.EllipticCurve] = {
    "secp192r1": ec.SECP192R1(),
    "secp256k1": ec.SECP256K1(),
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "brainpool256r1": ec.BrainpoolP256R1(),
    "brainpool384r1": ec.BrainpoolP384R1(),
}
# OCMF table 7: the reading's place in the transaction, by OCPP's context.
_MOMENTS = {"Transaction.Begin": "B", "Transaction.End": "E"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How this charger's meters sign.

    `key` is where the public key can be found: beside each value, in the configuration, or on the nameplate only.
    `is_forged`: somebody changes a digit of the last reading after it was signed.
    """

    curve: Curve = "secp256r1"
    encoding: Literal["hex", "base64"] = "hex"
    key: Telling = "each value"
    is_forged: bool = False


class SigningMeter:
    """The meter of one EVSE with its own key; its records are numbered."""

    def __init__(self, evse_no: int, signing: Signing) -> None:
        self._evse_no = evse_no
        self._signing = signing
        self._key = ec.generate_private_key(_CURVES[signing.curve])
        self._count = 0
        self._begins: dict[Transaction, str] = {}

    @property
    def public_key(self) -> str:
        """As OCPP carries it (OCA, Signed Meter Values in OCPP 3.2.2)."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(f"oca:base16:asn1:{der.hex()}".encode()).decode()

    def sign(self, tx: Transaction, reading: Reading, context: str) -> dict[str, str]:
        """SignedMeterValueType for a reading within a transaction."""
        return self._structure(self._record(tx, reading.at, reading.energy_wh, _MOMENTS.get(context, "C")))

    def sign_begin(self, tx: Transaction) -> dict[str, str]:
        """The reading of the transaction's begin, signed then and told again with its end."""
        return self._structure(self._record(tx, tx.started_at, tx.meter_start_wh, "B"))

    def _structure(self, record: str) -> dict[str, str]:
        return {
            "signedMeterData": base64.b64encode(record.encode()).decode(),
            "signingMethod": "",  # the record tells it
            "encodingMethod": "OCMF",
            "publicKey": self.public_key if self._signing.key == "each value" else "",
        }

    def _record(self, tx: Transaction, at: datetime, energy_wh: int, moment: str) -> str:
        if moment == "B" and tx in self._begins:
            return self._begins[tx]
        self._count += 1
        payload = self._payload(tx, at, energy_wh, moment)
        data = self._key.sign(payload.encode(), ec.ECDSA(SHA256()))
        section: dict[str, Any] = {"SA": f"ECDSA-{self._signing.curve}-SHA256"}
        if self._signing.encoding == "base64":
            section |= {"SE": "base64", "SD": base64.b64encode(data).decode()}
        else:
            section |= {"SD": data.hex()}
        if moment == "E" and self._signing.is_forged:
            payload = payload.replace(_kwh(energy_wh), _kwh(energy_wh + 1))
        record = f"OCMF|{payload}|{json.dumps(section)}"
        if moment == "B":
            self._begins[tx] = record
        return record

    def _payload(self, tx: Transaction, at: datetime, energy_wh: int, moment: str) -> str:
        head = {
            "FV": "1.2",
            "GI": "Simulated gateway",
            "GS": f"SIM-{self._evse_no}",
            "PG": f"T{self._count}",
            "MV": "Simulated meters",
            "MM": "SM-1",
            "MS": f"SM-{self._evse_no}",
            "IS": tx.token is not None,
            "IF": ["RFID_PLAIN"] if tx.token is not None else [],
            "IT": "ISO14443" if tx.token is not None else "NONE",
            "ID": tx.token.uid if tx.token is not None else "",
        }
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S,") + f"{at.microsecond // 1000:03}+0000 S"
        # By hand: the number of its places says how exact the meter is.
        reading = (
            f'{{"TM":"{stamp}","TX":"{moment}","RV":{_kwh(energy_wh)},"RI":"01-00:01.08.00*FF","RU":"kWh","RT":"AC",'
            '"EF":"","ST":"G"}'
        )
        return f'{json.dumps(head, separators=(",", ":"))[:-1]},"RD":[{reading}]}}'


def _kwh(energy_wh: int) -> str:
    return format(Decimal(energy_wh).scaleb(-3), ".3f")
