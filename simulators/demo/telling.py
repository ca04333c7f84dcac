"""The demo's only way to speak."""

from simulators.terminal import tell_line


def tell(who: str, line: str) -> None:
    """One line of the story."""
    tell_line(f"{who:<9} {line}")
