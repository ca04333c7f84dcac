from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.stamps import MS, copier, later
from tests.contract.samples import SESSION


@given(st.integers(0, 10**15).map(lambda ms: ms * MS), st.none() | st.integers(0, 10**18))
def test_a_stamp_is_now_or_else_the_next_millisecond_after_the_last(now_us: int, last_us: int | None) -> None:
    stamp = later(now_us, last_us)

    assert stamp % MS == 0
    assert stamp >= now_us
    assert last_us is None or last_us < stamp <= max(now_us, last_us + MS)


def test_a_copy_has_the_new_values_and_all_others_of_the_original() -> None:
    copy = copier(type(SESSION), "hold", "revision")

    assert copy(SESSION, "why", 7) == replace(SESSION, hold="why", revision=7)
    assert SESSION.hold is None
