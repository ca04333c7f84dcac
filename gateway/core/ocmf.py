"""OCMF: the Open Charge Metering Format of SAFE, versions 0.x to 1.4, as text `OCMF|<payload>|<signature>`."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from gateway.core.public_keys import decode_base64, decode_hex
from gateway.domain.signatures import StatedReading

MARKER = b"OCMF|"
DEFAULT_METHOD = "ECDSA-secp256r1-SHA256"
"""OCMF table 22: what is meant where SA is left out."""
DER_MIME = "application/x-der"

CURVES = {
    name.lower(): name
    for name in (
        *("secp192k1", "secp256k1", "secp192r1", "secp256r1", "secp384r1", "secp521r1"),
        *("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"),
    )
} | {
    "brainpool256r1": "brainpoolP256r1",
    "brainpool384r1": "brainpoolP384r1",
    "brainpool512r1": "brainpoolP512r1",
    "prime192v1": "secp192r1",
    "prime256v1": "secp256r1",
    "prime384v1": "secp384r1",
}
"""OCMF table 22 with its synonyms, in lower case."""
HASHES = {"sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}

BEGIN = "B"
ENDS = frozenset("ELRAP")
"""OCMF table 7, TX: the transaction ended, and how."""
_INHERITED = ("TM", "TX", "RV", "RI", "RU", "RT", "EF", "ST")
_TENS_OF_UNITS = {"wh": 0, "kwh": 3}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[,.](\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)(?: ?[A-Z])?")
_MOST_READINGS = 200
_MOST_TEXT = 200
_YEARS = range(1970, 2200)
"""Years 1 and 9999 cannot be told in every zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ocmf:
    """A record taken apart.  `signed` are the bytes under the signature, exactly as they were transmitted.

    `fault` says why the signature cannot be checked (then `signature` is empty); what the payload states is read all
    the same.
    """

    signed: bytes
    signature: bytes = b""
    method: str | None = None
    curve: str = ""
    hash_name: str = ""
    fault: str | None = None
    version: str | None = None
    pagination: str | None = None
    gateway_serial: str | None = None
    meter_serial: str | None = None
    readings: tuple[StatedReading, ...] = ()


def is_ocmf(record: bytes) -> bool:
    return record.lstrip()[: len(MARKER)] == MARKER


def parse_ocmf(record: bytes, told_method: str = "") -> Ocmf:
    """Take a record apart.  Nothing in it can make this fail.

    `told_method` is what OCPP says beside the record (signingMethod); it counts where the record is silent.
    """
    _, _, rest = record.partition(b"|")
    signed, bar, tail = rest.rpartition(b"|")  # OCMF "Sections": no other bar may stand in a record
    if not bar:
        signed, tail = rest, b""
    stated = Ocmf(signed=signed)
    with suppress(ValueError):
        stated = _parse_payload(signed)
    if not bar:
        return replace(stated, fault="it has not the three sections OCMF|<payload>|<signature>")
    try:
        section = _parse_json(tail, "signature")
        told = told_method if _is_known(told_method) else DEFAULT_METHOD
        method = section.get("SA") or stated.method or told
        stated = replace(stated, method=_text(method))
        curve, hash_name = parse_method(method)
        return replace(stated, curve=curve, hash_name=hash_name, signature=_parse_signature(section))
    except ValueError as fault:
        return replace(stated, fault=str(fault))


def _parse_payload(signed: bytes) -> Ocmf:
    payload = _parse_json(signed, "payload")
    return Ocmf(
        signed=signed,
        method=_text(payload.get("SA")),  # OCMF 0.4 has it here
        version=_text(payload.get("FV")),
        pagination=_text(payload.get("PG")),
        gateway_serial=_text(payload.get("GS")),
        meter_serial=_text(payload.get("MS")),
        readings=parse_readings(payload.get("RD")),
    )


