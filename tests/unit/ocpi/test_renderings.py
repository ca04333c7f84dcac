from collections.abc import Callable, Hashable

from gateway.ocpi.renderings import ENTRY_OVERHEAD, Renderings


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, item: str) -> bytes | None:
        self.calls += 1
        return None if item == "unsayable" else b'{"item":"%s"}' % item.encode()


def one(
    renderings: Renderings, key: Hashable, revision: Hashable, item: str, render: Callable[[str], bytes | None]
) -> bytes | None:
    return renderings.render_all([(key, revision, item)], render)[0]


def test_an_object_is_rendered_once_per_revision_and_view() -> None:
    renderings, render = Renderings(), Counting()

    for _ in range(3):
        assert one(renderings, ("2.2.1", "a"), 1, "x", render) == b'{"item":"x"}'
    one(renderings, ("2.1.1", "a"), 1, "x", render)
    assert one(renderings, ("2.2.1", "a"), 2, "y", render) == b'{"item":"y"}'

    assert render.calls == 3


def test_what_cannot_be_said_is_none_and_asked_for_once_per_revision() -> None:
    renderings, render = Renderings(), Counting()

    for revision in (1, 1, 2):
        assert one(renderings, "a", revision, "unsayable", render) is None

    assert render.calls == 2


def test_what_was_used_longest_ago_goes_first() -> None:
    body = len(b'{"item":"x"}') + ENTRY_OVERHEAD
    renderings, render = Renderings(max_bytes=2 * body), Counting()
    one(renderings, "a", 1, "x", render)
    one(renderings, "b", 1, "x", render)
    one(renderings, "a", 1, "x", render)
    one(renderings, "c", 1, "x", render)

    one(renderings, "a", 1, "x", render)
    assert render.calls == 3
    one(renderings, "b", 1, "x", render)
    assert render.calls == 4


def test_many_revisions_of_one_object_take_the_room_of_one() -> None:
    renderings, render = Renderings(max_bytes=2 * ENTRY_OVERHEAD + 40), Counting()
    one(renderings, "other", 1, "x", render)
    for revision in range(100):
        one(renderings, "a", revision, "x", render)

    one(renderings, "other", 1, "x", render)
    assert render.calls == 101
