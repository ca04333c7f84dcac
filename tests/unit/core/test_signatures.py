import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core import signatures
from gateway.core.envelopes import is_signed, open_envelope
from gateway.core.signatures import Judgement, judge_session
from gateway.domain.meters import Reading
from gateway.domain.sessions import Fact, FactKind, Ledger
from gateway.domain.signatures import KeySource, MeterKey, Nature, Verdict
from gateway.ops.signatures import EcdsaVerifier
from tests.fakes.meters import CURVES, HASHES, Meter, make_meter, payload, structure

VERIFY = EcdsaVerifier().verify
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEDGER = Ledger(
    started_at=NOON,
    periods=(),
    last_at=NOON,
    energy_wh=Decimal(2000),
    start_register_wh=Decimal(1000),
    register_wh=Decimal(3000),
)
METERS = {curve: make_meter(curve) for curve in CURVES}
METER = METERS["secp256r1"]
OTHER = make_meter("secp256r1")
BEGIN = METER.record(payload(("B", "1.000")))
END = METER.record(payload(("E", "3.000"), minute=30))
BOTH = METER.record(payload(("B", "1.000"), ("E", "3.000")))


def signed(raw: Any, *, format_: str | None = "SignedData", context: str | None = None) -> Reading:
    text = raw if isinstance(raw, str) else json.dumps(raw)
    return Reading(at=NOON, value=None, format=format_, context=context, raw=text)


def fact(*readings: Reading, kind: FactKind = FactKind.METERED, minutes: int = 0) -> Fact:
    at = NOON + timedelta(minutes=minutes)
    return Fact(
        kind=kind, key=f"{kind}{minutes}", at=at, at_raw="", received_at=at, message_id="m", readings=tuple(readings)
    )


def key(meter: Meter = METER, source: KeySource = KeySource.OPERATOR) -> MeterKey:
    return MeterKey(evse_no=1, source=source, text=meter.public_key)


def judge(*raws: Any, keys: Sequence[MeterKey] = (key(),), ledger: Ledger = LEDGER) -> Judgement:
    return judge_session([fact(signed(raw), minutes=no) for no, raw in enumerate(raws)], ledger, keys, VERIFY)


def verdicts(judgement: Judgement) -> list[tuple[Verdict, Nature]]:
    return [(value.verdict, value.nature) for value in judgement.values]


# --- every curve, hash and encoding ----------------------------------------------------------------------------------


def change_digit(record: str) -> str:
    """The same with another digit in the payload: 1.000 kWh become 1.001."""
    assert record.count("1.000") == 1
    return record.replace("1.000", "1.001")


@pytest.mark.parametrize("encoding", [None, "hex", "base64"])
@pytest.mark.parametrize("hash_name", list(HASHES))
@pytest.mark.parametrize("curve", list(CURVES))
def test_a_signed_value_verifies_and_a_changed_digit_does_not(curve: str, hash_name: str, encoding: str | None) -> None:
    meter = METERS[curve]
    record = meter.record(payload(("B", "1.000")), hash_name=hash_name, encoding=encoding)

    good, bad = judge(record, change_digit(record), keys=[key(meter)]).values

    assert (good.verdict, good.reason, good.key_source) == (Verdict.VERIFIED, None, KeySource.OPERATOR)
    assert (bad.verdict, bad.reason) == (Verdict.BROKEN, "the signature does not fit the operator's public key")
    assert good.signing_method == f"ECDSA-{curve}-{hash_name}"


def wrapped(record: str) -> list[Any]:
    """A record in every wrapping that stations use."""
    whole = structure(record)
    data = record.encode()
    return [
        record,
        f"\n {record}\n",
        data.hex(),
        data.hex().upper(),
        base64.b64encode(data).decode(),
        base64.b64encode(base64.b64encode(data)).decode(),
        whole,
        json.dumps(whole, indent=1),
        {**whole, "signedMeterData": record},
        {**whole, "signedMeterData": data.hex()},
        {"signedMeterData": whole["signedMeterData"], "encodingMethod": "OCMF"},
        base64.b64encode(json.dumps(whole).encode()).decode(),
    ]


@pytest.mark.parametrize("no", range(len(wrapped(BEGIN))))
def test_a_record_verifies_out_of_every_wrapping(no: int) -> None:
    (good,) = judge(wrapped(BEGIN)[no]).values
    (bad,) = judge(wrapped(change_digit(BEGIN))[no]).values

    assert (good.verdict, good.nature, good.encoding_method) == (Verdict.VERIFIED, Nature.START, "OCMF")
    assert good.plain_data.strip() == BEGIN
    assert base64.b64decode(good.signed_data).decode().strip() == BEGIN
    assert (good.meter_serial, good.gateway_serial, good.pagination) == ("ms-1", "gs-1", "T7")
    assert bad.verdict is Verdict.BROKEN


