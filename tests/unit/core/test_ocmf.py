import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.ocmf import parse_method, parse_ocmf, parse_time
from gateway.domain.signatures import StatedReading

SIGNATURE = '{"SA":"ECDSA-secp256k1-SHA256","SD":"3006020101020101"}'
PAYLOAD = """{ "FV": "1.4", "GI": "G", "GS": "gs", "PG": "T12", "MS": "ms", "RD": [
  {"TM": "2018-07-24T13:22:04,000+0200 S", "TX": "B", "RV": 2935.600, "RI": "01-0B:01.08.00*FF", "RU": "kWh",
   "ST": "G"},
  {"TM": "2018-07-24T13:26:04,000+0200 S", "TX": "E", "RV": 2965.10},
  {"TM": "2018-07-24T13:26:05,000+0200 S", "RV": "29500", "RU": "Wh", "EF": "E", "ST": "X"},
  {"RV": 12.5, "RI": "01-00:00.08.06*FF", "RU": "s"}
]}"""


def test_a_record_is_taken_apart_and_its_payload_left_as_it_was() -> None:
    ocmf = parse_ocmf(f"OCMF|{PAYLOAD}|{SIGNATURE}".encode())

    assert ocmf.signed == PAYLOAD.encode()
    assert (ocmf.curve, ocmf.hash_name, ocmf.signature.hex()) == ("secp256k1", "SHA256", "3006020101020101")
    assert (ocmf.version, ocmf.pagination, ocmf.gateway_serial, ocmf.meter_serial) == ("1.4", "T12", "gs", "ms")
    assert ocmf.fault is None


def test_a_field_that_is_left_out_has_the_value_of_the_reading_before() -> None:
    begin, end, again, other = parse_ocmf(f"OCMF|{PAYLOAD}|{SIGNATURE}".encode()).readings

    east = timezone(timedelta(hours=2))
    assert begin == StatedReading(
        at=datetime(2018, 7, 24, 13, 22, 4, tzinfo=east),
        at_raw="2018-07-24T13:22:04,000+0200 S",
        transaction="B",
        register="01-0B:01.08.00*FF",
        energy_wh=Decimal("2935600"),
        status="G",
    )
    assert (end.transaction, end.register, end.status) == ("E", begin.register, "G")
    assert end.energy_wh is not None
    assert end.energy_wh.as_tuple().exponent == 1  # the meter shows 10 Wh
    assert (again.energy_wh, again.status, again.error_flags) == (Decimal(29500), "X", "E")
    assert other.energy_wh is None


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("ECDSA-secp192k1-SHA256", ("secp192k1", "SHA256")),
        ("ECDSA-secp256k1-SHA256", ("secp256k1", "SHA256")),
        ("ECDSA-secp192r1-SHA256", ("secp192r1", "SHA256")),
        ("ECDSA-secp256r1-SHA256", ("secp256r1", "SHA256")),
        ("ECDSA-brainpool256r1-SHA256", ("brainpoolP256r1", "SHA256")),
        ("ECDSA-secp384r1-SHA256", ("secp384r1", "SHA256")),
        ("ECDSA-brainpool384r1-SHA256", ("brainpoolP384r1", "SHA256")),
        ("ECDSA-secp521r1-SHA512", ("secp521r1", "SHA512")),
        ("ecdsa-prime256v1-sha-384", ("secp256r1", "SHA384")),
        ("ECDSA-brainpoolP384r1-SHA384", ("brainpoolP384r1", "SHA384")),
    ],
)
def test_the_methods_of_table_22_and_their_synonyms_are_known(method: str, expected: tuple[str, str]) -> None:
    assert parse_method(method) == expected


@pytest.mark.parametrize(
    "method", ["", "ECDSA", "RSA-secp256r1-SHA256", "ECDSA-secp256r1-MD5", "ECDSA-x-SHA256", 7, None]
)
def test_another_method_is_not_known(method: Any) -> None:
    with pytest.raises(ValueError, match="not known here"):
        parse_method(method)


@pytest.mark.parametrize(
    ("section", "told", "expected"),
    [
        ('{"SD":"00"}', "", "secp256r1"),
        ('{"SD":"00"}', "ECDSA-secp384r1-SHA256", "secp384r1"),
        ('{"SD":"00"}', "ECDSAP256SHA256", "secp256r1"),
        ('{"SD":"00","SA":"ECDSA-secp192r1-SHA256"}', "ECDSA-secp384r1-SHA256", "secp192r1"),
    ],
)
def test_the_record_s_own_method_counts_then_what_is_told_then_the_default(
    section: str, told: str, expected: str
) -> None:
    assert parse_ocmf(f"OCMF|{{}}|{section}".encode(), told).curve == expected


