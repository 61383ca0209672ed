"""A real Envoy below a real runner, with toy upstreams where replicas would be."""

import sys
import time

import httpx
import pytest

from zaffre.core import errors
from zaffre.server.compute.backends import local_processes
from zaffre.server.endpoints.router import envoy, generations, wanted
from zaffre.testing import folders, load, postgres, upstream

KEYS = {"primary": "p" * 40, "secondary": "s" * 40}


@pytest.fixture
def place():
    """A home and a runtime folder with short paths."""
    with folders.short() as folder:
        (folder / "run").mkdir(mode=0o700)
        yield folder


@pytest.fixture
def runner(place):
    return local_processes.LocalServiceRunner(place / "services", place / "run", python=sys.executable)


@pytest.fixture
def make_router(runner, place):
    """A function that gives a router object for the one router of this test, as a restarted control plane would."""
    port = postgres.free_port()
    made = []

    def make(**settings):
        made.append(envoy.Envoy(runner, place / "router", host="127.0.0.1", port=port, **settings))
        return made[-1]

    yield make
    for identity in generations.IDS:
        runner.kill(identity)
    for router in made:
        router.close()


@pytest.fixture
def router(make_router):
    return running(make_router())


@pytest.fixture
def start_router(make_router):
    """As `make_router`, and it runs."""
    return lambda **settings: running(make_router(**settings))


def running(started):
    started.ensure_running()
    await_running(started)
    return started


def await_running(router):
    deadline = time.monotonic() + 120
    while True:
        try:
            router.hosts()
            return
        except errors.Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@pytest.fixture
def upstreams(place):
    """A function that starts a toy upstream and gives it back."""
    started = []

    def start(name):
        started.append(upstream.Upstream(place / f"{name}.sock", name))
        return started[-1]

    yield start
    for item in started:
        item.close()


@pytest.fixture
def state():
    return make_state


def make_state(
    *deployments,
    traffic=None,
    mirror=None,
    timeout_ms=5000,
    max_requests=100,
    keys=None,
    domain="",
    retry=True,
    draining=(),
    traced=(),
    traces=None,
):
    """The wish of one endpoint `default/churn`; each deployment is (name, cluster, upstreams)."""
    clusters = tuple(
        wanted.Cluster(
            cluster,
            tuple(wanted.Host(str(item.socket), item.name in draining) for item in items),
            max_requests,
        )
        for _, cluster, items in deployments
    )
    targets = tuple(
        wanted.Target(name, cluster, timeout_ms, retry, name in traced) for name, cluster, _ in deployments
    )
    endpoint = wanted.Endpoint("default", "churn", keys or KEYS, targets, traffic or {}, mirror or {})
    return wanted.Wanted((endpoint,), clusters, domain, traces=traces)


@pytest.fixture
def call(router):
    """A function that sends one request to the endpoint."""
    with httpx.Client(base_url=router.url, timeout=120) as client:

        def send(path="/default/churn/score", *, key=KEYS["primary"], headers=None, json=None, method="POST"):
            fields = {**({"authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
            return client.request(method, path, headers=fields, json=json if json is not None else {})

        yield send


@pytest.fixture
def steady(router):
    """A function that makes a load on the endpoint."""

    def make(connections=4):
        headers = {"authorization": f"Bearer {KEYS['primary']}"}
        return load.Load(f"{router.url}/default/churn/score", headers=headers, connections=connections)

    return make