def test_white_space_in_the_payload_is_signed_as_it_is() -> None:
    spaced = METER.record(' { "RD" : [ { "RV" : 1.00 ,\n "RU":"kWh", "TX":"B" } ] } ')

    assert judge(spaced).values[0].verdict is Verdict.VERIFIED
    assert judge(spaced.replace(' { "RD"', '{ "RD"')).values[0].verdict is Verdict.BROKEN


def test_bytes_that_are_no_utf_8_verify_all_the_same() -> None:
    data = '{"GI":"Zähler"}'.encode("latin-1")
    record = b"OCMF|" + data + b'|{"SD":"' + METER.sign(data).hex().encode() + b'"}'

    (value,) = judge(base64.b64encode(record).decode()).values

    assert value.verdict is Verdict.VERIFIED
    assert base64.b64decode(value.plain_data) == record


# --- whose key -------------------------------------------------------------------------------------------------------


def test_a_value_without_any_key_is_unverified() -> None:
    judgement = judge(BOTH, keys=[])

    (value,) = judgement.values
    assert value.verdict is Verdict.UNVERIFIED
    assert value.reason == "no public key: neither the operator, the station nor the value gives one"
    assert judgement.flags == {"signature_unverified"}


def test_the_key_that_came_once_in_a_transaction_serves_all_its_values() -> None:
    judgement = judge(structure(BEGIN), structure(END, METER.public_key), keys=[])

    assert verdicts(judgement) == [(Verdict.VERIFIED, Nature.START), (Verdict.VERIFIED, Nature.END)]
    assert {value.key_source for value in judgement.values} == {KeySource.VALUE}
    assert judgement.flags == frozenset()


def test_the_station_s_key_serves_where_the_value_has_none() -> None:
    (value,) = judge(BOTH, keys=[key(source=KeySource.STATION)]).values

    assert (value.verdict, value.key_source) == (Verdict.VERIFIED, KeySource.STATION)
    assert value.public_key == base64.b64encode(METER.public_der).decode()


def test_a_value_s_own_key_outlives_an_old_one_of_the_station_and_is_flagged() -> None:
    judgement = judge(structure(BOTH, METER.public_key), keys=[key(OTHER, KeySource.STATION)])

    assert verdicts(judgement) == [(Verdict.VERIFIED, Nature.END)]
    assert judgement.flags == {"signed_key_differs"}


def test_the_operator_s_key_wins_over_the_one_that_came_with_the_value() -> None:
    judgement = judge(structure(BOTH, METER.public_key), keys=[key(OTHER)])

    (value,) = judgement.values
    assert value.verdict is Verdict.BROKEN
    assert value.reason == (
        "the signature does not fit the operator's public key, but it fits the public key that came with the value"
    )
    assert judgement.flags == {"signature_broken", "signed_key_differs"}


def test_a_key_on_another_curve_cannot_check_and_says_so() -> None:
    (value,) = judge(BOTH, keys=[key(METERS["secp256k1"])]).values

    assert value.verdict is Verdict.UNVERIFIED
    assert value.reason == "the operator's public key is on secp256k1, the record is signed on secp256r1"


def test_an_unusable_key_is_named() -> None:
    (value,) = judge(structure(BOTH, "nonsense!"), keys=[]).values

    assert value.verdict is Verdict.UNVERIFIED
    assert value.reason == "the public key that came with the value is neither hex, base64 nor PEM"


def test_a_point_that_is_on_no_curve_is_unusable() -> None:
    (value,) = judge(structure(BOTH, (b"\x04" + bytes(64)).hex()), keys=[]).values

    assert value.verdict is Verdict.UNVERIFIED
    assert "cannot be used" in (value.reason or "")


def test_a_bare_point_takes_the_curve_of_the_record() -> None:
    (value,) = judge(structure(BOTH, METER.compressed_point.hex()), keys=[]).values

    assert value.verdict is Verdict.VERIFIED


