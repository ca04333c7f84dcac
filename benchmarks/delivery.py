"""Telling partners: how long a change takes to all of them, and whether one that is down delays the others.

The time of a delivery is from the moment of its commit, which the writer stamps on the object (`last_updated`, cut to
milliseconds, so that up to one is added), to the arrival of the whole request at the partner, by the same clock.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import orjson

from benchmarks import inventory, messages, partner
from benchmarks.gateway import COUNTRY_CODE, PARTY_ID, Gateway, running_gateway
from benchmarks.hot_path import V16, call_all
from benchmarks.load import Load, LoadError, Station
from benchmarks.messages import Call
from benchmarks.plan import DELIVERY, PARTNER_DOWN, Plan
from benchmarks.processes import free_ports
from benchmarks.receivers import Pushed, Receivers
from benchmarks.report import GATEWAY, Results, Sample

RATIO = f"{DELIVERY}.partner_down_p99"
CHANGES_PER_S, PARTNERS = 20, 20
STATIONS = 80  # each in its turn every four seconds: a plug that changes every other second is told of more rarely
UPDATES_PER_S, SESSION_PARTNERS, SESSIONS_EACH = 300, 10, 10
DOWN_ROUNDS = 3
BLOCK = 500
_EVSES_PER_LOCATION = 4
_AFTER_HANDSHAKE_S = 1.5
_TOLD_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class _Town:
    """A gateway, its partners and the platforms they are served on, in the same order."""

    gateway: Gateway
    emsps: Sequence[partner.Emsp]
    partners: Sequence[partner.Registered]
    ports: Sequence[int]
    receivers: Receivers

    def take(self, *, without: int | None = None) -> list[Pushed]:
        """What came to all partners, or to all but one, since the last time."""
        taken = {number: self.receivers.take(port) for number, port in enumerate(self.ports)}
        return [one for number, pushed in taken.items() if number != without for one in pushed]


def run(plan: Plan, results: Results) -> None:
    if plan.has(DELIVERY):
        with _town(plan, "delivery", PARTNERS, STATIONS, ("locations",)) as town:
            _measure_changes(plan, results, town)
    if plan.has(PARTNER_DOWN):
        count = SESSION_PARTNERS * SESSIONS_EACH
        with _town(plan, "partner-down", SESSION_PARTNERS, count, ("sessions",)) as town:
            _measure_partner_down(plan, results, town)


@contextmanager
def _town(plan: Plan, name: str, partners: int, stations: int, receives: tuple[str, ...]) -> Iterator[_Town]:
    ports = free_ports(partners)
    emsps = [
        partner.Emsp(party_id=f"E{n:02}", name=f"Fahrstrom {n}", token_uid=f"04D7E8F9A0C1{n:02}", receives=receives)
        for n in range(partners)
    ]
    pages = {port: partner.describe_platform(emsp, port) for port, emsp in zip(ports, emsps, strict=True)}
    # Progress is told at once, not once a minute: every update of a session is a delivery.
    settings = {"session_push_interval_s": 0}
    with (
        running_gateway(plan.folder / name, cores=plan.cores, settings=settings) as gateway,
        Receivers(pages) as receivers,
    ):
        gateway.put(f"tariffs/{inventory.TARIFF_ID}", inventory.tariff(COUNTRY_CODE, PARTY_ID))
        names = _station_names(stations)
        for number, start in enumerate(range(0, stations, _EVSES_PER_LOCATION), start=1):
            body = inventory.location(COUNTRY_CODE, PARTY_ID, number, names[start : start + _EVSES_PER_LOCATION])
            gateway.put(f"locations/{body['id']}", body)
        registered = [partner.introduce(gateway, emsp, port=port) for port, emsp in zip(ports, emsps, strict=True)]
        time.sleep(_AFTER_HANDSHAKE_S)
        receivers.await_quiet()
        yield _Town(gateway, emsps, registered, ports, receivers)


def _station_names(count: int) -> list[str]:
    return [f"DL-{n:04}" for n in range(count)]


# --- changes to all ---------------------------------------------------------------------------------------------------


def _measure_changes(plan: Plan, results: Results, town: _Town) -> None:
    """Statuses that change, 20 in a second, each told to 20 partners."""
    server = town.gateway.server
    with Load(town.gateway.ocpp) as load:
        stations = load.connect(_station_names(STATIONS), V16)
        call_all(load, stations, "BootNotification", lambda _: messages.BOOT_16)
        load.serve_calls()
        turns = _turns(_far_apart(stations))
        for round_no in range(plan.rounds + 1):
            count = int(CHANGES_PER_S * plan.delivery_window_s) if round_no else STATIONS
            town.receivers.await_quiet()
            town.take()
            server.settle()
            cpu, started = server.cpu_ns(), time.perf_counter()
            load.send_paced(itertools.islice(turns, count), per_s=CHANGES_PER_S)
            _await_count(town, count * PARTNERS)
            wall_s, cpu = time.perf_counter() - started, server.cpu_ns() - cpu
            if round_no:  # before the first round all connections are made, and what is loaded once is loaded
                pushed = town.take()
                results.samples.append(_sample(DELIVERY, GATEWAY, round_no, pushed, cpu, wall_s))
        load.close()
    mine = [sample for sample in results.samples if sample.subject == DELIVERY]
    results.figures[f"{DELIVERY}.p50_ms"] = median(sample.p50_ms or 0 for sample in mine)
    results.figures[f"{DELIVERY}.p99_ms"] = median(sample.p99_ms or 0 for sample in mine)
    results.figures[f"{DELIVERY}.cpu_us"] = median(sample.cpu_us for sample in mine)


def _far_apart(stations: Sequence[Station]) -> list[Station]:
    """Another location in every turn."""
    numbered = sorted(enumerate(stations), key=lambda one: one[0] % _EVSES_PER_LOCATION)
    return [station for _, station in numbered]


def _turns(stations: Sequence[Station]) -> Iterator[tuple[Station, Call]]:
    times = messages.timestamps(datetime.now(UTC) - timedelta(days=3), count=4_000)
    streams = [(station, messages.changing_statuses_16(station.ids, times)) for station in stations]
    return ((station, next(stream)) for station, stream in itertools.cycle(streams))


def _await_count(town: _Town, expected: int) -> None:
    """Every change must come to every partner: none stands for two."""
    deadline = time.monotonic() + _TOLD_WITHIN_S
    while (found := town.receivers.count()) < expected:
        if time.monotonic() > deadline:
            raise LoadError(f"{found} deliveries came instead of {expected}")
        time.sleep(0.01)


# --- one partner that is down -----------------------------------------------------------------------------------------


def _measure_partner_down(plan: Plan, results: Results, town: _Town) -> None:
    """Updates of the sessions of ten partners, in turns with all of them there and with the first one down."""
    with Load(town.gateway.ocpp) as load:
        streams = _begin_sessions(load, town)
        turns = ((station, next(stream)) for station, stream in itertools.cycle(streams.items()))
        load.send_paced(itertools.islice(turns, len(streams)), per_s=UPDATES_PER_S)
        p99: dict[bool, list[float]] = {False: [], True: []}
        for round_no in range(1, min(plan.rounds, DOWN_ROUNDS) + 1):
            for is_down in (False, True) if round_no % 2 else (True, False):
                pushed, found = _send_updates(load, town, turns, plan.updates, round_no, is_down=is_down)
                results.samples.append(found)
                p99[is_down] += _p99_of_blocks(pushed)
        load.close()
    # What else runs on the machine strikes a part of a run, at random: one p99 of the whole would tell of nothing else.
    results.others[RATIO] = median(p99[True]) / median(p99[False])


def _p99_of_blocks(pushed: Sequence[Pushed]) -> list[float]:
    """The p99 of every so many deliveries, in the order in which they came."""
    waits_ms = [_waited_ms(one) for one in sorted(pushed, key=lambda one: one.at_ns)]
    blocks = [sorted(waits_ms[start : start + BLOCK]) for start in range(0, len(waits_ms) - BLOCK + 1, BLOCK)]
    return [block[BLOCK * 99 // 100] for block in blocks]


def _begin_sessions(load: Load, town: _Town) -> dict[Station, Iterator[Call]]:
    """Every partner's driver charges at ten stations; neighbours are of different partners."""
    stations = load.connect(_station_names(SESSION_PARTNERS * SESSIONS_EACH), V16)
    call_all(load, stations, "BootNotification", lambda _: messages.BOOT_16)
    load.serve_calls()
    times = messages.timestamps(datetime.now(UTC) - timedelta(days=3), count=4_000)
    uids = dict(zip(stations, itertools.cycle(emsp.token_uid for emsp in town.emsps), strict=False))
    started = call_all(
        load, stations, "StartTransaction", lambda station: messages.start_transaction_16(times[0], uids[station])
    )
    if refused := [a for a in started.values() if a["idTagInfo"]["status"] != "Accepted"]:
        raise LoadError(f"a token was refused: {refused[0]}")
    return {s: messages.meter_values_16(s.ids, times[1:], started[s.name]["transactionId"]) for s in stations}