def test_an_old_record_has_its_method_in_the_payload() -> None:
    assert parse_ocmf(b'OCMF|{"SA":"ECDSA-secp192r1-SHA256"}|{"SD":"00"}').curve == "secp192r1"


@pytest.mark.parametrize(
    ("tail", "fault"),
    [
        ("", "three sections"),
        ("|", "no JSON"),
        ("|[]", "no JSON object"),
        ("|{}", "no SD"),
        ('|{"SD":7}', "no SD"),
        ('|{"SD":"xyz"}', "no hex"),
        ('|{"SD":"!","SE":"base64"}', "no base64"),
        ('|{"SD":"00","SE":"base58"}', "neither hex nor base64"),
        ('|{"SD":"00","SM":"application/jose"}', "application/jose"),
        ('|{"SD":"00","SA":"EdDSA"}', "EdDSA"),
        ('|{"SD":NaN}', "no JSON"),
        ("|" + "[" * 100_000, "no JSON"),
    ],
)
def test_a_signature_that_cannot_be_read_says_why_and_the_readings_stand(tail: str, fault: str) -> None:
    ocmf = parse_ocmf(f"OCMF|{PAYLOAD}{tail}".encode())

    assert ocmf.fault is not None
    assert fault in ocmf.fault
    assert ocmf.meter_serial == "ms"
    assert len(ocmf.readings) == 4


@pytest.mark.parametrize("payload", ["", "x", "[]", '{"RD":7}', '{"RD":[7]}', '{"RD":{}}', '{"MS":"\\ud800"}'])
def test_a_payload_that_cannot_be_read_leaves_the_signature(payload: str) -> None:
    ocmf = parse_ocmf(f"OCMF|{payload}|{SIGNATURE}".encode())

    assert (ocmf.signed, ocmf.readings, ocmf.fault) == (payload.encode(), (), None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2018-07-24T13:22:04,000+0200 S", datetime(2018, 7, 24, 11, 22, 4, tzinfo=UTC)),
        ("2018-07-24T13:22:04.5-01:30 U", datetime(2018, 7, 24, 14, 52, 4, 500_000, tzinfo=UTC)),
        ("2018-07-24T13:22:04Z", datetime(2018, 7, 24, 13, 22, 4, tzinfo=UTC)),
        ("2018-07-24T13:22:04", None),
        ("2018-13-24T13:22:04Z", None),
        ("yesterday", None),
        (7, None),
        ("9999-12-31T23:59:59,000-1200 S", None),
        ("0001-01-01T00:00:00,000+1200 S", None),
    ],
)
def test_times_are_read_with_their_zone(written: Any, expected: datetime | None) -> None:
    assert parse_time(written) == expected


@pytest.mark.parametrize(
    "number", ["1e99", "-1e99", "1e999999999999999999999", '"1e99"', '"NaN"', "true", "null", "[]", '""', "9" * 5000]
)
def test_a_number_that_no_meter_shows_is_no_energy(number: str) -> None:
    ocmf = parse_ocmf(f'OCMF|{{"RD":[{{"RV":{number},"RU":"kWh"}}]}}|{SIGNATURE}'.encode())

    assert [reading.energy_wh for reading in ocmf.readings] in ([None], [])


LEAF: Any = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = st.sampled_from(["RD", "TM", "TX", "RV", "RI", "RU", "EF", "ST", "MS", "SD", "SA", "SE", "SM"])
ROW: Any = st.dictionaries(NAMES, LEAF)
JSON: Any = LEAF | ROW | st.dictionaries(NAMES, LEAF | ROW | st.lists(LEAF | ROW))


@given(
    st.binary().map(lambda data: b"OCMF|" + data)
    | st.builds(lambda a, b: f"OCMF|{a}|{b}".encode("utf-8", "replace"), st.text(), st.text())
)
def test_nothing_in_a_record_raises(record: bytes) -> None:
    parse_ocmf(record)


@given(JSON, JSON)
def test_no_json_in_a_record_raises(one: Any, other: Any) -> None:
    parse_ocmf(f"OCMF|{json.dumps(one)}|{json.dumps(other)}".encode())
