"""What the meter signed, in the story of a bill."""

from dataclasses import replace
from decimal import Decimal as D

from aiohttp.test_utils import TestClient

from gateway.domain.signatures import KeySource, Nature, SignedValue, StatedReading, Verdict
from tests.fakes.console_world import World
from tests.unit.console.test_explanation import FACTS, explained, text_of
from tests.unit.core.test_sessions import NOON, after

SIGNED_START = SignedValue(
    nature=Nature.START,
    at=NOON,
    plain_data="OCMF|{}|{}",
    signed_data="T0NNRnx7fXx7fQ==",
    encoding_method="OCMF",
    public_key="MFk=",
    key_source=KeySource.OPERATOR,
    verdict=Verdict.VERIFIED,
    meter_serial="1EMH0001",
    readings=(StatedReading(at=NOON, transaction="B", register="01-00:98.08.00*FF", energy_wh=D(1000), status="G"),),
)
SIGNED_END = replace(
    SIGNED_START,
    nature=Nature.END,
    at=after(45),
    key_source=KeySource.STATION,
    verdict=Verdict.BROKEN,
    reason="the signature does not fit the station's public key",
    readings=(StatedReading(at=after(45), transaction="E", register="01-00:98.08.00*FF", energy_wh=D("6000.0")),),
)


def signed_text(*values: SignedValue) -> str:
    text = text_of(changes={"signed_values": values})
    return text.partition("What the meter signed\n")[2].partition("\n\n")[0]


def test_what_the_meter_signed_is_told_with_its_verdict_key_and_reason() -> None:
    assert (
        signed_text(SIGNED_START, SIGNED_END)
        == """\
  MOMENT  TIME      REGISTER           SIGNED Wh  VERDICT   KEY
  start   13:00:00  01-00:98.08.00*FF       1000  it holds  the operator's
  end     13:45:00  01-00:98.08.00*FF       6000  BROKEN    the station's
      the signature does not fit the station's public key
  Signed by meter 1EMH0001.
  A key that the operator did not give (meter_public_keys) shows that nothing was changed on the way, not whose meter it
      was."""
    )


def test_a_record_of_an_unknown_format_says_why_it_was_not_checked() -> None:
    foreign = replace(
        SIGNED_START,
        verdict=Verdict.UNVERIFIED,
        key_source=None,
        meter_serial=None,
        readings=(),
        reason="records of the format 'EDL' are not checked here",
    )

    assert (
        signed_text(foreign)
        == """\
  MOMENT  TIME      REGISTER  SIGNED Wh  VERDICT      KEY
  start   13:00:00                       not checked  none
      records of the format 'EDL' are not checked here"""
    )


def test_a_reason_that_many_records_have_is_said_once() -> None:
    reason = "no public key: neither the operator, the station nor the value gives one"
    keyless = replace(SIGNED_START, verdict=Verdict.UNVERIFIED, key_source=None, reason=reason)

    told = signed_text(keyless, replace(keyless, at=after(5), nature=Nature.INTERMEDIATE), SIGNED_END)

    assert told.count(reason) == 1
    assert f"  2 records: {reason}." in told
    assert "the signature does not fit the station's public key" in told


def test_a_record_of_several_registers_has_a_line_for_each_and_its_reason_once() -> None:
    (end,) = SIGNED_END.readings
    both = replace(SIGNED_END, readings=(*SIGNED_START.readings, end), has_other_key=True)

    told = signed_text(both).splitlines()

    assert [line.split()[-1] for line in told[1:3]] == ["station's", "6000"]
    assert sum("the signature does not fit" in line for line in told) == 1
    assert "  Another key was told as well; the most trusted one is used." in told


def test_what_a_meter_says_against_its_own_reading_is_told() -> None:
    (good,) = SIGNED_START.readings
    told = signed_text(replace(SIGNED_START, readings=(replace(good, status="E", error_flags="Et"),)))

    assert "the meter tells of its own state 'E', not G (good)" in told
    assert "by the meter's own word its energy may not be billed" in told
    assert "by the meter's own word its time may not be billed" in told


def test_a_visit_without_signed_values_has_no_word_of_them() -> None:
    assert "What the meter signed" not in text_of()


async def test_the_api_gives_what_the_meter_signed(client: TestClient, world: World) -> None:
    found = explained(*FACTS, changes={"signed_values": (SIGNED_START, SIGNED_END)})
    world.store.cdrs, world.store.sessions = [found.cdr], [found.session]
    world.store.facts = {found.session.id: list(FACTS)}

    body = await (await client.get("/api/v1/cdrs/C/explanation")).json()
    bill = await (await client.get("/api/v1/cdrs/C")).json()

    assert [(one["nature"], one["verdict"], one["key_source"]) for one in body["signed_values"]] == [
        ("Start", "VERIFIED", "OPERATOR"),
        ("End", "BROKEN", "STATION"),
    ]
    assert body["signed_values"] == bill["signed_values"]
