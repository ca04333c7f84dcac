"""What the store gives to an object when it commits it: times that rise."""

MS = 1_000
"""`last_updated` has the resolution of one millisecond; in µs."""


def later(now_us: int, last_us: int | None) -> int:
    """The `last_updated` of an object that changed now and last changed then: it rises even if the clock does not."""
    if last_us is None or now_us > last_us:
        return now_us
    return last_us - last_us % MS + MS
