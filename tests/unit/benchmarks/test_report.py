from dataclasses import replace

from benchmarks.report import GATEWAY, GOALS, Results, Sample, cpu_ratio, render_json, render_tables

SAMPLE = Sample(subject="meter_values", server=GATEWAY, round_no=1, cpu_us=100.0, per_s=9_000.0)


def test_a_ratio_is_the_median_of_ratios_taken_within_rounds() -> None:
    gateway = [replace(SAMPLE, round_no=n, cpu_us=cpu) for n, cpu in enumerate((100.0, 200.0, 400.0))]
    other = [replace(SAMPLE, round_no=n, server="ocpp", cpu_us=cpu) for n, cpu in enumerate((800.0, 1_800.0, 4_000.0))]

    assert cpu_ratio(gateway + other, "ocpp") == 9.0


def test_rounds_that_miss_a_server_do_not_count() -> None:
    samples = [SAMPLE, replace(SAMPLE, round_no=2, server="ocpp")]

    assert cpu_ratio(samples, "ocpp") is None


def test_ratios_are_flat_and_hold_memory_too() -> None:
    results = Results([SAMPLE, replace(SAMPLE, server="echo", cpu_us=50.0)], {"idle_kib": 21.5})

    assert results.ratios() == {"meter_values.vs_echo": 0.5, "idle_kib": 21.5}


def test_a_ratio_of_the_gateway_with_itself_reaches_its_goal_from_below() -> None:
    results = Results(others={"pricing.readings_480_vs_8": 3.5})

    assert render_json(results, machine={}, rounds=1)["goals"]["pricing.readings_480_vs_8"]["reached"]


def test_memory_reaches_its_goal_from_below() -> None:
    assert GOALS["idle_kib"].is_reached(24.0)
    assert not GOALS["idle_kib"].is_reached(24.1)


def test_the_file_says_of_each_goal_whether_it_was_measured_and_reached() -> None:
    results = Results([SAMPLE, replace(SAMPLE, server="ocpp", cpu_us=700.0)])

    goals = render_json(results, machine={}, rounds=1)["goals"]

    assert goals["meter_values.vs_ocpp"] == {
        "at_least": 6,
        "aim": 8,
        "measured": True,
        "reached": True,
        "aim_reached": False,
    }
    assert goals["idle_kib"] == {"at_most": 24, "measured": False, "reached": False}


def test_the_table_marks_what_falls_short() -> None:
    results = Results([SAMPLE, replace(SAMPLE, server="ocpp", cpu_us=500.0)])

    line = render_tables(results).splitlines()[-1]

    assert line.split() == ["meter_values.vs_ocpp", "5.00", ">=", "6,", "aim", "8", "NO"]
