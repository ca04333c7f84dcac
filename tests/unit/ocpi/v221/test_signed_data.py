import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.domain.signatures import KeySource, Nature, SignedValue, Verdict
from gateway.ocpi import wire
from gateway.ocpi.v221.cdrs import render_cdr
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import CDR, ELEVEN, NINE

RECORD = 'OCMF|{"RD":[]}|{"SD":"00"}'
KEY = base64.b64encode(b"a key").decode()


def value(record: str = RECORD, nature: Nature = Nature.START, **changes: Any) -> SignedValue:
    whole = SignedValue(
        nature=nature,
        at=NINE,
        plain_data=record,
        signed_data=base64.b64encode(record.encode()).decode(),
        encoding_method="OCMF",
        encoding_version="1.4",
        public_key=KEY,
        key_source=KeySource.VALUE,
        verdict=Verdict.VERIFIED,
    )
    return replace(whole, **changes)


END = value(RECORD.replace("[]", "[1]"), Nature.END, at=ELEVEN)


def shown(*values: SignedValue) -> Any:
    body: dict[str, Any] = orjson.loads(wire.dump_json(render_cdr(replace(CDR, signed_values=values))))
    assert_valid("cdr", body)
    return body.get("signed_data")


def test_signed_values_are_told_whole_with_their_key() -> None:
    assert shown(value(), END) == {
        "encoding_method": "OCMF",
        "public_key": KEY,
        "signed_values": [
            {"nature": "Start", "plain_data": RECORD, "signed_data": base64.b64encode(RECORD.encode()).decode()},
            {"nature": "End", "plain_data": END.plain_data, "signed_data": END.signed_data},
        ],
    }


def test_a_cdr_without_signed_values_has_no_signed_data() -> None:
    assert shown() is None


def test_a_broken_value_is_told_too() -> None:
    assert len(shown(value(verdict=Verdict.BROKEN), END)["signed_values"]) == 2


@pytest.mark.parametrize("field", ["plain_data", "signed_data"])
def test_a_value_that_is_too_long_is_withheld_and_never_cut(field: str) -> None:
    fitting, longer = value(**{field: "A" * 5000}), value(**{field: "A" * 5001})

    assert [one["nature"] for one in shown(fitting, END)["signed_values"]] == ["Start", "End"]
    assert [one["nature"] for one in shown(longer, END)["signed_values"]] == ["End"]
    assert shown(longer) is None


def test_values_of_another_format_than_the_end_s_are_withheld() -> None:
    other = value(encoding_method="EDL40 Mennekes")

    assert [one["nature"] for one in shown(other, END)["signed_values"]] == ["End"]
    assert shown(END, other)["encoding_method"] == "EDL40 Mennekes"


@pytest.mark.parametrize("method", [None, "E" * 37, "Zähler"])
def test_a_format_that_nothing_names_is_not_available(method: str | None) -> None:
    assert shown(value(encoding_method=method))["encoding_method"] == "#NA"


def test_no_key_is_named_where_there_are_two_or_none_or_one_too_long() -> None:
    assert "public_key" not in shown(value(), replace(END, public_key="b3RoZXI="))
    assert "public_key" not in shown(value(public_key=None))
    assert "public_key" not in shown(value(public_key="A" * 513))
    assert shown(value(public_key=None), END)["public_key"] == KEY


def test_line_breaks_are_blanks_in_the_plain_text_and_whole_in_the_signed_bytes() -> None:
    record = 'OCMF|{\n\t"RD":[]\r\n}|{"SD":"00"}'

    (told,) = shown(value(record))["signed_values"]

    assert told["plain_data"] == 'OCMF|{  "RD":[]  }|{"SD":"00"}'
    assert base64.b64decode(told["signed_data"]).decode() == record
