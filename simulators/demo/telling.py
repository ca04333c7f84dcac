"""The demo's only way to speak."""


def tell(who: str, line: str) -> None:
    """One line of the story."""
    print(f"{who:<9} {line}", flush=True)