# --- which values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "nature"),
    [
        ([("B", "1.0")], Nature.START),
        ([("B", "1.0"), ("E", "2.0")], Nature.END),
        *[([(end, "2.0")], Nature.END) for end in "ELRAP"],
        *[([(middle, "2.0")], Nature.INTERMEDIATE) for middle in "CXST"],
        ([("B", "1.0"), ("C", "2.0")], Nature.INTERMEDIATE),
    ],
)
def test_what_the_meter_signed_of_the_moment_wins(readings: list[tuple[str, str]], nature: Nature) -> None:
    found = fact(signed(METER.record(payload(*readings)), context="Transaction.Begin"))

    assert judge_session([found], LEDGER, [], VERIFY).values[0].nature is nature


@pytest.mark.parametrize(
    ("context", "kind", "nature"),
    [
        ("Transaction.Begin", FactKind.ENDED, Nature.START),
        ("Transaction.End", FactKind.METERED, Nature.END),
        ("Sample.Clock", FactKind.ENDED, Nature.INTERMEDIATE),
        (None, FactKind.STARTED, Nature.START),
        (None, FactKind.ENDED, Nature.END),
        (None, FactKind.METERED, Nature.INTERMEDIATE),
    ],
)
def test_else_the_context_tells_the_moment_and_then_the_message(
    context: str | None, kind: FactKind, nature: Nature
) -> None:
    found = fact(signed("<signedMeterValue/>", context=context), kind=kind)

    assert judge_session([found], LEDGER, [], VERIFY).values[0].nature is nature


def test_a_value_that_is_sent_again_with_the_stop_counts_once() -> None:
    both = [structure(BEGIN), BEGIN.encode().hex(), structure(END), structure(BEGIN, METER.public_key)]

    judgement = judge(*both, keys=[])

    assert verdicts(judgement) == [(Verdict.VERIFIED, Nature.START), (Verdict.VERIFIED, Nature.END)]


def test_a_begin_that_is_told_with_the_stop_only_comes_first() -> None:
    middle = METER.record(payload(("C", "2.000"), minute=10))

    judgement = judge(middle, END, BEGIN)

    assert [value.nature for value in judgement.values] == [Nature.START, Nature.INTERMEDIATE, Nature.END]


def test_readings_that_are_not_signed_are_left_alone() -> None:
    plain = Reading(at=NOON, value=Decimal(7))
    broken = Reading(at=NOON, value=None, raw="seven")

    assert not is_signed(plain)
    assert not is_signed(broken)
    assert judge_session([fact(plain, broken)], LEDGER, [key()], VERIFY) == Judgement()


def test_signed_data_is_known_without_its_format() -> None:
    assert is_signed(signed(BEGIN, format_=None))
    assert is_signed(signed(structure(BEGIN), format_=None))
    assert is_signed(signed("AB12", format_="signedData"))
    assert is_signed(replace(signed("7", format_=None), value=Decimal(7)))


def test_more_values_than_a_bill_can_carry_leave_out_intermediate_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signatures, "MOST_VALUES", 3)
    middle = [METER.record(payload(("C", f"{no}.0"))) for no in range(4)]

    judgement = judge(BEGIN, *middle, END)

    assert [value.nature for value in judgement.values] == [Nature.START, Nature.INTERMEDIATE, Nature.END]
    assert judgement.flags == {"signed_values_left_out"}


# --- what cannot be checked ------------------------------------------------------------------------------------------


def test_another_format_is_kept_and_named() -> None:
    edl = structure("<values/>", METER.public_key, encoding_method="EDL40 Mennekes", signing_method="ECDSA192SHA256")

    (value,) = judge(edl, keys=[]).values

    assert (value.verdict, value.encoding_method) == (Verdict.UNVERIFIED, "EDL40 Mennekes")
    assert (value.plain_data, base64.b64decode(value.signed_data)) == ("<values/>", b"<values/>")
    assert value.reason == "records of the format 'EDL40 Mennekes' are not checked here"
    assert value.signing_method == "ECDSA192SHA256"


def test_a_record_whose_signature_cannot_be_read_is_unverified_and_still_states_its_readings() -> None:
    (value,) = judge(BEGIN.rpartition("|")[0]).values

    assert value.verdict is Verdict.UNVERIFIED
    assert value.reason == "it has not the three sections OCMF|<payload>|<signature>"
    assert value.meter_serial == "ms-1"


GARBAGE = [
    *("", " ", "{", "{}", "[]", "null", "OCMF|", "OCMF||", "OCMF|{}|{}", "|", "=", "0", "00", "ZZ"),
    *("OCMF", "OCMF|" + "[" * 50_000, "{" * 50_000, '{"signedMeterData":' * 5_000, '{"signedMeterData":7}'),
    *('{"signedMeterData":"\\ud800","encodingMethod":"\\ud800"}', '{"signedMeterData":"e30=","publicKey":7}'),
    *('{"signedMeterData":""}', '{"a":1e99999999999999999999}', '{"a":NaN,"signedMeterData":"OCMF|"}'),
]


