"""What may stand in a log of what must not."""


def mask_uid(uid: str) -> str:
    """A token uid fit for a log: enough to recognise, too little to use."""
    return f"{uid[:2]}…{uid[-2:]}" if len(uid) > 6 else "…"
