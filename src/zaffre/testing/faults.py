"""What may go wrong with a served endpoint, one function a fault, each run under a load whose answers are checked.

with faults.start(folder) as place, place.site.load(200) as load:
    faults.ALL["a replica is killed"](place, load)
assert load.failures == []

Used by `tests/functional/faults` (short) and `benchmarks/bench_rollout.py` (100,000 requests). Every fault ends as it began:
two replicas of `blue` have all traffic.
"""

import contextlib
import dataclasses
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from zaffre.testing import certificates, chaos, false_clock, open_loop, server

_CLEAR = 60
_HOUR_S = 3600


@dataclasses.dataclass
class Place:
    """A served endpoint with what a fault needs to break it: its clock, its certificate's folder."""

    site: chaos.Site
    folder: Path
    clock: false_clock.FalseClock | None
    idle_connections: int = 10_000
    death_gaps_s: list[float] = dataclasses.field(default_factory=list)

    def replicas(self) -> dict[str, int]:
        """The processes of replicas."""
        return {name: pid for name, pid in self.site.replicas().items() if not name.startswith("router")}

    def deploy(self, name: str = "blue", **changes: Any) -> None:
        """A new revision with a new model."""
        self.site.deploy(name, **{"instance_count": 2, "environment_variables": self.variables(), **changes})

    def variables(self) -> dict[str, str]:
        """With these a process has a clock that can be set; none where there is no compiler."""
        return self.clock.variables if self.clock else {}


@contextlib.contextmanager
def start(*, encrypted: bool = False, small_disk: bool = True) -> Iterator[Place]:
    """Serve `blue` from two replicas; afterwards nothing of it is left. As root the home gets a small disk of its own."""
    home = Path(tempfile.mkdtemp(prefix="zaffre-storm-"))
    folder = Path(tempfile.mkdtemp(prefix="zaffre-storm-", dir="/run" if os.geteuid() == 0 else None))
    folder.chmod(0o755)
    mounted = small_disk and os.geteuid() == 0 and _mounted(home)
    process = server.ServerProcess(home, _encryption(folder) if encrypted else {})
    place = Place(
        chaos.Site(process), folder, false_clock.FalseClock(folder) if false_clock.compiler() else None
    )
    process.environment.update(place.variables())
    try:
        process.start()
        place.site.serve(instance_count=2, environment_variables=place.variables())
        yield place
    finally:
        process.stop()
        chaos.stop_services(home)
        if mounted:
            subprocess.run(["umount", "-l", str(home)], check=True)
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(folder)