def _send_updates(
    load: Load, town: _Town, turns: Iterator[tuple[Station, Call]], count: int, round_no: int, *, is_down: bool
) -> tuple[list[Pushed], Sample]:
    """The deliveries to all partners but the first while `count` updates are sent."""
    receivers, server = town.receivers, town.gateway.server
    receivers.await_quiet()
    town.take()
    if is_down:
        receivers.shut(town.ports[0])
    server.settle()
    cpu, started = server.cpu_ns(), time.perf_counter()
    load.send_paced(itertools.islice(turns, count), per_s=UPDATES_PER_S)
    cpu, wall_s = server.cpu_ns() - cpu, time.perf_counter() - started
    receivers.await_quiet()
    others = town.take(without=0)
    found = _sample(PARTNER_DOWN, "one down" if is_down else "all there", round_no, others, cpu, wall_s)
    if is_down:
        receivers.open(town.ports[0])
        _check_return(town, others)
    return others, found


def _check_return(town: _Town, others: Sequence[Pushed]) -> None:
    """It gets the present of each of its sessions once, as far on as those of the others are."""
    waiting = town.gateway.get(f"partners/{town.partners[0].partner_id}/deliveries")["queued"]
    if len(waiting) != SESSIONS_EACH:
        raise LoadError(f"{len(waiting)} deliveries waited for {SESSIONS_EACH} sessions")
    town.gateway.post(f"partners/{town.partners[0].partner_id}/deliveries/{waiting[0]['no']}/retry", {})
    town.receivers.await_quiet()
    told = town.receivers.take(town.ports[0])
    sessions = {pushed.path for pushed in told}
    if not len(told) == len(sessions) == SESSIONS_EACH:
        raise LoadError(f"after its return {len(told)} requests for {len(sessions)} of {SESSIONS_EACH} sessions came")
    expected = {_read_energy(pushed) for pushed in others[-1:]}
    if {_read_energy(pushed) for pushed in told} != expected:
        raise LoadError(f"after its return it was told {told}, but the others had {expected} kWh at last")


