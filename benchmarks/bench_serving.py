"""Requests per second of one single-row scikit-learn model: ours through the whole path, beside other servers.

Servers run on core 0, the load and our Envoy on core 1; a second figure of ours has Envoy on core 0 too. All are started
first and then measured in turn, several rounds; a figure is the median of its rounds. Usage: bench_serving [--rounds N]
[--seconds S] [--only NAME ...]
"""

import argparse
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator

from benchmarks import measure, system
from benchmarks.serving import contender, load, model, ours, peers

SERVERS, LOAD = 0, 1  # cores
MANY, ONE = 32, 1  # connections
WORK = system.WORK / "serving"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is measured under one name, and what happens before its turn."""

    name: str
    contender: contender.Contender
    connections: int
    before: Callable[[], None] = lambda: None


Bursts = dict[tuple[str, int], list[load.Figures]]


def main() -> None:
    given = _arguments()
    if os.cpu_count() == 1:
        raise SystemExit("This measurement needs two cores.")
    load.ensure_tool()
    shutil.rmtree(WORK, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the servers are stopped
    with contextlib.ExitStack() as stack:
        example = model.make(WORK / "model")
        entries = list(_entries(stack, example, given.only))
        bursts = _measure(entries, rounds=given.rounds, seconds=given.seconds)
    shutil.rmtree(WORK, ignore_errors=True)
    _show(bursts)
    measure.report(figures(bursts))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_serving")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=int, default=5, help="of one burst at 32 connections; at 1 it is half of it"
    )
    parser.add_argument("--only", nargs="*", help="these servers only; ours is called zaffre")
    return parser.parse_args()


def _entries(stack: contextlib.ExitStack, example: model.Example, only: list[str] | None) -> Iterator[Entry]:
    """Start everybody and see that everybody answers rightly."""
    if not only or "zaffre" in only:
        yield from _our_entries(stack, example)
    for peer in peers.PEERS:
        if only and peer.name not in only:
            continue
        print(f"starting {peer.name}", flush=True)
        running = peer.start(example, WORK / peer.name, SERVERS)
        stack.callback(running.process.stop)
        running.contender.await_right(running.process.is_alive)
        yield Entry(peer.name, running.contender, MANY)
        yield Entry(peer.name, running.contender, ONE)


def _our_entries(stack: contextlib.ExitStack, example: model.Example) -> Iterator[Entry]:
    print("starting zaffre", flush=True)
    pinned = ("taskset", "--cpu-list", str(SERVERS))
    running = stack.enter_context(system.System(WORK / "zaffre", prefix=pinned))
    found = ours.deploy(running, example)
    found.await_right(lambda: True)
    yield Entry("zaffre", found, MANY, lambda: ours.move_router(found.url, LOAD))
    yield Entry("zaffre", found, ONE, lambda: ours.move_router(found.url, LOAD))
    yield Entry("zaffre_one_core", found, MANY, lambda: ours.move_router(found.url, SERVERS))


def _measure(entries: list[Entry], *, rounds: int, seconds: int) -> Bursts:
    bursts: Bursts = {(entry.name, entry.connections): [] for entry in entries}
    for number in range(-1, rounds):  # the first round warms up
        for entry in entries:
            entry.before()
            length = 1 if number < 0 else seconds if entry.connections == MANY else max(1, seconds // 2)
            burst = load.burst(
                entry.contender.target,
                core=LOAD,
                connections=entry.connections,
                seconds=length,
                is_right=entry.contender.is_right,
            )
            if number >= 0:
                bursts[entry.name, entry.connections].append(burst)
                print(
                    f"round {number + 1}: {entry.name:16}{entry.connections:3} {burst.rps:9.0f} rps",
                    flush=True,
                )
    return bursts


def figures(bursts: Bursts) -> dict[str, object]:
    """The last line. Ratios compare medians at 32 connections; `failed` counts ours, the peers' stand beside theirs."""
    found: dict[str, object] = {}
    rps = {
        name: measure.median(one.rps for one in of) for (name, count), of in bursts.items() if count == MANY
    }
    packaged = [rps[peer.name] for peer in peers.PEERS if peer.packaged and peer.name in rps]
    for ours_name, prefix in (("zaffre", ""), ("zaffre_one_core", "one_core_")):
        if ours_name in rps and packaged:
            found[f"{prefix}vs_best_packaged"] = round(rps[ours_name] / max(packaged), 2)
        if ours_name in rps and "fastapi" in rps:
            found[f"{prefix}vs_fastapi"] = round(rps[ours_name] / rps["fastapi"], 2)
    found["failed"] = sum(
        one.failed for (name, _), of in bursts.items() for one in of if name.startswith("zaffre")
    )
    for (name, count), of in bursts.items():
        found[f"{name}_{count}"] = _summary(of)
    return found


def _summary(bursts: list[load.Figures]) -> dict[str, object]:
    return {
        "rps": round(measure.median(one.rps for one in bursts)),
        "p50_ms": round(measure.median(one.p50_ms for one in bursts), 3),
        "p99_ms": round(measure.median(one.p99_ms for one in bursts), 3),
        "failed": sum(one.failed for one in bursts),
    }


def _show(bursts: Bursts) -> None:
    print(f"{'':17}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    for (name, count), of in bursts.items():
        row = _summary(of)
        print(f"{name:17}{count:>12}{row['rps']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}{row['failed']:>8}")


if __name__ == "__main__":
    main()
