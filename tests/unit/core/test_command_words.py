from pathlib import Path

import pytest

from gateway.core.commands import WORDS

PAGE = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()


def told() -> dict[tuple[str, str], str]:
    """What the page says that a word of a station is to the partner."""
    _, table = PAGE.split("## Later: CommandResult")
    found, command = {}, ""
    for line in table.split("To any of them")[0].splitlines():
        if not line.startswith("| ") or line.startswith("| command"):
            continue
        named, words, result = (cell.strip() for cell in line.strip("|").split("|"))
        command = named or command
        found |= {(command, word.strip()): result for word in words.split(",")}
    return found


@pytest.mark.parametrize(("kind", "words"), WORDS.items())
def test_the_page_for_partners_tells_what_each_word_of_a_station_becomes(kind: str, words: dict[str, str]) -> None:
    page = {word: result for (command, word), result in told().items() if command == kind}

    assert page.keys() == words.keys()
    assert {word for word, result in words.items() if f"`{result}`" not in page[word]} == set()
