"""Pages of lists, cut out of rows that were read one further than asked for."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway.ports import Page, PageAsked

T = TypeVar("T")

LAST_US = 2**62
"""Later than every time."""


def is_windowed(page: PageAsked) -> bool:
    return page.date_from is not None or page.date_to is not None


def page_of(items: Sequence[T], page: PageAsked, total: int, number_of: Callable[[T], int]) -> Page[T]:
    """Make the page of up to `limit` of `items`; that there is one more says that another page follows."""
    shown = tuple(items[: page.limit])
    follows = len(items) > page.limit and shown
    return Page(items=shown, total=total, next_after=number_of(shown[-1]) if follows else None)
