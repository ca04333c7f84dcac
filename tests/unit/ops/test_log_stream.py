import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.ops.log_stream import LogStream

MORE_THAN_A_PIPE_HOLDS = 4 * 1024 * 1024


@dataclass
class Pipe:
    reading: int
    writing: int

    def fill(self) -> None:
        blocks = os.get_blocking(self.writing)
        os.set_blocking(self.writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writing, b"." * 512)
        os.set_blocking(self.writing, blocks)

    def read(self) -> str:
        """All that is in it."""
        os.set_blocking(self.reading, False)
        read = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.reading, 65536):
                read += piece
        return read.decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    for descriptor in (made.reading, made.writing):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def stream_to(descriptor: int, encoding: str = "utf-8") -> LogStream:
    return LogStream(descriptor, encoding, lambda count: f"lost {count}\n")


def turn(descriptor: int, path: Path) -> None:
    """What is written there goes to a file from now on."""
    with path.open("ab") as file:
        os.dup2(file.fileno(), descriptor)


def test_lines_arrive_as_they_are_written(pipe: Pipe) -> None:
    stream = stream_to(pipe.writing)

    stream.write("first\n")
    stream.write("second €\n")

    assert pipe.read() == "first\nsecond €\n"


def test_lines_that_nobody_reads_are_counted_and_told_of_once_they_can_be(pipe: Pipe, tmp_path: Path) -> None:
    stream = stream_to(pipe.writing)
    os.close(pipe.reading)
    stream.write("first\n")
    stream.write("second\n")

    turn(pipe.writing, tmp_path / "log")
    stream.write("third\n")
    stream.write("fourth\n")

    assert (tmp_path / "log").read_text() == "lost 2\nthird\nfourth\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_loses_lines_until_there_is_room(tmp_path: Path) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    stream = stream_to(descriptor)
    stream.write("first\n")

    turn(descriptor, tmp_path / "log")
    stream.write("second\n")

    os.close(descriptor)
    assert (tmp_path / "log").read_text() == "lost 1\nsecond\n"


def test_a_closed_descriptor_loses_lines(pipe: Pipe, tmp_path: Path) -> None:
    stream = stream_to(pipe.writing)
    with (tmp_path / "log").open("ab") as file:
        os.close(pipe.writing)
        stream.write("first\n")

        os.dup2(file.fileno(), pipe.writing)
        stream.write("second\n")

    assert (tmp_path / "log").read_text() == "lost 1\nsecond\n"


@pytest.mark.parametrize("blocks", [True, False])
def test_a_reader_that_sleeps_holds_nobody_up(pipe: Pipe, *, blocks: bool) -> None:
    os.set_blocking(pipe.writing, blocks)
    stream = stream_to(pipe.writing)
    pipe.fill()
    stream.write("first\n")
    stream.write("second\n")
    pipe.read()

    stream.write("third\n")

    assert pipe.read() == "lost 2\nthird\n"


def test_a_line_that_was_torn_stands_alone(pipe: Pipe) -> None:
    stream = stream_to(pipe.writing)
    stream.write("x" * MORE_THAN_A_PIPE_HOLDS + "\n")
    torn = pipe.read()

    stream.write("next\n")

    assert set(torn) == {"x"}
    assert pipe.read() == "\nlost 1\nnext\n"


def test_a_reader_that_is_slower_gets_the_whole_of_a_long_line(pipe: Pipe) -> None:
    read: list[bytes] = []

    def read_all() -> None:
        with os.fdopen(pipe.reading, "rb", closefd=False) as file:
            read.extend(file)

    reader = threading.Thread(target=read_all)
    reader.start()

    stream_to(pipe.writing).write("x" * MORE_THAN_A_PIPE_HOLDS + "\n")

    os.close(pipe.writing)
    reader.join()
    assert [len(line) for line in read] == [MORE_THAN_A_PIPE_HOLDS + 1]


def test_a_sign_that_the_terminal_does_not_have_is_written_as_its_number(pipe: Pipe) -> None:
    stream_to(pipe.writing, "ascii").write("2 €, \udc80\n")

    assert pipe.read() == "2 \\u20ac, \\udc80\n"
