from hypothesis import given
from hypothesis import strategies as st

from gateway.store.stamps import MS, later


@given(st.integers(0, 10**15).map(lambda ms: ms * MS), st.none() | st.integers(0, 10**18))
def test_a_stamp_is_now_or_else_the_next_millisecond_after_the_last(now_us: int, last_us: int | None) -> None:
    stamp = later(now_us, last_us)

    assert stamp % MS == 0
    assert stamp >= now_us
    assert last_us is None or last_us < stamp <= max(now_us, last_us + MS)
