"""`gateway price`: any CDR of any version, computed again."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given

from gateway.cli import main
from gateway.core.cdrs import decide_cdr
from gateway.domain.bills import Stretch
from gateway.domain.cdrs import Cdr
from gateway.domain.sessions import Ledger, Period, Session, SessionStatus
from gateway.domain.tariffs import Tariff
from gateway.ocpi.v221.cdrs import render_cdr
from gateway.ocpi.wire import dump_json
from tests.fakes.ocpi_samples import ELEVEN, SESSION, TERMS
from tests.fakes.tariff_strategies import TARIFFS, VISITS

TARIFF: dict[str, Any] = {
    "id": "T",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 0.5, "vat": 20, "step_size": 1},
                {"type": "ENERGY", "price": 0.25, "vat": 10, "step_size": 1},
                {"type": "PARKING_TIME", "price": 2, "vat": 20, "step_size": 900},
            ]
        }
    ],
    "last_updated": "2024-01-01T00:00:00Z",
}
CDR: dict[str, Any] = {
    "id": "C1",
    "start_date_time": "2024-12-02T09:00:00Z",
    "end_date_time": "2024-12-02T10:40:00Z",
    "currency": "EUR",
    "tariffs": [TARIFF],
    "charging_periods": [
        {
            "start_date_time": "2024-12-02T09:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 20}, {"type": "TIME", "volume": 1}],
        },
        {"start_date_time": "2024-12-02T10:00:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.6667}]},
    ],
    "total_cost": {"excl_vat": 7.0, "incl_vat": 7.9},
    "total_fixed_cost": {"excl_vat": 0.5, "incl_vat": 0.6},
    "total_energy": 20,
    "total_energy_cost": {"excl_vat": 5, "incl_vat": 5.5},
    "total_time": 1.6667,
    "total_parking_time": 0.6667,
    "total_parking_cost": {"excl_vat": 1.5, "incl_vat": 1.8},
}
NIGHT = {"start_time": "22:00", "end_time": "06:00"}


def changed(body: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A copy with other members; None takes one away."""
    made = deepcopy(body) | members
    return {name: value for name, value in made.items() if value is not None}


def period(*dimensions: dict[str, Any]) -> dict[str, Any]:
    return {"start_date_time": "2024-12-02T09:00:00Z", "dimensions": list(dimensions)}


