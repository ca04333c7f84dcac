from typing import Any

from structlog.testing import capture_logs

from gateway.ocpi.renderings import ENTRY_OVERHEAD, Renderings
from gateway.ocpi.wire import CannotSayError


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, item: str) -> dict[str, Any]:
        self.calls += 1
        if item == "unsayable":
            raise CannotSayError("no words for it")
        return {"item": item}


def test_an_object_is_rendered_once_per_revision_and_view() -> None:
    renderings, render = Renderings(), Counting()

    for _ in range(3):
        assert renderings.render(("2.2.1", "a"), 1, "x", render) == b'{"item":"x"}'
    renderings.render(("2.1.1", "a"), 1, "x", render)
    assert renderings.render(("2.2.1", "a"), 2, "y", render) == b'{"item":"y"}'

    assert render.calls == 3


def test_what_cannot_be_said_is_none_and_logged_once_per_revision() -> None:
    renderings, render = Renderings(), Counting()

    with capture_logs() as logs:
        assert renderings.render("a", 1, "unsayable", render) is None
        assert renderings.render("a", 1, "unsayable", render) is None
        assert renderings.render("a", 2, "unsayable", render) is None

    assert len(logs) == 2


def test_what_was_used_longest_ago_goes_first() -> None:
    body = len(b'{"item":"x"}') + ENTRY_OVERHEAD
    renderings, render = Renderings(max_bytes=2 * body), Counting()
    renderings.render("a", 1, "x", render)
    renderings.render("b", 1, "x", render)
    renderings.render("a", 1, "x", render)
    renderings.render("c", 1, "x", render)

    renderings.render("a", 1, "x", render)
    assert render.calls == 3
    renderings.render("b", 1, "x", render)
    assert render.calls == 4


def test_many_revisions_of_one_object_take_the_room_of_one() -> None:
    renderings, render = Renderings(max_bytes=2 * ENTRY_OVERHEAD + 40), Counting()
    renderings.render("other", 1, "x", render)
    for revision in range(100):
        renderings.render("a", revision, "x", render)

    renderings.render("other", 1, "x", render)
    assert render.calls == 101
