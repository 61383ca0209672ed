"""A deployment under twice the load that it can take: how much it serves, what the others are told, how soon it is well again.

Used by `tests/functional/faults/test_overload.py` (short) and `benchmarks/bench_overload.py`. The load is open loop: requests
leave on time whether or not answers come.
"""

import statistics
import time
from typing import Any

from zaffre.testing import chaos, load, open_loop

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
_WINDOW_S = 0.5


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


def sustained(site: chaos.Site, *, seconds: float) -> float:
    """Requests per second with eight callers who each wait for their answer: the most it serves."""
    with site.load() as template:
        headers = dict(template.headers)
    url = f"{site.server.facts()['scoring_url']}/default/churn/score"
    with load.Load(url, headers=headers, body=b'{"number": 1}', connections=8) as steady:
        steady.await_answers(50)
        began, before = time.monotonic(), len(steady.answers)
        time.sleep(seconds)
        return (len(steady.answers) - before) / (time.monotonic() - began)


def overload(site: chaos.Site, *, peak: float, seconds: float, times: float = 2.0) -> dict[str, Any]:
    """`times` the peak for so long, then half of it until all is well."""
    with site.load(peak / 2) as sender:
        sender.samples = []
        sender.await_answers(int(peak))
        calm = statistics.median(sample.took_s for sample in sender.samples)
        began = time.monotonic()
        sender.rate = times * peak
        time.sleep(seconds)
        sender.rate = peak / 2
        ended = time.monotonic()
        time.sleep(8)
        samples = list(sender.samples)
    during = [sample for sample in samples if began + 1 <= sample.at < ended - _WINDOW_S]
    after = [sample for sample in samples if sample.at >= ended]
    served = sum(sample.status == 200 for sample in during) / (ended - _WINDOW_S - began - 1)
    refused = sorted(sample.took_s for sample in during if sample.status == 429)
    codes = {sample.status for sample in samples}
    return {
        "peak_rps": round(peak, 1),
        "offered_rps": round(len(during) / (ended - _WINDOW_S - began - 1), 1),
        "served_rps": round(served, 1),
        "served_vs_peak": round(served / peak, 3),
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