class Shell:
    """Runs the command on files."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def write(self, name: str, body: Any) -> str:
        path = self._folder / name
        path.write_text(body if isinstance(body, str) else json.dumps(body))
        return str(path)

    def price(self, cdr: Any, *more: str, tariff: Any = None) -> tuple[int, str, str]:
        given = [] if tariff is None else ["--tariff", self.write("tariff.json", tariff)]
        code = main(["price", "--cdr", self.write("cdr.json", cdr), *given, *more])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, cdr: Any, *more: str, tariff: Any = None) -> tuple[int, dict[str, Any]]:
        code, out, err = self.price(cdr, "--json", *more, tariff=tariff)
        assert err == ""
        return code, json.loads(out)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def cost(before: float | None, after: float | None) -> dict[str, float | None]:
    return {"excl_vat": before, "incl_vat": after}


# --- agreeing and differing ---------------------------------------------------------------------------------------


def test_a_cdr_that_is_right_is_shown_with_what_priced_it(shell: Shell) -> None:
    code, out, _ = shell.price(CDR)

    assert code == 0
    assert "ENERGY of elements[0]" in out
    assert "2400 s billed as 2700" in out
    assert "The CDR says the same." in out


def test_json_has_every_total_with_four_places(shell: Shell) -> None:
    code, out, _ = shell.price(CDR, "--json")

    body = json.loads(out)
    assert code == 0
    assert body["total_cost"] == cost(7, 7.9)
    assert body["total_fixed_cost"] == cost(0.5, 0.6)
    assert body["total_energy_cost"] == cost(5, 5.5)
    assert body["total_time_cost"] == cost(0, 0)
    assert body["total_parking_cost"] == cost(1.5, 1.8)
    assert body["total_reservation_cost"] == cost(0, 0)
    assert [period["phase"] for period in body["periods"]] == ["CHARGING", "PARKING"]
    assert '"total_cost":{"excl_vat":7.0000,"incl_vat":7.9000}' in out


def test_a_cdr_that_is_wrong_is_shown_with_the_difference(shell: Shell) -> None:
    code, out, _ = shell.price(changed(CDR, total_cost={"excl_vat": 7.25, "incl_vat": 7.9}))

    assert code == 1
    assert "The CDR differs in total_cost excl. VAT." in out
    assert "0.2500" in out


@pytest.mark.parametrize(
    ("members", "total"),
    [
        ({"total_energy": 21}, "total_energy kWh"),
        ({"total_time": 1.7}, "total_time h"),
        ({"total_time_cost": {"excl_vat": 1}}, "total_time_cost excl. VAT"),
        ({"total_cost": {"excl_vat": 7, "incl_vat": 8}}, "total_cost incl. VAT"),
    ],
)
def test_every_total_is_compared(shell: Shell, members: dict[str, Any], total: str) -> None:
    code, body = shell.json(changed(CDR, **members))

    assert code == 1
    assert [row["total"] for row in body["differences"]] == [total]


def test_a_cdr_that_says_no_total_at_all_does_not_say_the_same(shell: Shell) -> None:
    code, out, _ = shell.price(changed(CDR, total_cost=None))

    assert code == 1
    assert "The CDR differs in total_cost excl. VAT, total_cost incl. VAT." in out


def test_a_total_is_compared_to_as_many_decimals_as_it_has(shell: Shell) -> None:
    tariff = changed(
        TARIFF, elements=[{"price_components": [{"type": "TIME", "price": 1.9, "vat": 5.2, "step_size": 1}]}]
    )
    periods = [{"start_date_time": "2024-12-02T09:00:00Z", "dimensions": [{"type": "TIME", "volume": 2.5}]}]
    timed = {"end_date_time": "2024-12-02T11:30:00Z", "charging_periods": periods, "currency": "EUR", "id": "C"}

    code, body = shell.json(timed | {"total_cost": {"excl_vat": 4.75, "incl_vat": 5.0}}, tariff=tariff)
    assert (code, body["total_cost"]) == (0, cost(4.75, 4.997))

    code, _ = shell.json(timed | {"total_cost": {"excl_vat": 4.75, "incl_vat": 4.996}}, tariff=tariff)
    assert code == 1


def test_totals_may_be_rounded_as_the_party_rounds_them(shell: Shell) -> None:
    tariff = changed(TARIFF, elements=[{"price_components": [{"type": "ENERGY", "price": 0.1234, "step_size": 1}]}])

    _, exact = shell.json(CDR, tariff=tariff)
    _, rounded = shell.json(CDR, "--round-to", "1", tariff=tariff)

    assert (exact["total_cost"]["excl_vat"], rounded["total_cost"]["excl_vat"]) == (2.468, 2.5)


# --- all shapes ---------------------------------------------------------------------------------------------------


def test_the_oldest_shape_is_read(shell: Shell) -> None:
    """Prices as texts, `stop_date_time`, a total without taxes, the location with its time zone inside."""
    element = {"price_components": [{"type": "TIME", "price": "2.00", "step_size": 300}], "restrictions": NIGHT}
    cdr = changed(
        CDR,
        end_date_time=None,
        stop_date_time="2024-12-02T10:40:00Z",
        location={"id": "L", "time_zone": "Asia/Tokyo"},
        tariffs=[changed(TARIFF, elements=[element])],
        charging_periods=[
            {"start_date_time": "2024-12-02T09:00:00Z", "dimensions": [{"type": "TIME", "volume": 1.6667}]}
        ],
        total_cost=0,
        total_fixed_cost=None,
        total_energy_cost=None,
        total_parking_cost=None,
        total_parking_time=None,
    )

    assert shell.json(cdr)[0] == 0
    _, later = shell.json(cdr, "--time-zone", "Pacific/Auckland")
    assert later["total_cost"] == cost(3.3333, 3.3333)


def test_the_newest_shape_is_read(shell: Shell) -> None:
    taxes = [{"name": "VAT", "percentage": 20, "amount": 0.4}, {"name": "VAT", "percentage": 10, "amount": 0.5}]
    cdr = changed(
        CDR,
        tariffs=[changed(TARIFF, tax_included="NO", max_price={"before_taxes": 100, "after_taxes": 120})],
        total_cost={"before_taxes": 7, "taxes": taxes},
        total_energy_cost={"before_taxes": 5},
    )

    assert shell.json(cdr)[0] == 0
    cdr["total_cost"]["taxes"][0]["amount"] = 0.41
    code, body = shell.json(cdr)
    assert (code, [row["total"] for row in body["differences"]]) == (1, ["total_cost incl. VAT"])


def test_an_answer_of_a_server_is_opened(shell: Shell) -> None:
    assert shell.json({"status_code": 1000, "timestamp": "2024-12-02T10:40:00Z", "data": [CDR]})[0] == 0


def test_a_price_that_includes_unknown_taxes_is_known_with_them_only(shell: Shell) -> None:
    element = {"price_components": [{"type": "ENERGY", "price": 0.1, "step_size": 1}]}

    _, body = shell.json(CDR, tariff=changed(TARIFF, tax_included="YES", elements=[element]))

    assert body["total_cost"] == cost(None, 2)


def test_a_period_without_times_lasts_until_the_next(shell: Shell) -> None:
    element = {"price_components": [{"type": "TIME", "price": 6, "step_size": 1}]}
    periods = deepcopy(CDR["charging_periods"])
    periods[0]["dimensions"].pop()

    _, body = shell.json(changed(CDR, charging_periods=periods), tariff=changed(TARIFF, elements=[element]))

    assert body["total_time_cost"] == cost(6, 6)


def test_a_period_may_hold_charging_and_parking(shell: Shell) -> None:
    both = [{"type": "ENERGY", "volume": 20}, {"type": "PARKING_TIME", "volume": 0.6667}, {"type": "TIME", "volume": 1}]
    period = {"start_date_time": "2024-12-02T09:00:00Z", "dimensions": both}

    code, body = shell.json(changed(CDR, charging_periods=[period]))

    assert code == 0
    assert [one["end_date_time"] for one in body["periods"]] == ["2024-12-02T10:00:00Z", "2024-12-02T10:40:00Z"]


def test_hours_that_do_not_fit_the_times_are_priced_as_stated_and_noted(shell: Shell) -> None:
    periods = deepcopy(CDR["charging_periods"])
    periods[1]["dimensions"][0]["volume"] = 0.25

    code, body = shell.json(changed(CDR, charging_periods=periods, total_time=1.25, total_parking_time=0.25))

    assert body["total_parking_cost"] == cost(0.5, 0.6)
    assert code == 1
    assert "states 0.2500 h" in body["notes"][0]


def test_hours_beyond_all_measure_do_not_outlast_their_period(shell: Shell) -> None:
    both = period({"type": "TIME", "volume": 1e8}, {"type": "PARKING_TIME", "volume": 0.5})

    code, body = shell.json(changed(CDR, charging_periods=[both]))

    assert (code, len(body["notes"])) == (1, 1)
    assert body["total_parking_cost"] == cost(1, 1.2)


def test_a_credit_cdr_has_a_negative_total_only(shell: Shell) -> None:
    credit = changed(CDR, credit=True, credit_reference_id="C0", total_cost={"excl_vat": -7, "incl_vat": -7.9})

    code, body = shell.json(credit)

    assert (code, body["total_cost"], body["total_energy_cost"]) == (0, cost(-7, -7.9), cost(5, 5.5))


def test_a_reservation_without_a_session_has_expired(shell: Shell) -> None:
    tariff = changed(
        TARIFF,
        elements=[
            {
                "price_components": [{"type": "FLAT", "price": 4, "vat": 20, "step_size": 1}],
                "restrictions": {"reservation": "RESERVATION_EXPIRES"},
            },
            {
                "price_components": [{"type": "TIME", "price": 2, "vat": 20, "step_size": 600}],
                "restrictions": {"reservation": "RESERVATION"},
            },
            *TARIFF["elements"],
        ],
    )
    period = {"start_date_time": "2024-12-02T09:00:00Z", "dimensions": [{"type": "RESERVATION_TIME", "volume": 1}]}
    unused = changed(CDR, end_date_time="2024-12-02T10:00:00Z", charging_periods=[period])

    _, body = shell.json(unused, tariff=tariff)

    assert body["total_cost"] == body["total_reservation_cost"] == cost(6, 7.2)


def test_each_period_has_the_tariff_that_it_names(shell: Shell) -> None:
    cheap = changed(TARIFF, id="CHEAP", elements=[{"price_components": [{"type": "ENERGY", "price": 0.1}]}])
    periods = [
        {
            "start_date_time": f"2024-12-02T{hour}:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 10}],
            **({"tariff_id": tariff_id} if tariff_id else {}),
        }
        for hour, tariff_id in (("08", "t"), ("09", "CHEAP"), ("10", None))
    ]
    cdr = changed(CDR, tariffs=[TARIFF, cheap], charging_periods=periods)

    _, body = shell.json(cdr)

    assert body["total_energy_cost"]["excl_vat"] == 2.5 + 1
    assert body["periods"][2]["lines"] == []


def test_a_current_is_taken_from_the_period_or_from_the_voltage(shell: Shell) -> None:
    fast = {"price_components": [{"type": "ENERGY", "price": 1}], "restrictions": {"min_current": 32}}
    slow = {"price_components": [{"type": "ENERGY", "price": 2}]}
    tariff = changed(TARIFF, elements=[fast, slow])
    periods = deepcopy(CDR["charging_periods"])
    periods[0]["dimensions"].append({"type": "MIN_CURRENT", "volume": 43})

    code, _, err = shell.price(CDR, tariff=tariff)
    assert code == 2
    assert "depends on the current" in err
    assert shell.json(changed(CDR, charging_periods=periods), tariff=tariff)[1]["total_cost"]["excl_vat"] == 20
    assert shell.json(CDR, "--voltage", "230", tariff=tariff)[1]["total_cost"]["excl_vat"] == 20
    assert shell.json(CDR, "--voltage", "800", tariff=tariff)[1]["total_cost"]["excl_vat"] == 40


# --- faults -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cdr", "says"),
    [
        ("{", "cdr.json: $: is not JSON"),
        ("[]", "holds 0 objects"),
        ("3", "must be a JSON object"),
        ('{"id": NaN}', "NaN is no number"),
        (changed(CDR, charging_periods=[]), "$.charging_periods: is missing or empty"),
        (changed(CDR, end_date_time=None), "$.stop_date_time: is missing"),
        (changed(CDR, end_date_time="soon"), "$.end_date_time: not a date and time"),
        (
            changed(CDR, end_date_time="0001-01-01T00:00:00Z"),
            "$.end_date_time: '0001-01-01T00:00:00Z' is no time of our days",
        ),
        (changed(CDR, charging_periods=[period({"type": "TIME", "volume": -1})]), "no time is negative"),
        (changed(CDR, total_energy=1e300), "$.total_energy: must be a number of usual size"),
        (changed(CDR, currency=None), "$.currency: is missing"),
        (changed(CDR, tariffs=None), "holds no tariff; name one with --tariff"),
        (changed(CDR, total_cost={"excl_vat": "much"}), "$.total_cost.excl_vat: must be a number"),
        (changed(CDR, tariffs=[changed(TARIFF, currency="SEK")]), "is in SEK, CDR C1 in EUR"),
        (changed(CDR, tariffs=[TARIFF, changed(TARIFF, id="U")]), "does not say which period has which"),
        (
            changed(CDR, charging_periods=[{"start_date_time": "2024-12-02T09:00:00Z", "tariff_id": "X"}]),
            "has tariff X, which is not in the CDR",
        ),
        (
            changed(CDR, tariffs=[changed(TARIFF, elements=[TARIFF["elements"][0] | {"restrictions": NIGHT}])]),
            "name the time zone of the location",
        ),
        (
            changed(
                CDR, tariffs=[changed(TARIFF, elements=[TARIFF["elements"][0] | {"restrictions": {"booking": 1}}])]
            ),
            "booking",
        ),
        (
            changed(CDR, tariffs=[changed(TARIFF, elements=[{"price_components": [{"type": "WISH", "price": 1}]}])]),
            "$.tariffs[0].elements[0].price_components[0].type: 'WISH' is not one of ENERGY, FLAT, PARKING_TIME, TIME",
        ),
    ],
)
def test_what_cannot_be_computed_is_told_with_its_place(shell: Shell, cdr: Any, says: str) -> None:
    code, out, err = shell.price(cdr)

    assert (code, out) == (2, "")
    assert says in err


def test_a_time_zone_that_does_not_exist_is_refused_whatever_the_tariff(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        shell.price(CDR, "--time-zone", "Mars/Base")

    assert stopped.value.code == 2
    assert "'Mars/Base' is no time zone such as Europe/Amsterdam" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["price", "--cdr", str(tmp_path / "none.json")]) == 2
    assert "none.json: there is no such file" in capsys.readouterr().err


# --- our own ------------------------------------------------------------------------------------------------------


def session_of(tariff: Tariff, stretches: list[Stretch]) -> Session:
    ledger = Ledger(
        started_at=stretches[0].start_at,
        periods=tuple(Period(start_at=one.start_at, phase=one.phase, energy_wh=one.energy_wh) for one in stretches),
        last_at=stretches[-1].end_at,
        energy_wh=sum(one.energy_wh for one in stretches),
        ended_at=stretches[-1].end_at,
    )
    return replace(SESSION, status=SessionStatus.COMPLETED, ledger=ledger, terms=replace(TERMS, tariff=tariff))


@given(TARIFFS, VISITS)
def test_our_own_cdrs_are_right(
    tmp_path_factory: pytest.TempPathFactory, tariff: Tariff, stretches: list[Stretch]
) -> None:
    cdr = decide_cdr(session_of(tariff, stretches), cdr_id="C", now=ELEVEN)
    assert isinstance(cdr, Cdr)
    path = tmp_path_factory.getbasetemp() / "own.json"
    path.write_bytes(dump_json(render_cdr(cdr)))

    assert main(["price", "--cdr", str(path), "--time-zone", "Europe/Amsterdam"]) == 0, orjson.loads(path.read_bytes())
