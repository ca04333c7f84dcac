"""Log lines: a fixed phrase and fields, as text for people or JSON for machines."""

import json
import logging
import sys
from collections.abc import Callable
from typing import TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.ops.log_stream import LogStream

Renderer = Callable[[WrappedLogger, str, EventDict], str]


def configure_logs(level: str, format_: str) -> None:
    """Set up structlog, and the standard library's logs of others, for the whole process; lines go to stderr.

    A line that cannot be written fails nothing: it is counted, and the count is told once lines can be written again.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: Renderer = _render_json if format_ == "json" else _render_text
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        stamp,
    ]

    def render_loss(count: int) -> str:
        event = {"event": "log lines lost", "level": "warning", "count": count}
        return renderer(None, "warning", stamp(None, "warning", event)) + "\n"

    # JSON is UTF-8 (RFC 8259 8.1), whatever the terminal.
    encoding = "utf-8" if format_ == "json" else sys.stderr.encoding
    stream = LogStream(sys.stderr.fileno(), encoding, render_loss)
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=str).decode()
    except TypeError:  # what orjson has no JSON for, such as half a surrogate pair out of a header that is not UTF-8
        return json.dumps(event, default=str, skipkeys=True)


def _render_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line a person can scan.  By hand: a line is on the way of every handshake, and a pretty one costs 100 µs."""
    stamp, level, phrase = event.pop("timestamp", ""), event.pop("level", ""), event.pop("event", "")
    exception = event.pop("exception", None)
    fields = " ".join([f"{key}={_plain(value)}" for key, value in event.items()])
    line = f"{stamp} {level:<7} {phrase:<32} {fields}".rstrip()
    return line if exception is None else f"{line}\n{exception}"


def _plain(value: object) -> str:
    text = str(value)
    return text if text and " " not in text and text.isprintable() else repr(text)
