"""Connections: what one costs while it rests, and what it costs to accept one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import messages
from benchmarks.gateway import issue_certificate, running_gateway
from benchmarks.hot_path import V16, call_all
from benchmarks.load import Load, Station, Target
from benchmarks.plan import ACCEPTS, IDLE, IDLE_TLS, Plan
from benchmarks.processes import Server, raise_file_limit, reference_server
from benchmarks.report import GATEWAY, Results, Sample

_SPARE_FILES = 500
_REHEARSAL = 200


@dataclass(frozen=True, slots=True)
class _Listener:
    name: str
    server: Server
    plain: Target
    tls: Target


def run(plan: Plan, results: Results) -> None:
    if plan.has(ACCEPTS):
        with _gateway(plan.folder / "accepts", plan) as ours, _bare(plan.folder, plan) as bare:
            _measure_accepts(plan, results, (ours, bare))
    for subject, wanted in ((IDLE, plan.idle), (IDLE_TLS, plan.idle_tls)):
        if plan.has(subject):
            count = raise_file_limit(wanted + _SPARE_FILES) - _SPARE_FILES
            with _gateway(plan.folder / subject, plan) as listener:
                results.memory_kib[subject] = _measure_idle(listener, subject, count)
            if plan.is_thorough:
                with _bare(plan.folder, plan) as listener:
                    results.bare_kib[subject] = _measure_idle(listener, subject, count)


@contextmanager
def _gateway(folder: Path, plan: Plan) -> Iterator[_Listener]:
    with running_gateway(folder, cores=plan.cores) as gateway:
        yield _Listener(GATEWAY, gateway.server, gateway.ocpp, gateway.ocpp_tls)


@contextmanager
def _bare(folder: Path, plan: Plan) -> Iterator[_Listener]:
    issued = issue_certificate(folder)
    arguments = ("--certificate", str(issued.certificate), "--key", str(issued.key))
    with reference_server("echo", *arguments, log=folder / "bare.log", cores=plan.cores) as (server, ports):
        plain, tls = ports
        yield _Listener("bare", server, Target(plain), Target(tls, tls=issued.trust))


def _measure_accepts(plan: Plan, results: Results, listeners: Sequence[_Listener]) -> None:
    """Measure the return of known stations, as after a power cut; what follows an accept is counted too."""
    names = [f"AC-{n:05}" for n in range(plan.accepts)]
    for listener in listeners:
        with Load(listener.plain) as load:
            _boot(load, load.connect(names, V16))
            load.close()
    for round_no in range(1, plan.rounds + 1):
        for listener in listeners if round_no % 2 else reversed(listeners):
            listener.server.settle()
            with Load(listener.plain) as load:
                results.samples.append(_accept(load, names, listener, round_no))
                load.close()


def _accept(load: Load, names: Sequence[str], listener: _Listener, round_no: int) -> Sample:
    cpu, started = listener.server.cpu_ns(), time.perf_counter()
    load.connect(names, V16)
    wall_s = time.perf_counter() - started
    listener.server.settle()
    cpu = listener.server.cpu_ns() - cpu
    found = Sample(
        subject=ACCEPTS,
        server=listener.name,
        round_no=round_no,
        cpu_us=cpu / 1_000 / len(names),
        per_s=len(names) / wall_s,
    )
    print(
        f"  round {round_no}  {ACCEPTS:<20} {listener.name:<8} {found.cpu_us:9.1f} µs {found.per_s:9,.0f}/s", flush=True
    )
    return found


def _measure_idle(listener: _Listener, subject: str, count: int) -> float:
    """Return KiB of resident memory per connection that has booted and rests."""
    target = listener.tls if subject == IDLE_TLS else listener.plain
    with Load(target) as load:  # what is loaded and allocated once is not the connections' share
        _boot(load, load.connect([f"RH-{n:05}" for n in range(_REHEARSAL)], V16))
        load.close()
    listener.server.settle()
    before = listener.server.resident_kib()
    with Load(target) as load:
        started = time.perf_counter()
        stations = load.connect([f"ID-{n:05}" for n in range(count)], V16)
        rate = count / (time.perf_counter() - started)
        _boot(load, stations)
        listener.server.settle()
        load.serve_calls()
        found = (listener.server.resident_kib() - before) / count
    print(
        f"  {subject:<29} {listener.name:<8} {found:9.1f} KiB {rate:8,.0f}/s accepted, {count} connections", flush=True
    )
    return found


def _boot(load: Load, stations: Sequence[Station]) -> None:
    call_all(load, stations, "BootNotification", lambda _: messages.BOOT_16)
    load.serve_calls()
