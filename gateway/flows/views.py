"""What the edges may know of the rules of visibility."""

from gateway.core.visibility import find_view, may_use

__all__ = ["find_view", "may_use"]
