"""A deployment under twice the load that it can take: how much it serves, what the others are told, how soon it is well again.

Used by `tests/functional/faults/test_overload.py` (short) and `benchmarks/bench_overload.py`. Peak and overload are measured
with one client: for the peak its requests wait for each other's answers, under overload they leave on time whether or not
answers come. Beside each stands the share of a core that the replica got: a stranger's work on the machine shows there.
"""

import dataclasses
import math
import os
import statistics
import time
from pathlib import Path
from typing import Any

from zaffre.testing import chaos, open_loop

SCRIPT = """
import json, time
def init(): pass
def run(raw_data):
    number = json.loads(raw_data)["number"]
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    return {"deployment": "blue", "weight": 1, "value": number}
"""
WAIT_MS = 500
CALLERS = 8
_WINDOW_S = 0.5
_MOST_UNDER_WAY = 600
"""Far more than wait at a time on any machine that keeps up; a slow one would run out of descriptors."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Peak:
    """The most that is served in a second, and the share of a core that the replica had meanwhile."""

    rps: float
    core_share: float


def replica(site: chaos.Site) -> int:
    """The process of the one replica."""
    return next(pid for name, pid in site.replicas().items() if not name.startswith("router"))


def serve(site: chaos.Site) -> None:
    """One instance that takes ten at a time, with a model of 5 ms of processor."""
    code = site.upload({"code/score.py": SCRIPT.encode()})
    site.serve(
        code_configuration={"code": f"{code}/code", "scoring_script": "score.py"},
        request_settings={
            "max_concurrent_requests_per_instance": 10,
            "max_queue_wait_ms": WAIT_MS,
            "request_timeout_ms": 5000,
        },
    )


def sustained(site: chaos.Site, *, seconds: float) -> Peak:
    """Eight callers who each wait for their answer: the most it serves."""
    with site.load(math.inf, at_most=CALLERS) as steady:
        steady.await_answers(50)
        began, before, used = time.monotonic(), steady.answered, _used_s(site)
        time.sleep(seconds)
        took_s = time.monotonic() - began
        return Peak((steady.answered - before) / took_s, (_used_s(site) - used) / took_s)


def overload(site: chaos.Site, *, peak: Peak, seconds: float, times: float = 2.0) -> dict[str, Any]:
    """`times` the peak for so long, then half of it until all is well."""
    with site.load(peak.rps / 2, at_most=_MOST_UNDER_WAY) as sender:
        sender.samples = []
        sender.await_answers(int(peak.rps))
        calm = statistics.median(sample.took_s for sample in sender.samples)
        began, used = time.monotonic(), _used_s(site)
        sender.rate = times * peak.rps
        time.sleep(seconds)
        sender.rate = peak.rps / 2
        ended = time.monotonic()
        core_share = (_used_s(site) - used) / (ended - began)
        time.sleep(8)
        samples = list(sender.samples)
    during = [sample for sample in samples if began + 1 <= sample.at < ended - _WINDOW_S]
    after = [sample for sample in samples if sample.at >= ended]
    served = sum(sample.status == 200 for sample in during) / (ended - _WINDOW_S - began - 1)
    refused = sorted(sample.took_s for sample in during if sample.status == 429)
    codes = {sample.status for sample in samples}
    return {
        "peak_rps": round(peak.rps, 1),
        "offered_rps": round(len(during) / (ended - _WINDOW_S - began - 1), 1),
        "served_rps": round(served, 1),
        "served_vs_peak": round(served / peak.rps, 3),
        "replica_core_share_at_peak": round(peak.core_share, 3),
        "replica_core_share": round(core_share, 3),
        "refused": len(refused),
        "refused_p99_ms": round(refused[int(len(refused) * 0.99)] * 1000, 1) if refused else 0,
        "other_codes": sorted(codes - {200, 429}),
        "recovery_s": round(recovery(after, ended, calm), 2),
    }


def recovery(after: list[open_loop.Sample], ended: float, calm_s: float) -> float:
    """Until the last request that was refused, or took more than thrice its time and 50 ms."""
    slow = [
        sample.at - ended for sample in after if sample.status != 200 or sample.took_s > 3 * calm_s + 0.05
    ]
    return max(slow, default=0.0)


def _used_s(site: chaos.Site) -> float:
    """Seconds of processor that the replica's process has had: user's and system's, of all its threads."""
    fields = Path(f"/proc/{replica(site)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
