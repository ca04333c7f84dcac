"""The word with systemd: ready, stopping.  Silent where systemd is not."""

import os
import socket


def notify(state: str) -> None:
    """Send `state` ("READY=1", "STOPPING=1") to the service manager, if one listens (sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(state.encode(), address)
