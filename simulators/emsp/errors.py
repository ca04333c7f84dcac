"""Why the simulator could not go on; a finding, in contrast, is something it read and judged."""

from __future__ import annotations


class EmspError(Exception):
    """Something the user must mend: what went wrong, where, and what to do about it."""

    def __init__(self, what: str, where: str, todo: str) -> None:
        super().__init__(f"{what} ({where}). {todo}")
        self.what = what
        self.where = where
        self.todo = todo


class PeerUnreachableError(EmspError):
    """No HTTP answer came: refused connection, name not found, TLS failure, time-out."""


class PeerRefusedError(EmspError):
    """The CPO answered, but with an error; `http_status` and `status_code` (OCPI, None if unreadable) say which."""

    def __init__(self, what: str, where: str, todo: str, *, http_status: int, status_code: int | None) -> None:
        super().__init__(what, where, todo)
        self.http_status = http_status
        self.status_code = status_code


class NotRegisteredError(EmspError):
    """A request needs the handshake first, or an endpoint that the CPO does not offer."""