@pytest.mark.parametrize("raw", GARBAGE)
def test_garbage_is_kept_and_flagged(raw: str) -> None:
    judgement = judge(raw)

    (value,) = judgement.values
    assert value.verdict is Verdict.UNVERIFIED
    assert value.reason
    assert judgement.flags == {"signature_unverified"}
    (value.plain_data + value.signed_data + (value.encoding_method or "")).encode()


@settings(max_examples=300)
@given(
    st.text() | st.text().map(lambda text: f"OCMF|{text}") | st.text().map(lambda text: structure(f"OCMF|{text}")),
    st.text() | st.just(METER.public_key),
)
def test_no_text_raises(raw: Any, told: str) -> None:
    keys = [MeterKey(evse_no=0, source=KeySource.STATION, text=told)]

    (value,) = judge(raw, keys=keys).values

    assert value.verdict is not Verdict.VERIFIED


@settings(max_examples=200)
@given(st.integers(0, len(BOTH) - 1), st.characters(codec="ascii", exclude_categories=["Cc"]))
def test_no_changed_character_of_the_payload_verifies(place: int, character: str) -> None:
    changed = BOTH[:place] + character + BOTH[place + 1 :]
    is_payload = len("OCMF|") <= place < BOTH.rindex("|")

    (value,) = judge(changed).values

    if is_payload and changed != BOTH:
        assert value.verdict is not Verdict.VERIFIED


def test_nested_wrappings_come_to_an_end() -> None:
    raw = BEGIN
    for _ in range(20):
        raw = base64.b64encode(raw.encode()).decode()

    assert open_envelope(raw).record
    assert judge(raw).values[0].verdict is Verdict.UNVERIFIED


# --- what they say of the energy -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwh", "differs"),
    [
        *[("3.000", False), ("3.002", False), ("2.998", False), ("3.003", True), ("2.997", True)],
        *[("2.9", False), ("2.8", True), ("3", False)],  # the display of the meter shows no more
    ],
)
def test_energy_beyond_the_resolution_of_both_registers_differs(kwh: str, differs: bool) -> None:
    judgement = judge(BEGIN, METER.record(payload(("E", kwh))))

    assert judgement.flags == ({"signed_energy_differs"} if differs else frozenset())


def test_begin_and_end_in_one_record_are_compared_too() -> None:
    longer = METER.record(payload(("B", "1.000"), ("E", "3.100")))

    assert judge(BOTH).flags == frozenset()
    assert judge(longer).flags == {"signed_energy_differs"}


def test_values_that_do_not_verify_say_nothing_of_the_energy() -> None:
    assert judge(BOTH.replace("3.000", "9.000")).flags == {"signature_broken"}


def test_one_register_that_agrees_is_enough() -> None:
    mains = payload(("B", "50.000"), ("E", "52.100"), register="01-00:B0.08.00*FF")
    rows = (
        json.loads(mains)["RD"]
        + json.loads(payload(("B", "0.000"), ("E", "2.000"), register="01-00:B3.08.00*FF"))["RD"]
    )
    several = METER.record(json.dumps({"RD": rows}))

    assert judge(several).flags == frozenset()
    assert judge(METER.record(mains)).flags == {"signed_energy_differs"}


def test_exported_energy_and_registers_read_with_an_error_are_not_compared() -> None:
    export = METER.record(payload(("B", "0.000"), ("E", "9.000"), register="01-00:02.08.00*FF"))
    bad = METER.record(payload(("B", "0.000"), ("E", "9.000")).replace('"ST":"G"', '"ST":"M"'))
    faulty = METER.record(payload(("B", "0.000"), ("E", "9.000")).replace('"EF":""', '"EF":"E"'))

    assert judge(export, bad, faulty).flags == frozenset()


def test_another_meter_at_the_end_is_told_and_nothing_is_compared() -> None:
    judgement = judge(BEGIN, METER.record(payload(("E", "99.000"), MS="ms-2")))

    assert judgement.flags == {"signed_meter_differs"}


def test_a_coarse_ledger_is_no_difference() -> None:
    coarse = replace(LEDGER, energy_wh=Decimal(2000), start_register_wh=Decimal("1E+3"), register_wh=Decimal("3E+3"))

    assert judge(METER.record(payload(("B", "1.400"), ("E", "3.900"))), ledger=coarse).flags == frozenset()