def parse_method(method: Any) -> tuple[str, str]:
    """Curve and hash of `ECDSA-<curve>-<hash>` (OCMF table 22); raises ValueError for what is not known here."""
    parts = method.split("-", 2) if isinstance(method, str) else []
    curve = CURVES.get(parts[1].lower()) if len(parts) == 3 else None
    hash_name = HASHES.get(parts[2].lower().replace("-", "")) if len(parts) == 3 else None
    if curve is None or hash_name is None or parts[0].upper() != "ECDSA":
        raise ValueError(f"the signature algorithm {str(method)[:60]!r} is not known here")
    return curve, hash_name


def _is_known(method: str) -> bool:
    try:
        parse_method(method)
    except ValueError:
        return False
    return True


def parse_readings(items: Any) -> tuple[StatedReading, ...]:
    """OCMF table 7.  A field that is left out has the value of the reading before; what cannot be read is None."""
    found = []
    inherited: dict[str, Any] = {}
    for item in items[:_MOST_READINGS] if isinstance(items, list) else ():
        if isinstance(item, dict):
            inherited = inherited | {name: item[name] for name in _INHERITED if name in item}
            found.append(_parse_reading(inherited))
    return tuple(found)


def _parse_reading(fields: dict[str, Any]) -> StatedReading:
    return StatedReading(
        at=parse_time(fields.get("TM")),
        at_raw=_text(fields.get("TM")),
        transaction=_text(fields.get("TX")),
        register=_text(fields.get("RI")),
        energy_wh=_parse_energy(fields.get("RV"), fields.get("RU")),
        status=_text(fields.get("ST")),
        error_flags=_text(fields.get("EF")) or None,
    )


def parse_time(written: Any) -> datetime | None:
    """`2018-07-24T13:22:04,000+0200 S`; the letter behind says how good the clock was.  None: no time of our days."""
    match = _TIME.fullmatch(written.strip()) if isinstance(written, str) else None
    if match is None:
        return None
    seconds, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{seconds}.{(fraction or '0').ljust(6, '0')}{zone}")
    except ValueError:
        return None
    return at if at.year in _YEARS else None


def _parse_energy(written: Any, unit: Any) -> Decimal | None:
    """Some meters write the number as text."""
    tens = _TENS_OF_UNITS.get(unit.lower()) if isinstance(unit, str) else None
    if tens is None or isinstance(written, bool) or not isinstance(written, int | str | Decimal):
        return None
    if isinstance(written, str) and len(written) > 40:
        return None
    try:
        value = Decimal(written)
    except (InvalidOperation, ValueError):
        return None
    if not value.is_finite() or abs(value.adjusted()) > 15 or len(value.as_tuple().digits) > 25:
        return None
    return value.scaleb(tens)


def _parse_signature(section: dict[str, Any]) -> bytes:
    """OCMF table 8: SD in the encoding of SE, as SM says."""
    written = section.get("SD")
    encoding = section.get("SE") or "hex"
    mime = section.get("SM") or DER_MIME
    if not isinstance(written, str) or not written:
        raise ValueError("its signature section has no SD")
    if mime != DER_MIME:
        raise ValueError(f"the signature is {str(mime)[:60]!r}: only {DER_MIME} is known here")
    if encoding not in ("hex", "base64"):
        raise ValueError(f"the signature's encoding {str(encoding)[:60]!r} is neither hex nor base64")
    signature = decode_hex(written) if encoding == "hex" else decode_base64(written)
    if signature is None:
        raise ValueError(f"its signature is no {encoding}")
    return signature


def _parse_json(section: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(section.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, InvalidOperation):
        raise ValueError(f"its {name} section is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"its {name} section is no JSON object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _text(value: Any) -> str | None:
    """A text to be shown and stored: lone surrogates, which JSON can spell, cannot be."""
    if not isinstance(value, str):
        return None
    return value[:_MOST_TEXT].encode("utf-8", "replace").decode()
