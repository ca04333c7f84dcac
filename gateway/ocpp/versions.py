"""The versions spoken here, newest first.  A new one is one folder and one line."""

from typing import Final

from gateway.ocpp.v16.version import VERSION as V16
from gateway.ocpp.v201.version import VERSION as V201
from gateway.ocpp.version import Version

VERSIONS: Final[tuple[Version, ...]] = (V201, V16)
SUBPROTOCOLS: Final = ", ".join(version.subprotocol for version in VERSIONS)


def find_version(name: str) -> Version | None:
    """The version by its number as in `ocpp_version` settings."""
    return next((version for version in VERSIONS if version.name == name), None)


def choose_version(offered: tuple[str, ...], pinned: Version | None, fallback: Version | None) -> Version | None:
    """The version to speak, None if there is no mutual one.

    The station lists its subprotocols, the choice is ours: the newest, or the one pinned for the station.  If it offers
    none at all, the pinned version or the fallback is assumed.
    """
    if not offered:
        return pinned or fallback
    candidates = VERSIONS if pinned is None else (pinned,)
    return next((version for version in candidates if version.subprotocol in offered), None)
