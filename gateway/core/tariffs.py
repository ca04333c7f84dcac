"""Which price holds for whom and when."""

from collections.abc import Iterable
from datetime import datetime

from gateway.domain.tariffs import Tariff

REGULAR_TYPES = (None, "REGULAR")


def choose_tariff(tariffs: Iterable[Tariff], at: datetime) -> Tariff | None:
    """The tariff for a driver with a contract, valid at that time; the first that is.  `end_at` is exclusive."""
    for tariff in tariffs:
        has_begun = tariff.start_at is None or tariff.start_at <= at
        is_over = tariff.end_at is not None and at >= tariff.end_at
        if has_begun and not is_over and tariff.type in REGULAR_TYPES:
            return tariff
    return None
