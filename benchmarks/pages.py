"""Pages of an OCPI list: the gateway's own against the same page by way of pydantic models."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from benchmarks import inventory, messages, partner
from benchmarks.gateway import COUNTRY_CODE, PARTY_ID, Gateway, running_gateway
from benchmarks.hot_path import V16, call_all, sample
from benchmarks.http_load import fetch, measure_page
from benchmarks.load import Load, LoadError
from benchmarks.plan import PAGES, Plan
from benchmarks.processes import Server, free_ports, reference_server
from benchmarks.report import GATEWAY, Results

_LOCATIONS, CDRS = 50, 100
_EVSES_PER_LOCATION = 4
_SAMPLES = 6
_SEALED_WITHIN_S = 60.0
_LIMITS = {"page_cdrs": ("cdrs", CDRS), "page_locations": ("locations", _LOCATIONS)}


@dataclass(frozen=True, slots=True)
class Page:
    """Where one server offers one page."""

    server: Server
    port: int
    path: str
    headers: Mapping[str, str]


def run(plan: Plan, results: Results) -> None:
    if not plan.has(*PAGES):
        return
    stored = plan.folder / "stored"
    stored.mkdir()
    with running_gateway(plan.folder / "pages", cores=plan.cores) as gateway:
        provision(gateway)
        registered = partner.register(gateway, port=free_ports(1)[0])
        charge(gateway)
        ours = {subject: gateway_page(gateway, registered, subject) for subject in PAGES}
        for subject, page in ours.items():
            _keep(page, stored, subject)
        log = plan.folder / "pydantic.log"
        with reference_server("pages", str(stored), log=log, cores=plan.cores) as (server, ports):
            theirs = {s: Page(server, ports[0], f"/{_LIMITS[s][0]}", {}) for s in PAGES}
            _measure(plan, results, {GATEWAY: ours, "pydantic": theirs})


def _measure(plan: Plan, results: Results, contenders: Mapping[str, Mapping[str, Page]]) -> None:
    for round_no in range(1, plan.rounds + 1):
        for subject in PAGES:
            if not plan.has(subject):
                continue
            names = list(contenders)
            for name in names if round_no % 2 else reversed(names):
                page = contenders[name][subject]
                page.server.settle()
                measured = measure_page(
                    page.port,
                    page.path,
                    page.headers,
                    cpu_ns=page.server.cpu_ns,
                    warm_up_s=0.2,
                    seconds=plan.page_window_s,
                )
                results.samples.append(sample(subject, name, round_no, measured))
                print(
                    f"  round {round_no}  {subject:<20} {name:<8}"
                    f" {measured.cpu_us_per_message:9.1f} µs {measured.messages_per_s:9,.0f}/s",
                    flush=True,
                )


def _station_ids() -> list[str]:
    return [f"PG-{n:04}" for n in range(_LOCATIONS * _EVSES_PER_LOCATION)]


def provision(gateway: Gateway) -> None:
    """The tariff, and locations with a station at each EVSE."""
    gateway.put(f"tariffs/{inventory.TARIFF_ID}", inventory.tariff(COUNTRY_CODE, PARTY_ID))
    names = _station_ids()
    for number in range(1, _LOCATIONS + 1):
        chosen = names[(number - 1) * _EVSES_PER_LOCATION : number * _EVSES_PER_LOCATION]
        body = inventory.location(COUNTRY_CODE, PARTY_ID, number, chosen)
        gateway.put(f"locations/{body['id']}", body)


def charge(gateway: Gateway) -> None:
    """Run one finished 1.6 transaction on each of a hundred stations, with the eMSP's card."""
    times = messages.timestamps(datetime.now(UTC) - timedelta(hours=5), _SAMPLES + 2)
    with Load(gateway.ocpp) as load:
        stations = load.connect(_station_ids()[:CDRS], V16)
        call_all(load, stations, "BootNotification", lambda _: messages.BOOT_16)
        load.serve_calls()
        start = messages.start_transaction_16(times[0], partner.TOKEN_UID)
        started = call_all(load, stations, "StartTransaction", lambda _: start)
        if refused := [a for a in started.values() if a["idTagInfo"]["status"] != "Accepted"]:
            raise LoadError(f"the eMSP's token was refused: {refused[0]}")
        streams = {s: messages.meter_values_16(s.ids, times[1:], started[s.name]["transactionId"]) for s in stations}
        for _ in range(_SAMPLES):
            load.call_all(stations, lambda s: next(streams[s]), in_flight=50)
        call_all(
            load,
            stations,
            "StopTransaction",
            lambda s: messages.stop_transaction_16(
                times[-1], partner.TOKEN_UID, started[s.name]["transactionId"], _SAMPLES
            ),
        )
        load.close()


def gateway_page(gateway: Gateway, registered: partner.Registered, subject: str) -> Page:
    module, limit = _LIMITS[subject]
    url = urlsplit(registered.endpoints[module, "SENDER"])
    assert url.port is not None
    return Page(gateway.server, url.port, f"{url.path}?offset=0&limit={limit}", registered.headers)


def _keep(page: Page, folder: Path, subject: str) -> None:
    """Wait until the page is full, then keep its objects for the reference to serve."""
    module, limit = _LIMITS[subject]
    found = _wait_for(lambda: orjson.loads(fetch(page.port, page.path, page.headers))["data"], limit, module)
    content = orjson.dumps(found)
    print(f"  page of {limit} {module}: {len(content) / 1_000:,.0f} kB")
    (folder / f"{module}.json").write_bytes(content)


def _wait_for(load_objects: Callable[[], list[object]], count: int, module: str) -> list[object]:
    deadline = time.monotonic() + _SEALED_WITHIN_S
    while len(found := load_objects()) != count:
        if time.monotonic() > deadline:
            raise LoadError(f"the page of {module} holds {len(found)} objects instead of {count}")
        time.sleep(0.25)
    return found
