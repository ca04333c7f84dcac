"""The world's time and fresh ids; tests bring their own."""

from datetime import UTC, datetime
from uuid import uuid4


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    def new(self) -> str:
        return str(uuid4())
