"""One process per data directory."""

import fcntl
import os
from pathlib import Path

from gateway.errors import SettingsError

LOCK_NAME = "gateway.lock"


class DirectoryLock:
    """Holds `gateway.lock` in a directory until closed or until the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.  Raises SettingsError where another process holds it, naming its pid."""
        self._path = directory / LOCK_NAME
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise SettingsError(
                f"data_dir {directory} is in use by another gateway (pid {holder}). "
                "Stop it, or give this one a data_dir of its own."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
