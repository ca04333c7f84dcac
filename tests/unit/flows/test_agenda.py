from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.flows.agenda import Agenda
from tests.unit.flows.words import NOON


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_what_is_due_is_taken_once_and_in_the_order_of_time() -> None:
    agenda = Agenda()
    agenda.put("b", at(2))
    agenda.put("a", at(1))
    agenda.put("c", at(3))

    assert agenda.next_at() == at(1)
    assert list(agenda.take_due(at(2))) == ["a", "b"]
    assert list(agenda.take_due(at(2))) == []
    assert agenda.next_at() == at(3)


def test_a_key_put_anew_is_due_at_its_newest_time_only() -> None:
    agenda = Agenda()
    agenda.put("later", at(1))
    agenda.put("later", at(9))
    agenda.put("sooner", at(9))
    agenda.put("sooner", at(1))
    agenda.put("same", at(1))
    agenda.put("same", at(1))

    assert sorted(agenda.take_due(at(1))) == ["same", "sooner"]
    assert list(agenda.take_due(at(9))) == ["later"]
    assert agenda.next_at() is None


def test_a_key_dropped_is_not_due() -> None:
    agenda = Agenda()
    agenda.put("a", at(1))
    agenda.drop("a")
    agenda.drop("never there")

    assert "a" not in agenda
    assert agenda.next_at() is None
    assert list(agenda.take_due(at(9))) == []


def test_a_key_may_be_put_while_the_due_are_taken() -> None:
    agenda = Agenda()
    agenda.put("a", at(1))

    for key in agenda.take_due(at(1)):
        agenda.put(key, at(2))

    assert "a" in agenda
    assert agenda.next_at() == at(2)


@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "take"]), st.sampled_from("abc"), st.integers(0, 9))))
def test_an_agenda_is_a_table_of_times(steps: list[tuple[str, str, int]]) -> None:
    agenda, table = Agenda(), dict[str, int]()
    for verb, key, seconds in steps:
        if verb == "put":
            agenda.put(key, at(seconds))
            table[key] = seconds
        elif verb == "drop":
            agenda.drop(key)
            table.pop(key, None)
        else:
            due = {known for known, when in table.items() if when <= seconds}
            assert set(agenda.take_due(at(seconds))) == due
            for known in due:
                del table[known]
        assert agenda.next_at() == (at(min(table.values())) if table else None)
        assert all((known in agenda) == (known in table) for known in "abc")


def test_what_was_dropped_or_put_off_takes_no_room_for_ever() -> None:
    agenda = Agenda()
    agenda.put("kept", at(1))
    for n in range(10_000):
        agenda.put(f"far {n % 7}", at(1_000_000 + n))
        agenda.drop(f"far {n % 7}")

    assert len(agenda._heap) < 1_000
    assert agenda.next_at() == at(1)
    assert list(agenda.take_due(at(2))) == ["kept"]