def _read_energy(pushed: Pushed) -> float:
    return float(orjson.loads(pushed.body)["kwh"])


# --- figures ----------------------------------------------------------------------------------------------------------


def _sample(subject: str, server: str, round_no: int, pushed: Sequence[Pushed], cpu_ns: int, wall_s: float) -> Sample:
    waits_ms = sorted(_waited_ms(one) for one in pushed)
    found = Sample(
        subject=subject,
        server=server,
        round_no=round_no,
        cpu_us=cpu_ns / 1_000 / len(pushed),
        per_s=len(pushed) / wall_s,
        p50_ms=waits_ms[len(waits_ms) // 2],
        p99_ms=waits_ms[len(waits_ms) * 99 // 100],
        busy=cpu_ns / 1e9 / wall_s,
    )
    print(
        f"  round {round_no}  {subject:<20} {server:<9} {found.cpu_us:8.1f} µs {found.per_s:9,.0f}/s"
        f"  p50 {found.p50_ms:.1f} ms  p99 {found.p99_ms:.1f} ms  busy {found.busy:.0%}",
        flush=True,
    )
    return found


def _waited_ms(pushed: Pushed) -> float:
    told: Mapping[str, str] = orjson.loads(pushed.body)
    return pushed.at_ns / 1e6 - datetime.fromisoformat(told["last_updated"]).timestamp() * 1_000
