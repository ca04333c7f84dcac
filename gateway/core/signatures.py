"""Signed meter values: from what a station sent to a verdict, and what they say of the energy."""

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from gateway.core.envelopes import Envelope, is_signed, open_envelope
from gateway.core.ocmf import BEGIN, ENDS, Ocmf, is_ocmf, parse_ocmf
from gateway.core.public_keys import (
    PublicKey,
    is_same_key,
    parse_public_key,
    render_public_key,
)
from gateway.domain.meters import Reading
from gateway.domain.sessions import Fact, FactKind, Ledger
from gateway.domain.signatures import KeySource, MeterKey, Nature, SignedValue, StatedReading, Verdict

Verify = Callable[[str, str, bytes, bytes, bytes], bool]
"""ports.SignatureVerifier.verify: curve, hash, point, signature, data.  Raises ValueError for an unusable key."""

OCMF = "OCMF"

BROKEN_FLAG = "signature_broken"
UNVERIFIED_FLAG = "signature_unverified"
OTHER_KEY_FLAG = "signed_key_differs"
OTHER_METER_FLAG = "signed_meter_differs"
OTHER_ENERGY_FLAG = "signed_energy_differs"
LEFT_OUT_FLAG = "signed_values_left_out"

MOST_VALUES = 1_000
"""Signed values kept on one CDR; the facts have them all."""
STATED_WH = Decimal("0.1")
"""What a CDR's energy is rounded to."""
_MOST_NAME = 50
_IMPORTS = frozenset({"1", "01", "98", "B0", "B1", "B2", "B3"})
"""Group C of the OBIS codes of imported energy: IEC 62056-6-1, what meters use of it, OCMF table 25."""
_RANKS = {Nature.START: 0, Nature.INTERMEDIATE: 1, Nature.END: 2}
_NAMES = {
    KeySource.OPERATOR: "the operator's public key",
    KeySource.STATION: "the station's public key",
    KeySource.VALUE: "the public key that came with the value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The signed values of a session, and the flags that its CDR gets for them."""

    values: tuple[SignedValue, ...] = ()
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    envelope: Envelope
    ocmf: Ocmf | None
    nature: Nature
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """How a record fared under a key; `key` is None if it could not be read."""

    source: KeySource
    key: PublicKey | None = None
    verdict: Verdict
    reason: str | None = None


def judge_session(facts: Iterable[Fact], ledger: Ledger, keys: Sequence[MeterKey], verify: Verify) -> Judgement:
    """Every signed record of a session, each once, start first and end last, with its verdict.

    `keys` are those of the session's EVSE.  The operator's key is the trust anchor and the only one asked if there is
    one; else the key that came with the value or with another of the session (OncePerTransaction, OCA paper 3.3.2),
    then the one that the station told of itself.
    """
    records = sorted(_records_of(facts), key=lambda record: (_RANKS[record.nature], record.at))
    kept = _pick(records)
    told = next((record.envelope.public_key for record in records if record.envelope.public_key), "")
    values = tuple(_judge(record, _candidates(record.envelope.public_key or told, keys), verify) for record in kept)
    flags = _flags_of(values, ledger) | ({LEFT_OUT_FLAG} if len(kept) < len(records) else frozenset())
    return Judgement(values=values, flags=flags)


def _records_of(facts: Iterable[Fact]) -> Iterator[_Record]:
    """One meter value may be sent several times: with its key once, in MeterValues and again with the stop."""
    found: dict[bytes, _Record] = {}
    for fact in facts:
        for reading in fact.readings:
            if is_signed(reading):
                envelope = open_envelope(reading.raw or "")
                known = found.get(envelope.record)
                if known is None:
                    found[envelope.record] = _take_apart(envelope, fact, reading)
                elif envelope.public_key and not known.envelope.public_key:
                    keyed = replace(known.envelope, public_key=envelope.public_key)
                    found[envelope.record] = replace(known, envelope=keyed)
    yield from found.values()


def _take_apart(envelope: Envelope, fact: Fact, reading: Reading) -> _Record:
    ocmf = parse_ocmf(envelope.record, envelope.signing_method) if is_ocmf(envelope.record) else None
    return _Record(envelope=envelope, ocmf=ocmf, nature=_nature_of(ocmf, fact, reading), at=reading.at)


def _nature_of(ocmf: Ocmf | None, fact: Fact, reading: Reading) -> Nature:
    """What the meter signed of it wins over what the station says around it.

    A record that holds begin and end is the value of the end (OCA paper 3.1.4: one container goes with context
    Transaction.End): it is complete by itself.
    """
    said = {stated.transaction for stated in ocmf.readings} - {None} if ocmf else set()
    if said:
        return Nature.END if said & ENDS else Nature.START if said == {BEGIN} else Nature.INTERMEDIATE
    by_context = {"Transaction.Begin": Nature.START, "Transaction.End": Nature.END}
    if reading.context in by_context:
        return by_context[reading.context]
    if reading.context is None:
        return {FactKind.STARTED: Nature.START, FactKind.ENDED: Nature.END}.get(fact.kind, Nature.INTERMEDIATE)
    return Nature.INTERMEDIATE


def _pick(records: Sequence[_Record]) -> Sequence[_Record]:
    """At most MOST_VALUES in their order; those that begin and end the session go first."""
    if len(records) <= MOST_VALUES:
        return records
    ranked = sorted(range(len(records)), key=lambda no: records[no].nature is Nature.INTERMEDIATE)
    return [records[no] for no in sorted(ranked[:MOST_VALUES])]


def _candidates(told: str, keys: Sequence[MeterKey]) -> Sequence[tuple[KeySource, str]]:
    """The keys to try in this order; the operator's comes first."""
    given = {key.source: key.text for key in keys}
    if told:
        given[KeySource.VALUE] = told
    return [
        (source, given[source])
        for source in (KeySource.OPERATOR, KeySource.VALUE, KeySource.STATION)
        if source in given
    ]


def _judge(record: _Record, candidates: Sequence[tuple[KeySource, str]], verify: Verify) -> SignedValue:
    envelope, ocmf = record.envelope, record.ocmf
    tries = [_try(ocmf, source, text, verify) for source, text in candidates]
    decided = _decide(ocmf, envelope, tries)
    return SignedValue(
        nature=record.nature,
        at=record.at,
        plain_data=_plain(envelope.record),
        signed_data=base64.b64encode(envelope.record).decode(),
        encoding_method=OCMF if ocmf else _printable(envelope.encoding_method) or None,
        encoding_version=ocmf.version if ocmf else None,
        signing_method=ocmf.method if ocmf else _printable(envelope.signing_method) or None,
        public_key=render_public_key(decided.key) if decided.key else None,
        key_source=decided.source if decided.key else None,
        has_other_key=_has_other_key(tries),
        verdict=decided.verdict,
        reason=decided.reason,
        meter_serial=ocmf.meter_serial if ocmf else None,
        gateway_serial=ocmf.gateway_serial if ocmf else None,
        pagination=ocmf.pagination if ocmf else None,
        readings=ocmf.readings if ocmf else (),
    )


def _try(ocmf: Ocmf | None, source: KeySource, text: str, verify: Verify) -> _Try:
    """Check a record under one key."""
    name = _NAMES[source]
    try:
        key = parse_public_key(text)
    except ValueError as fault:
        return _Try(source=source, verdict=Verdict.UNVERIFIED, reason=f"{name} {fault}")
    if ocmf is None or ocmf.fault is not None:
        return _Try(source=source, key=key, verdict=Verdict.UNVERIFIED)
    if key.curve not in (None, ocmf.curve):
        reason = f"{name} is on {key.curve}, the record is signed on {ocmf.curve}"
        return _Try(source=source, key=key, verdict=Verdict.UNVERIFIED, reason=reason)
    key = replace(key, curve=ocmf.curve)
    try:
        fits = verify(ocmf.curve, ocmf.hash_name, key.point, ocmf.signature, ocmf.signed)
    except ValueError as fault:
        reason = f"{name} cannot be used: {fault}"
        return _Try(source=source, key=key, verdict=Verdict.UNVERIFIED, reason=reason)
    if fits:
        return _Try(source=source, key=key, verdict=Verdict.VERIFIED)
    return _Try(source=source, key=key, verdict=Verdict.BROKEN, reason=f"the signature does not fit {name}")


def _decide(ocmf: Ocmf | None, envelope: Envelope, tries: Sequence[_Try]) -> _Try:
    """The verdict over all keys: the operator's alone if there is one, else the first that fits."""
    first = tries[0] if tries else None
    first_key, first_source = (first.key, first.source) if first else (None, KeySource.VALUE)
    if ocmf is None:
        named = _printable(envelope.encoding_method)
        reason = f"records of the format {named!r} are not checked here" if named else "nothing tells its format"
        return _Try(source=first_source, key=first_key, verdict=Verdict.UNVERIFIED, reason=reason)
    if ocmf.fault is not None:
        return _Try(source=first_source, key=first_key, verdict=Verdict.UNVERIFIED, reason=ocmf.fault)
    if first is None:
        reason = "no public key: neither the operator, the station nor the value gives one"
        return _Try(source=KeySource.VALUE, verdict=Verdict.UNVERIFIED, reason=reason)
    fitting = next((each for each in tries if each.verdict is Verdict.VERIFIED), None)
    if first.source is not KeySource.OPERATOR:
        broken = next((each for each in tries if each.verdict is Verdict.BROKEN), None)
        return fitting or broken or first
    if fitting is not None and fitting is not first:
        return replace(first, reason=f"{first.reason}, but it fits {_NAMES[fitting.source]}")
    return first


def _has_other_key(tries: Sequence[_Try]) -> bool:
    """Did somebody tell another key than the one that is trusted most?"""
    known = [each.key for each in tries if each.key is not None]
    return any(not is_same_key(known[0], other) for other in known[1:])


def _flags_of(values: Sequence[SignedValue], ledger: Ledger) -> frozenset[str]:
    found = {
        BROKEN_FLAG: any(value.verdict is Verdict.BROKEN for value in values),
        UNVERIFIED_FLAG: any(value.verdict is Verdict.UNVERIFIED for value in values),
        OTHER_KEY_FLAG: any(value.has_other_key for value in values),
        OTHER_METER_FLAG: len(_meters_of(values)) > 1,
        OTHER_ENERGY_FLAG: differs_from(values, ledger),
    }
    return frozenset(flag for flag, is_up in found.items() if is_up)


def _meters_of(values: Iterable[SignedValue]) -> frozenset[tuple[str | None, str | None]]:
    """OCMF "Signing and Verification Process": all records must come from the same source (serial number)."""
    return frozenset((value.gateway_serial, value.meter_serial) for value in values if value.readings)


def differs_from(values: Iterable[SignedValue], ledger: Ledger) -> bool:
    """Does the energy between the verified first and last register differ from the ledger's?

    Several registers may be signed (at the mains, at the car, of the transaction): one that agrees is enough.  The
    resolutions of both displays are allowed for.
    """
    spans = [*_spans_of(values)]
    if not spans:
        return False
    allowed = max(_step_of(ledger.start_register_wh), _step_of(ledger.register_wh), STATED_WH)
    return all(abs(energy - ledger.energy_wh) > step + allowed for energy, step in spans)


def _spans_of(values: Iterable[SignedValue]) -> Iterator[tuple[Decimal, Decimal]]:
    """Per register of imported energy that was read well at begin and end: the energy between, and its resolution."""
    begins: dict[tuple[str | None, str | None], Decimal] = {}
    ends: dict[tuple[str | None, str | None], Decimal] = {}
    for value in values:
        if value.verdict is Verdict.VERIFIED:
            for reading in value.readings:
                if reading.energy_wh is None or not _is_good(reading) or not _is_import(reading.register):
                    continue
                register = (value.meter_serial, reading.register)
                if reading.transaction == BEGIN or (reading.transaction is None and value.nature is Nature.START):
                    begins.setdefault(register, reading.energy_wh)
                elif reading.transaction in ENDS or (reading.transaction is None and value.nature is Nature.END):
                    ends[register] = reading.energy_wh
    for key in begins.keys() & ends.keys():
        begin, end = begins[key], ends[key]
        yield end - begin, max(_step_of(begin), _step_of(end))


def _is_good(reading: StatedReading) -> bool:
    return reading.status in (None, "G") and "E" not in (reading.error_flags or "")


def _is_import(register: str | None) -> bool:
    """OBIS `A-B:C.D.E*F`; a reading without a code is taken as what it is billed for."""
    if register is None:
        return True
    group = register.partition(":")[2].partition(".")[0].upper()
    return not group or group in _IMPORTS


def _step_of(register_wh: Decimal | None) -> Decimal:
    exponent = 0 if register_wh is None else register_wh.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) else STATED_WH


def _plain(record: bytes) -> str:
    try:
        return record.decode()
    except UnicodeDecodeError:
        return base64.b64encode(record).decode()


def _printable(name: str) -> str:
    return name[:_MOST_NAME].encode("utf-8", "replace").decode()
