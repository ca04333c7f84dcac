"""`python -m benchmarks [--rounds 5] [--only NAME] [--quick]`: measure, print a table, write build/bench.json."""

from __future__ import annotations

import argparse
import tempfile
import time
import traceback
from pathlib import Path

import orjson

from benchmarks import connections, delivery, hot_path, many_cdrs, pages, pricing
from benchmarks.plan import SUBJECTS, Plan
from benchmarks.processes import ROOT, Cores, claim_cores, describe_machine, raise_file_limit
from benchmarks.report import Results, render_json, render_tables


def main() -> None:
    options = _parse_arguments()
    cores = claim_cores()
    if cores.is_shared:
        print("only one core is usable: server and load share it, so read the CPU column, not the rates")
    raise_file_limit(0)
    started = time.monotonic()
    results, failed = Results(), list[str]()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        plan = _make_plan(options, Path(folder), cores)
        for title, run in (
            ("messages", hot_path.run),
            ("connections", connections.run),
            ("pages", pages.run),
            ("pricing", pricing.run),
            ("delivery", delivery.run),
            ("many CDRs", many_cdrs.run),
        ):
            print(f"{title} ({time.monotonic() - started:.0f} s)", flush=True)
            try:
                run(plan, results)
            except Exception:
                traceback.print_exc()
                failed.append(title)
    print(f"\n{render_tables(results)}\n")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    report = render_json(results, machine=describe_machine(cores), rounds=plan.rounds)
    target.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    print(f"{target.relative_to(ROOT)} written after {time.monotonic() - started:.0f} s")
    if failed:
        raise SystemExit(f"could not be measured: {', '.join(failed)}")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 5; 1 with --quick)")
    parser.add_argument("--only", action="append", choices=SUBJECTS, help="measure this alone; repeatable")
    parser.add_argument("--quick", action="store_true", help="one short round: a smoke test, not a measurement")
    return parser.parse_args()


def _make_plan(options: argparse.Namespace, folder: Path, cores: Cores) -> Plan:
    rounds = options.rounds or (1 if options.quick else 5)
    if rounds < 1:
        raise SystemExit("--rounds must be at least 1")
    common = Plan(rounds=rounds, folder=folder, cores=cores, subjects=frozenset(options.only or SUBJECTS))
    return common.quick() if options.quick else common


if __name__ == "__main__":
    main()
