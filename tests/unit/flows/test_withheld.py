from gateway.flows.withheld import MOST_KEPT, WithheldBook
from tests.fakes.ocpi_store import FakeClock


def test_the_last_word_about_an_object_in_a_version_counts() -> None:
    book = WithheldBook(FakeClock())

    book.on_rendered("2.2.1", "location", "L1", ["help_phone"])
    book.on_rendered("2.1.1", "location", "L1", ["help_phone", "parking_places"])
    book.on_rendered("2.1.1", "tariff", "T1", ["it has a min_price"], is_whole_object=True)
    book.on_rendered("2.2.1", "location", "L1", [])

    assert [(entry.kind, entry.id, entry.version, entry.is_whole_object) for entry in book.all()] == [
        ("location", "L1", "2.1.1", False),
        ("tariff", "T1", "2.1.1", True),
    ]


def test_the_oldest_make_room() -> None:
    book = WithheldBook(FakeClock())

    for number in range(MOST_KEPT + 1):
        book.on_rendered("2.1.1", "cdr", f"C{number:05}", ["signed_data"])

    assert len(book.all()) == MOST_KEPT
    assert book.all()[0].id == "C00001"
