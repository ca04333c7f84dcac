"""The gateway as its users run it: `python -m gateway run`, SQLite in a folder of its own, defaults otherwise."""

from __future__ import annotations

import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import trustme

from benchmarks.load import Target
from benchmarks.processes import Cores, Server, ServerError, free_ports, start_server

COUNTRY_CODE, PARTY_ID = "NL", "VWK"
_CONSOLE_TOKEN = "benchmark-console-token"
_START_TIMEOUT_S = 60.0
_QUESTIONS_WITHIN_S = 2.5  # it leaves a booted station alone for two seconds


@dataclass(frozen=True, slots=True)
class Certificate:
    """An EC certificate for localhost, as files for servers and a context for clients."""

    certificate: Path
    key: Path
    trust: ssl.SSLContext


def issue_certificate(folder: Path) -> Certificate:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    files = Certificate(folder / "server.pem", folder / "server.key", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(files.key))
    authority.configure_trust(files.trust)
    return files


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway and its doors."""

    server: Server
    ocpp: Target
    ocpp_tls: Target
    ocpi_url: str
    console_url: str

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT to the operator's API; return its JSON answer."""
        return self._request("PUT", path, body)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._request("POST", path, body)

    def get(self, path: str) -> Any:
        return self._request("GET", path, None)

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            f"{self.console_url}/api/v1/{path}",
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={"Authorization": f"Bearer {_CONSOLE_TOKEN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise ServerError(f"{method} {path}: HTTP {error.code}: {said}") from None
        return orjson.loads(content) if content else None


@contextmanager
def running_gateway(
    folder: Path, *, cores: Cores, settings: Mapping[str, float] | None = None, parties: Sequence[str] = (PARTY_ID,)
) -> Iterator[Gateway]:
    """Start a gateway on the store in `folder`, made if it is not there; it accepts unknown stations.

    `settings` are further ones of the section `ocpi`; `parties` are those the gateway speaks for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_ports(4)
    certificate = issue_certificate(folder)
    config = folder / "config.toml"
    config.write_text(_render_config(folder / "data", ports, certificate, settings or {}, parties))
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    server = start_server("gateway", command, log=folder / "gateway.log", cores=cores)
    ocpp, tls, ocpi, console = ports
    try:
        gateway = Gateway(
            server=server,
            ocpp=Target(ocpp, questions_within_s=_QUESTIONS_WITHIN_S),
            ocpp_tls=Target(tls, tls=certificate.trust, questions_within_s=_QUESTIONS_WITHIN_S),
            ocpi_url=f"http://127.0.0.1:{ocpi}",
            console_url=f"http://127.0.0.1:{console}",
        )
        _wait_until_healthy(gateway)
        yield gateway
    except Exception:
        print(f"the last words of the gateway:\n{server.tail()}")
        raise
    finally:
        server.stop()


def _render_config(
    data_dir: Path,
    ports: list[int],
    certificate: Certificate,
    settings: Mapping[str, float],
    parties: Sequence[str],
) -> str:
    ocpp, tls, ocpi, console = ports
    more = "\n".join(f"{name} = {value}" for name, value in settings.items())
    spoken_for = "\n".join(
        f'[[ocpi.parties]]\ncountry_code = "{COUNTRY_CODE}"\nparty_id = "{party}"\nname = "Voltwerk"'
        for party in parties
    )
    return f"""\
data_dir = "{data_dir}"
[ocpp]
listen = "127.0.0.1:{ocpp}"
unknown_stations = "accept"
[ocpp.tls]
listen = "127.0.0.1:{tls}"
certificate = "{certificate.certificate}"
key = "{certificate.key}"
[ocpi]
listen = "127.0.0.1:{ocpi}"
public_url = "http://127.0.0.1:{ocpi}"
allow_insecure_partners = true
{more}
{spoken_for}
[console]
listen = "127.0.0.1:{console}"
token = "{_CONSOLE_TOKEN}"
"""


def _wait_until_healthy(gateway: Gateway) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    reason: Exception | None = None
    while time.monotonic() < deadline:
        gateway.server.check()
        try:
            gateway.get("health")
        except (OSError, ServerError) as error:
            reason = error
            time.sleep(0.05)
        else:
            return
    raise ServerError(f"the gateway was not healthy within {_START_TIMEOUT_S:.0f} s: {reason}")
