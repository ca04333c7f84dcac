import pytest

from benchmarks import websocket
from benchmarks.websocket import Frame, ProtocolError, parse_frames


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (65_536, b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_client_frame_carries_the_shortest_length_and_a_mask_of_zeros(size: int, header: bytes) -> None:
    assert websocket.frame(b"x" * size) == header + b"\0\0\0\0" + b"x" * size


def test_frames_are_taken_whole_and_the_rest_stays() -> None:
    buffer = bytearray(b"\x81\x02hi\x89\x00\x81\x7e\x01\x00partial")

    assert parse_frames(buffer) == [Frame(websocket.TEXT, b"hi"), Frame(websocket.PING, b"")]
    assert buffer == b"\x81\x7e\x01\x00partial"


def test_long_server_frames_are_read() -> None:
    buffer = bytearray(b"\x81\x7e\x01\x00" + b"x" * 256)

    assert parse_frames(buffer) == [Frame(websocket.TEXT, b"x" * 256)]


@pytest.mark.parametrize("start", [b"\x01\x00", b"\x80\x00", b"\x81\x80"])
def test_fragments_and_masked_server_frames_are_refused(start: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_frames(bytearray(start))
