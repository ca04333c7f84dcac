"""What the edges may know of the rules of visibility."""

from gateway.core.visibility import find_view

__all__ = ["find_view"]