def _mounted(home: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=512m,mode=0700", "none", str(home)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _encryption(folder: Path) -> dict[str, str]:
    authority = certificates.Authority()
    files = authority.issue().write(folder)
    _AUTHORITIES[folder] = authority
    return {
        "ZAFFRE_SCORING_TLS_CERTIFICATE": str(files.certificate),
        "ZAFFRE_SCORING_TLS_KEY": str(files.key),
        "ZAFFRE_CA_BUNDLE": str(authority.write(folder)),
    }


_AUTHORITIES: dict[Path, certificates.Authority] = {}


def until(condition: Callable[[], object], *, within_s: float = 180) -> None:
    """Wait until it is true. Raises AssertionError."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came true")
        time.sleep(0.02)


def _back(place: Place, before: dict[str, int]) -> bool:
    now = place.replicas()
    return now.keys() == before.keys() and all(now[name] != pid for name, pid in before.items())


def kill_a_replica(place: Place, load: open_loop.OpenLoop) -> None:
    name, pid = next(iter(place.replicas().items()))
    os.kill(pid, signal.SIGKILL)
    until(lambda: place.replicas().get(name, pid) != pid)
    load.await_answers(_CLEAR)


def kill_all_replicas(place: Place, load: open_loop.OpenLoop) -> None:
    before = place.replicas()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    until(lambda: _back(place, before))
    load.await_answers(_CLEAR)


def kill_a_shim(place: Place, load: open_loop.OpenLoop) -> None:
    name, pid = next(iter(place.replicas().items()))
    os.kill(dict(place.site.states())[name]["shim_pid"], signal.SIGKILL)
    until(lambda: place.replicas().get(name, pid) != pid)
    load.await_answers(_CLEAR)


def kill_the_control_plane(place: Place, load: open_loop.OpenLoop) -> None:
    """Idle, and in the middle of an update."""
    place.site.server.stop(signal.SIGKILL)
    load.await_answers(_CLEAR)
    place.site.server.start()
    body = place.site.body(
        "blue", model=place.site.model(), instance_count=2, environment_variables=place.variables()
    )
    answer = place.site.call("PUT", f"{chaos.ENDPOINT}/deployments/blue", json=body)
    answer.raise_for_status()
    time.sleep(0.5)
    place.site.server.stop(signal.SIGKILL)
    place.site.server.start()
    assert place.site.wait(answer.json())["state"] == "Succeeded"
    load.await_answers(_CLEAR)


def kill_the_router(place: Place, load: open_loop.OpenLoop) -> None:
    pid = place.site.replicas()["router"]
    load.excuse_the_connections_of_now()
    os.kill(pid, signal.SIGKILL)
    died = time.monotonic()
    port = int(place.site.server.facts()["scoring_url"].rpartition(":")[2])
    until(lambda: place.site.replicas().get("router") != pid)  # its parent has heard of it
    heard = load.excuse_no_more()
    until(lambda: _answers(port))
    place.death_gaps_s.append(time.monotonic() - died)
    load.await_answers(_CLEAR)
    late = [moment - heard for moment in load.refusals if moment > heard]
    assert late == [], f"refused, seconds after the router's parent had heard of its death: {late}"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            return bool(connection.recv(100))
    except OSError:
        return False


def stop_and_continue_a_replica(place: Place, load: open_loop.OpenLoop) -> None:
    pid = next(iter(place.replicas().values()))
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1.5)
    finally:
        os.kill(pid, signal.SIGCONT)
    load.await_answers(_CLEAR)


def update_an_environment(place: Place, load: open_loop.OpenLoop) -> None:
    made = place.site.done(
        "POST", "/workspaces/default/environments/plain/versions",
        json={"conda_file": {"dependencies": ["python=3.11"]}, "description": str(time.monotonic())},
    )  # fmt: skip
    place.deploy(environment=f"azureml:plain:{made['version']}")
    load.await_answers(_CLEAR)


def scale_out_and_in(place: Place, load: open_loop.OpenLoop) -> None:
    for count in (1, 4, 1, 2):
        place.deploy(instance_count=count)
        load.await_answers(_CLEAR)


def from_blue_to_green_and_back(place: Place, load: open_loop.OpenLoop) -> None:
    place.deploy("green", instance_count=1)
    for share in (10, 50, 100, 0):
        traffic = {"blue": 100 - share, "green": share}
        place.site.done("PUT", chaos.ENDPOINT, json={"auth_mode": "key", "traffic": traffic})
        load.await_answers(_CLEAR)
    place.site.done("DELETE", f"{chaos.ENDPOINT}/deployments/green")
    load.await_answers(_CLEAR)


def rotate_keys(place: Place, load: open_loop.OpenLoop) -> None:
    """Clients use the secondary key while the primary one is replaced, and the other way round."""
    for replaced, used in (("primary", "secondary"), ("secondary", "primary")):
        keys = place.site.done("GET", f"{chaos.ENDPOINT}/credentials")
        load.headers["Authorization"] = f"Bearer {keys[f'{used}_key']}"
        load.await_answers(_CLEAR)
        place.site.done("POST", f"{chaos.ENDPOINT}/keys", json={"key_type": replaced})
        load.await_answers(_CLEAR)


def replace_the_certificate(place: Place, load: open_loop.OpenLoop) -> None:
    issued = _AUTHORITIES[place.folder].issue()
    issued.write(place.folder)
    address = place.site.server.facts()["scoring_url"].rpartition("//")[2].split(":")

    def is_taken() -> bool:
        found = ssl.get_server_certificate((address[0], int(address[1])))
        return certificates.Issued(found.encode(), b"").serial == issued.serial

    until(is_taken)
    load.await_answers(_CLEAR)


def fill_the_disk(place: Place, load: open_loop.OpenLoop) -> None:
    """The scripts go on writing to their logs."""
    filler = place.site.server.home / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"0")
        load.await_answers(300)
    finally:
        filler.unlink()
    load.await_answers(_CLEAR)


def jump_the_clock(place: Place, load: open_loop.OpenLoop) -> None:
    assert place.clock is not None
    for ahead_s in (_HOUR_S, -_HOUR_S, 0):
        place.clock.set(ahead_s)
        load.await_answers(300)
        place.deploy()
        load.await_answers(_CLEAR)


def open_idle_connections(place: Place, load: open_loop.OpenLoop) -> None:
    port = int(place.site.server.facts()["scoring_url"].rpartition(":")[2])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, place.idle_connections + 2000), hard), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(place.idle_connections):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=120))
        load.await_answers(300)
        load.await_answers(_CLEAR)
    load.await_answers(_CLEAR)


Fault = Callable[[Place, open_loop.OpenLoop], None]
ALL: dict[str, Fault] = {
    "a replica is killed": kill_a_replica,
    "all replicas are killed": kill_all_replicas,
    "a shim is killed": kill_a_shim,
    "the control plane is killed": kill_the_control_plane,
    "the router is killed": kill_the_router,
    "a replica is stopped and continued": stop_and_continue_a_replica,
    "an environment is updated": update_an_environment,
    "from 1 instance to 4 to 1": scale_out_and_in,
    "from blue to green to blue": from_blue_to_green_and_back,
    "keys are rotated": rotate_keys,
    "the disk is full": fill_the_disk,
    "the clock jumps an hour": jump_the_clock,
    "10,000 idle connections": open_idle_connections,
}
ENCRYPTED: dict[str, Fault] = {"the certificate is replaced": replace_the_certificate}


def obstacle(name: str) -> str:
    """Why a fault cannot be made on this machine, or nothing."""
    if name == "the disk is full" and os.geteuid() != 0:
        return "only root can give the home a small disk"
    if name == "the clock jumps an hour" and not false_clock.compiler():
        return "there is no C compiler to make a false clock"
    return ""
