"""Kills under load: the control plane at random moments of random work, replicas, router, shims; every answer checked.

`make bench-faults`, or `python -m benchmarks.bench_faults --kills 30 --seed 7`. Prints one JSON object as its last line:
kills, requests, failed (must be 0), lost (acknowledged changes that were gone after a kill, must be 0), leaked.
"""

import argparse
import concurrent.futures
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from zaffre.testing import chaos, server

Work = tuple[str, str, dict[str, Any]]


class Storm:
    """Random work on a site whose control plane is killed in the middle of it."""

    def __init__(self, site: chaos.Site, seed: int) -> None:
        self.site = site
        self.chance = random.Random(seed)
        self.lost: list[str] = []
        self.unsettled: list[str] = []
        self.acknowledged: list[str] = []

    def work(self) -> Work:
        """Something that changes the endpoint."""
        site, chance = self.site, self.chance
        green = f"{chaos.ENDPOINT}/deployments/green"
        there = site.call("GET", green).status_code == 200
        traffic = site.done("GET", chaos.ENDPOINT).get("traffic", {})
        if not there:
            return "PUT", green, {"json": site.body("green", model=site.model())}
        share = chance.choice([0, 10, 50])
        choices: list[Work] = [
            ("PUT", green, {"json": site.body("green", model=site.model())}),
            ("PUT", f"{chaos.ENDPOINT}/deployments/blue", {"json": site.body("blue", model=site.model(), instance_count=chance.randrange(1, 4))}),
            ("POST", f"{chaos.ENDPOINT}/deployments/blue/rollback", {"json": {}}),
            ("PUT", chaos.ENDPOINT, {"json": {"auth_mode": "key", "traffic": {"blue": 100 - share, "green": share}}}),
        ]  # fmt: skip
        if not traffic.get("green"):
            choices.append(("DELETE", green, {}))
        return chance.choice(choices)

    def kill_once(self) -> None:
        """Begin a piece of work, kill the control plane at a random moment, start it, see that nothing is lost."""
        work = self.work()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            future = pool.submit(self._try, work)
            time.sleep(self.chance.choice([0.005, 0.05, 0.3, 1.0, 2.5]) * self.chance.random() * 2)
            self.site.server.stop(signal.SIGKILL)
            answer = future.result()
        self.site.server.start()
        self._check(work, answer)

    def _try(self, work: Work) -> httpx.Response | None:
        method, path, arguments = work
        try:
            return self.site.call(method, path, **arguments)
        except httpx.TransportError:
            return None

    def _check(self, work: Work, answer: httpx.Response | None) -> None:
        what = f"{work[0]} {work[1].rpartition('/')[2]}"
        if answer is None or answer.status_code >= 300:
            self._await_rest()
            return
        self.acknowledged.append(what)
        operation = answer.json()
        if self.site.call("GET", f"/workspaces/default/operations/{operation['id']}").status_code != 200:
            self.lost.append(what)
            return
        done = self.site.wait(operation)
        if done["state"] != "Succeeded":
            self.unsettled.append(f"{what}: {done}")

    def _await_rest(self) -> None:
        """Whatever the killed server may have accepted without saying so comes to an end as well."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            states = [self.site.done("GET", chaos.ENDPOINT)["status"]["provisioning_state"]]
            listed = self.site.done("GET", f"{chaos.ENDPOINT}/deployments")["items"]
            states += [item["status"]["provisioning_state"] for item in listed]
            if all(state in ("Succeeded", "Failed") for state in states):
                return
            time.sleep(0.1)
        self.unsettled.append(f"never at rest: {states}")


def end_everything(site: chaos.Site) -> dict[str, Any]:
    """Delete the endpoint; what is left of it afterwards?"""
    site.done("DELETE", chaos.ENDPOINT)
    time.sleep(3)
    home = site.server.home
    left = {
        "services": [name for name in site.replicas() if name != "router"],
        "replica_folders": sorted(path.name for path in (home / "replicas").iterdir()),
        "incoming": sorted(path.name for path in (home / "incoming").iterdir()),
        "new_folders": sorted(path.name for path in (home / "services").glob(".new-*")),
    }
    return {name: found for name, found in left.items() if found}


def storm(site: chaos.Site, *, kills: int, seed: int) -> dict[str, Any]:
    """The whole story; see the module."""
    site.serve(instance_count=2)
    weather = Storm(site, seed)
    with site.load() as load:
        load.await_answers(50)
        for number in range(kills):
            weather.kill_once()
            print(
                f"kill {number + 1}: {load.answered} answers, {len(load.failures)} failed",
                file=sys.stderr,
                flush=True,
            )  # progress
        load.await_answers(50)
    leaked = end_everything(site)
    return {
        "kills": kills,
        "acknowledged": len(weather.acknowledged),
        "requests": load.sent,
        "failed": len(load.failures),
        "failures": load.failures[:5],
        "lost": len(weather.lost),
        "unsettled": weather.unsettled[:5],
        "leaked": leaked,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    wanted = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="zaffre-faults-"))
    site = chaos.Site(server.ServerProcess(home).start())
    try:
        result = storm(site, kills=wanted.kills, seed=wanted.seed)
    finally:
        site.server.stop()
        chaos.stop_services(home)
    result["orphans"] = chaos.processes(home)
    shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(result))  # the result


if __name__ == "__main__":
    main()
