"""Requests per second of one single-row scikit-learn model: ours through the whole path, beside other servers.

Servers run on core 0, the load and our Envoy on core 1; a second figure of ours has Envoy on core 0 too. All are started
first and then measured in turn, several rounds; a figure is the median of its rounds. After that, in short, what
serving/variants.py lists: no model, many rows, MLflow, ONNX, a picture. Usage: bench_serving [--rounds N] [--seconds S]
[--only NAME ...] [--variants NAME ...]
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
from benchmarks.serving import contender, load, model, ours, peers, variants

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


VARIANT_ROUNDS, VARIANT_SECONDS = 2, 3
EMPTY = "empty"  # compared with the one model, so measured in the same rounds
VARIANT_NAMES = [variant.name for variant in variants.VARIANTS]

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
        bench = Bench(stack, example, given.only or [])
        entries = [*bench.entries(), *bench.variants([name for name in given.variants if name == EMPTY])]
        bursts = _measure(entries, rounds=given.rounds, seconds=given.seconds)
        beside = list(bench.variants([name for name in given.variants if name != EMPTY]))
        bursts |= _measure(beside, rounds=VARIANT_ROUNDS, seconds=min(VARIANT_SECONDS, given.seconds))
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
    parser.add_argument("--variants", nargs="*", default=VARIANT_NAMES, choices=VARIANT_NAMES)
    return parser.parse_args()


class Bench:
    """Everybody who is measured, started on the servers' core and seen to answer rightly; the stack stops them."""

    def __init__(self, stack: contextlib.ExitStack, example: model.Example, only: list[str]) -> None:
        self._stack = stack
        self._example = example
        self._only = only
        self._ours: system.System | None = None
        self._peers: dict[str, contender.Contender] = {}

    def entries(self) -> Iterator[Entry]:
        """The one model, at everybody."""
        if not self._only or "zaffre" in self._only:
            yield from self._our_entries()
        for peer in peers.PEERS:
            if self._only and peer.name not in self._only:
                continue
            self._peers[peer.name] = found = self._started(peer, peer.name)
            yield Entry(peer.name, found, MANY)
            yield Entry(peer.name, found, ONE)

    def _our_entries(self) -> Iterator[Entry]:
        print("starting zaffre", flush=True)
        pinned = ("taskset", "--cpu-list", str(SERVERS))
        self._ours = self._stack.enter_context(system.System(WORK / "zaffre", prefix=pinned))
        found = ours.deploy(self._ours, self._example)
        found.await_right(lambda: True)
        yield Entry("zaffre", found, MANY, lambda: ours.move_router(found.url, LOAD))
        yield Entry("zaffre", found, ONE, lambda: ours.move_router(found.url, LOAD))
        yield Entry("zaffre_one_core", found, MANY, lambda: ours.move_router(found.url, SERVERS))

    def _started(self, peer: peers.Peer, name: str) -> contender.Contender:
        print(f"starting {name}", flush=True)
        running = peer.start(self._example, WORK / name, SERVERS)
        self._stack.callback(running.process.stop)
        found = variants.fitted_to(name.partition("_")[2], running.contender)
        found.await_right(running.process.is_alive)
        return found

    def variants(self, names: list[str]) -> Iterator[Entry]:
        """What is measured beside it: ours, and who can do the same."""
        for variant in variants.VARIANTS:
            if self._ours is None or variant.name not in names:
                continue
            print(f"deploying {variant.name}", flush=True)
            found = variant.deploy(self._ours, self._example, WORK)
            yield self._variant(f"zaffre_{variant.name}", found, ours_too=True)
            for name, base in self._peers.items():
                same = variant.peer(next(one for one in peers.PEERS if one.name == name), base)
                if same is not None:
                    yield self._variant(f"{name}_{variant.name}", same)
            other = variants.others(variant.name)
            if other is not None and other.name in self._peers:
                name = f"{other.name}_{variant.name}"
                yield self._variant(name, self._started(other, name))

    def _variant(self, name: str, found: contender.Contender, *, ours_too: bool = False) -> Entry:
        found.await_right(lambda: True)
        return Entry(name, found, MANY, (lambda: ours.move_router(found.url, LOAD)) if ours_too else _nothing)


def _nothing() -> None:
    """Peers have no router."""


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
    if f"zaffre_{EMPTY}" in rps and "zaffre" in rps:
        found["vs_empty_model"] = round(rps["zaffre"] / rps[f"zaffre_{EMPTY}"], 2)
    if ("zaffre", ONE) in bursts:
        found["p50_one_connection_ms"] = _summary(bursts["zaffre", ONE])["p50_ms"]
    for variant in VARIANT_NAMES[1:]:
        beside = [
            value
            for name, value in rps.items()
            if name.endswith(f"_{variant}") and name != f"zaffre_{variant}"
        ]
        if beside and f"zaffre_{variant}" in rps:
            found[f"{variant}_vs_best"] = round(rps[f"zaffre_{variant}"] / max(beside), 2)
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
    print(f"{'':18}{'connections':>12}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}")
    for (name, count), of in bursts.items():
        row = _summary(of)
        print(f"{name:18}{count:>12}{row['rps']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}{row['failed']:>8}")


if __name__ == "__main__":
    main()
