"""Meter values that the meter signed, and what became of checking them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Nature(StrEnum):
    """The moment of a session that a signed value belongs to, in OCPI's words (2.2.1 mod_cdrs, SignedValue)."""

    START = "Start"
    INTERMEDIATE = "Intermediate"
    END = "End"


class Verdict(StrEnum):
    VERIFIED = "VERIFIED"
    BROKEN = "BROKEN"
    """The signature does not fit the data: one of them was changed, or another meter signed."""
    UNVERIFIED = "UNVERIFIED"
    """It could not be checked: no key, or a format or curve that is not known here."""


class KeySource(StrEnum):
    """Who told a meter's public key.  Only the operator's says whose meter it is; the others prove integrity alone."""

    OPERATOR = "OPERATOR"
    STATION = "STATION"
    VALUE = "VALUE"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterKey:
    """The public key of an EVSE's meter as it was given (`evse_no` 0: of the whole station)."""

    evse_no: int
    source: KeySource
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedReading:
    """One register inside a signed record.

    `transaction` is OCMF's TX (B begin, E end …), `register` its OBIS code, `status` the meter's state (G: good),
    `error_flags` what may not be billed (E energy, t time).  `energy_wh` is None for another quantity; its exponent
    keeps the resolution.
    """

    at: datetime | None = None
    at_raw: str | None = None
    transaction: str | None = None
    register: str | None = None
    energy_wh: Decimal | None = None
    status: str | None = None
    error_flags: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedValue:
    """One signed record of a session.

    `plain_data` is the record as text (base64 if it is no text), `signed_data` its bytes in base64, both as they were
    transmitted; `encoding_method` is None where nothing tells it.  `public_key` is the key it was held against (DER in
    base64; None if there is no usable one), `has_other_key` that somebody told a different one.  `reason` says in words
    what stands behind a verdict other than VERIFIED.
    """

    nature: Nature
    at: datetime
    plain_data: str
    signed_data: str
    encoding_method: str | None = None
    encoding_version: str | None = None
    signing_method: str | None = None
    public_key: str | None = None
    key_source: KeySource | None = None
    has_other_key: bool = False
    verdict: Verdict
    reason: str | None = None
    meter_serial: str | None = None
    gateway_serial: str | None = None
    pagination: str | None = None
    readings: tuple[StatedReading, ...] = ()
