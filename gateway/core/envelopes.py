"""Signed meter values out of what OCPP wraps around them."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from gateway.core.ocmf import is_ocmf
from gateway.core.public_keys import decode_base64, decode_hex
from gateway.domain.meters import Reading

SIGNED_DATA = "signeddata"
_WRAPPINGS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A signed record as it came, out of what OCPP wraps around it.

    `record` are its bytes; `encoding_method`, `signing_method` and `public_key` what the wrapping tells ("" : absent).
    """

    record: bytes
    encoding_method: str = ""
    signing_method: str = ""
    public_key: str = ""


def is_signed(reading: Reading) -> bool:
    """Does the reading hold signed data?  OCPP 1.6 says so by its format, 2.x by the structure kept as JSON text."""
    if reading.raw is None:
        return False
    if reading.value is not None:  # a number is kept as text beside its value only if it was signed
        return True
    if reading.format is not None and reading.format.lower() == SIGNED_DATA:
        return True
    return '"signedMeterData"' in reading.raw or reading.raw.lstrip().startswith("OCMF|")


def open_envelope(raw: str) -> Envelope:
    """Unwrap a signed value; what cannot be unwrapped is the record itself.

    OCPP 2.x and the OCA paper for 1.6 (3.2.1) send an object with the record in base64; other 1.6 stations send the
    record as it is, in hex (OCMF "Embedding in OCPP"), or in base64.
    """
    return _open(raw, _WRAPPINGS)


def _open(text: str, wrappings: int) -> Envelope:
    stripped = text.strip()
    if stripped.startswith("{"):
        fields = _parse_object(stripped)
        content = fields.get("signedMeterData")
        if not isinstance(content, str) or not wrappings:
            return Envelope(record=_bytes(text))
        return replace(
            _open(content, wrappings - 1),
            encoding_method=_field(fields, "encodingMethod"),
            signing_method=_field(fields, "signingMethod"),
            public_key=_field(fields, "publicKey"),
        )
    if stripped.startswith("OCMF|"):
        return Envelope(record=_bytes(text))
    data = decode_hex(stripped)
    if data is None:
        data = decode_base64(stripped)
    if data is None:
        return Envelope(record=_bytes(text))
    if not is_ocmf(data) and wrappings:
        inner = _open(data.decode("utf-8", "replace"), wrappings - 1)  # wrapped more than once
        if is_ocmf(inner.record):
            return inner
    return Envelope(record=data)


def _parse_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _field(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _bytes(text: str) -> bytes:
    """Lone surrogates, which JSON can spell, have no bytes."""
    return text.encode("utf-8", "replace")
