"""Messages of stations: the gateway, the `ocpp` package and a bare echo take turns in every round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4

from benchmarks import inventory, messages
from benchmarks.gateway import COUNTRY_CODE, PARTY_ID, Gateway, running_gateway
from benchmarks.load import Load, LoadError, Measured, Station, Target
from benchmarks.messages import Call
from benchmarks.plan import MESSAGES_16, MESSAGES_201, Plan
from benchmarks.processes import Server, reference_server
from benchmarks.report import GATEWAY, Results, Sample

V16, V201 = "ocpp1.6", "ocpp2.0.1"
TOKEN_UID = "04A1B2C3D4E580"
Measure = Callable[[str, dict[Station, Iterator[Call]]], None]

_METERED = ("meter_values", "transaction_event")
_PAST = timedelta(days=3)
_EVSES_PER_LOCATION = 4


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    server: Server
    target: Target
    gateway: Gateway | None = None


def run(plan: Plan, results: Results) -> None:
    versions = [version for version, subjects in ((V16, MESSAGES_16), (V201, MESSAGES_201)) if plan.has(*subjects)]
    if not versions:
        return
    with ExitStack() as stack:
        gateway = stack.enter_context(running_gateway(plan.folder / "hot-path", cores=plan.cores))
        contenders = [Contender(GATEWAY, gateway.server, gateway.ocpp, gateway)]
        for name, module in (("ocpp", "ocpp_package"), ("echo", "echo")):
            log = plan.folder / f"{name}.log"
            server, ports = stack.enter_context(reference_server(module, log=log, cores=plan.cores))
            contenders.append(Contender(name, server, Target(ports[0])))
        _provision(plan, gateway, versions)
        for round_no in range(1, plan.rounds + 1):
            for version in versions:
                for contender in in_turn(contenders, round_no):
                    _visit(plan, results, contender, version, round_no)


def station_names(version: str, round_no: int, count: int) -> list[str]:
    """Stations are new in every round, so that each round begins in the same state."""
    return [f"HP-{version.removeprefix('ocpp')}-{round_no}-{n:04}" for n in range(count)]


def _provision(plan: Plan, gateway: Gateway, versions: Sequence[str]) -> None:
    gateway.put(f"tokens/{TOKEN_UID}", {"status": "accepted"})
    gateway.put(f"tariffs/{inventory.TARIFF_ID}", inventory.tariff(COUNTRY_CODE, PARTY_ID))
    stations = [
        name
        for version in versions
        for round_no in range(1, plan.rounds + 1)
        for name in station_names(version, round_no, plan.connections)
    ]
    for number, start in enumerate(range(0, len(stations), _EVSES_PER_LOCATION), start=1):
        chosen = stations[start : start + _EVSES_PER_LOCATION]
        body = inventory.location(COUNTRY_CODE, PARTY_ID, number, chosen)
        gateway.put(f"locations/{body['id']}", body)


def in_turn(contenders: Sequence[Contender], round_no: int) -> Sequence[Contender]:
    """Another order in every round, so that none always follows the same neighbour."""
    orders = list(permutations(contenders))
    return orders[(round_no - 1) % len(orders)]


def _visit(plan: Plan, results: Results, contender: Contender, version: str, round_no: int) -> None:
    """Connect all stations to one server, measure each message on them, and leave."""
    contender.server.settle()
    with Load(contender.target) as load:
        stations = load.connect(station_names(version, round_no, plan.connections), version)
        boot = messages.BOOT_16 if version == V16 else messages.BOOT_201
        answers = call_all(load, stations, "BootNotification", lambda _: boot)
        if not all(answer["status"] == "Accepted" for answer in answers.values()):
            raise LoadError(f"{contender.name} did not accept all stations")
        load.serve_calls()

        def measure(subject: str, streams: dict[Station, Iterator[Call]]) -> None:
            contender.server.settle()
            witness = next(iter(streams))
            used = _ids_used(witness)
            measured = load.closed_loop(
                streams, cpu_ns=contender.server.cpu_ns, warm_up_s=plan.warm_up_s, seconds=plan.window_s
            )
            results.samples.append(sample(subject, contender.name, round_no, measured))
            if contender.gateway and subject in _METERED:
                _check_energy(contender.gateway, witness, _ids_used(witness) - used - 1)
            _tell(results.samples[-1])

        times = messages.timestamps(datetime.now(UTC) - _PAST, count=4_000)
        if version == V16:
            _measure_16(plan, load, stations, times, measure)
        else:
            _measure_201(plan, load, stations, times, measure)
        load.close()


def _measure_16(plan: Plan, load: Load, stations: Sequence[Station], times: Sequence[bytes], measure: Measure) -> None:
    idle: dict[str, Callable[[Station], Iterator[Call]]] = {
        "heartbeat": lambda s: messages.heartbeats(s.ids),
        "status_notification": lambda s: messages.changing_statuses_16(s.ids, times),
        "status_unchanged": lambda s: messages.unchanged_statuses_16(s.ids, times),
    }
    for subject, stream in idle.items():
        if plan.has(subject):
            measure(subject, {station: stream(station) for station in stations})
    if plan.has("meter_values"):
        start = messages.start_transaction_16(times[0], TOKEN_UID)
        answers = call_all(load, stations, "StartTransaction", lambda _: start)
        if refused := [a for a in answers.values() if a["idTagInfo"]["status"] != "Accepted"]:
            raise LoadError(f"StartTransaction was refused: {refused[0]}")
        measure(
            "meter_values",
            {s: messages.meter_values_16(s.ids, times[1:], answers[s.name]["transactionId"]) for s in stations},
        )


def _measure_201(plan: Plan, load: Load, stations: Sequence[Station], times: Sequence[bytes], measure: Measure) -> None:
    if plan.has("transaction_event"):
        ids = {station: str(uuid4()) for station in stations}
        call_all(
            load,
            stations,
            "TransactionEvent",
            lambda station: messages.started_201(times[0], ids[station], TOKEN_UID),
        )
        measure("transaction_event", {s: messages.updates_201(s.ids, times[1:], ids[s]) for s in stations})


def _ids_used(station: Station) -> int:
    """How many message ids a station has used; taking the number uses one more."""
    return int(next(station.ids)[-12:], 16)


def _check_energy(gateway: Gateway, station: Station, samples: int) -> None:
    """An answer is worth nothing unless what it acknowledged is in the books."""
    sessions = gateway.get(f"sessions?station_id={station.name}")
    booked = [session["energy_wh"] for session in sessions]
    if booked != [samples * messages.ENERGY_PER_SAMPLE_WH]:
        raise LoadError(f"{station.name}: {samples} samples were acknowledged, but the books say {booked} Wh")


def call_all(
    load: Load, stations: Sequence[Station], action: str, payload: Callable[[Station], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Send the same action from all stations, 50 at a time; return the answers by station name."""
    return load.call_all(
        stations, lambda station: messages.call(next(station.ids), action, payload(station)), in_flight=50
    )


def sample(subject: str, server: str, round_no: int, measured: Measured) -> Sample:
    return Sample(
        subject=subject,
        server=server,
        round_no=round_no,
        cpu_us=measured.cpu_us_per_message,
        per_s=measured.messages_per_s,
        p50_ms=measured.p50_ms,
        p99_ms=measured.p99_ms,
        busy=measured.busy,
    )


def _tell(sample: Sample) -> None:
    print(
        f"  round {sample.round_no}  {sample.subject:<20} {sample.server:<8}"
        f" {sample.cpu_us:9.1f} µs {sample.per_s:9,.0f}/s",
        flush=True,
    )
