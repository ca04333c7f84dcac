"""Any tariff and any visit, near the nights in which the clocks change."""

from hypothesis import strategies as st

from gateway.domain.tariffs import DAYS_OF_WEEK
from tests.fakes.tariffs import charging, element, local, parking, part, tariff, visit

LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": st.sampled_from(["00:00", "02:30", "08:00", "22:00"]),
        "end_time": st.sampled_from(["00:00", "02:30", "17:00", "23:59"]),
        "day_of_week": st.sets(st.sampled_from(DAYS_OF_WEEK), min_size=1).map(tuple),
        "start_date": st.sampled_from(["2026-03-28", "2026-03-29", "2026-10-25"]),
        "end_date": st.sampled_from(["2026-03-30", "2026-10-26"]),
        "min_kwh": st.sampled_from(["1", "7.5"]),
        "max_kwh": st.sampled_from(["2", "20"]),
        "min_power": st.sampled_from(["3", "11"]),
        "max_power": st.sampled_from(["7", "22"]),
        "min_duration_s": st.sampled_from([60, 1800]),
        "max_duration_s": st.sampled_from([900, 7200]),
    },
)
COMPONENTS = st.builds(
    part,
    st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
    st.sampled_from(["0", "0.25", "1.9", "3"]),
    st.sampled_from([0, 1, 7, 300, 1000]),
    st.sampled_from([None, "5.2", "19"]),
)
ELEMENTS = st.builds(lambda component, limits: element(component, **limits), COMPONENTS, LIMITS)
TARIFFS = st.lists(ELEMENTS, min_size=1, max_size=8).map(lambda elements: tariff(*elements))
STARTS = st.sampled_from(["2026-03-28T21:00", "2026-03-29T01:30", "2026-10-24T23:10", "2026-10-25T01:59"]).map(local)
PARTS = st.one_of(
    st.builds(charging, st.integers(1, 300), st.sampled_from(["0", "0.123", "1", "8.7", "30"])),
    st.builds(parking, st.integers(1, 600)),
)
VISITS = st.builds(lambda start, parts: visit(start, *parts), STARTS, st.lists(PARTS, min_size=1, max_size=6))
