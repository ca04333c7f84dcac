"""Loggers for libraries: what came wrong from outside is one line, for it is no failure of ours."""

import logging


class _OneLine(logging.Filter):
    def __init__(self, phrase: str, faults: tuple[type[Exception], ...]) -> None:
        super().__init__()
        self._phrase = phrase
        self._faults = faults

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        if isinstance(fault, self._faults):
            # Only the kind of fault: its text may repeat a URL, and a token's uid may be in that.
            record.msg, record.args, record.exc_info = f"{self._phrase}: {type(fault).__name__}", (), None
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


def foreign_logger(name: str, phrase: str, *faults: type[Exception]) -> logging.Logger:
    """A logger that tells of `faults` in one line beginning with `phrase`, without a traceback."""
    logger = logging.getLogger(name)
    logger.filters = [_OneLine(phrase, faults)]
    return logger
