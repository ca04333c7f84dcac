"""What ends the demo before its end."""


class DemoError(Exception):
    """The demo cannot go on; the text says what, where and what to do."""
