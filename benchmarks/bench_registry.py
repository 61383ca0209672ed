"""100,000 models with 300,000 versions and three tags each: search, get and create over HTTP, on SQLite and on
PostgreSQL, beside MLflow's tracking server. Last line: one JSON object.

Both databases are filled in bulk through the service, five hundred versions in a transaction; the last 5,000 come over
HTTP and are timed. The client is raw sockets on CLIENTS kept-alive connections, one thread each. Both databases keep
what they acknowledged through a power cut. MLflow's database is filled by plain SQL, because through its API that
would take hours; its figures are over HTTP as ours are, its creates are MLFLOW_CREATES on as many connections.
ZAFFRE_BENCH_MODELS makes all of it smaller.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import random
import sqlite3
import statistics
import threading
import time
import urllib.parse
from pathlib import Path

from benchmarks import measure

MODELS = int(os.environ.get("ZAFFRE_BENCH_MODELS", "100000"))
VERSIONS = 3 * MODELS
OVER_HTTP = min(5000, VERSIONS // 3)
LOOKED_UP = 500
CLIENTS = 16
MLFLOW_CREATES = 500
MLFLOW_SEARCHES = 20
TEAMS, DATASETS, FRAMEWORKS = 50, 200, 6


def tags_of(number):
    """Three tags; any three of them are on about five versions in 300,000."""
    dice = random.Random(number)
    return {
        "team": f"t{dice.randrange(TEAMS)}",
        "dataset": f"d{dice.randrange(DATASETS)}",
        "framework": f"f{dice.randrange(FRAMEWORKS)}",
    }


def main():
    with measure.fresh_folder("registry") as folder:
        print(json.dumps(figures(folder)))


def figures(folder):
    from zaffre.testing import postgres

    python = measure.peer("mlflow", measure.MLFLOW)
    found = {}
    with postgres.serve(durable=True) as server:
        urls = {"sqlite": f"sqlite:///{folder}/sqlite/zaffre.db", "postgres": server.create_database()}
        addresses = {kind: prepare(folder / kind, url) for kind, url in urls.items()}
        fill_all(urls, addresses)
        for kind, url in urls.items():
            found.update(ours(kind, folder / kind, url, addresses[kind]))
    found.update(mlflow(folder, python))
    return found


def prepare(home, url):
    """A first start of the server, and one small model's files in it; returns their address."""
    import hashlib

    digest = hashlib.sha256(b"weights").hexdigest()
    entry = {"path": "model.bin", "size": 7, "digest": digest}
    with measure.zaffre_server(home, {"ZAFFRE_DATABASE_URL": url}) as server, server.client() as client:
        client.put(f"/artifacts/blobs/{digest}", content=b"weights").raise_for_status()
        answer = client.post("/workspaces/default/trees", json={"files": [entry]}).raise_for_status()
    return answer.json()["address"] + "/model.bin"


def fill_all(urls, addresses):
    """SQLite has one writer; PostgreSQL is filled by two processes, each with its own half of the names."""
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    shares = {"sqlite": 1, "postgres": 2}
    jobs = [
        context.Process(target=fill, args=(kind, url, addresses[kind], share, shares[kind]), name=kind)
        for kind, url in urls.items()
        for share in range(shares[kind])
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
        if job.exitcode:
            raise RuntimeError(f"filling {job.name} failed")
    measure.say(f"filled both databases in {time.perf_counter() - began:.0f} s")


def fill(kind, url, address, share, shares):
    """Register all but the last versions through the service, five hundred in a transaction."""
    from zaffre.contracts import model
    from zaffre.server import access, db, events
    from zaffre.server.app import tables
    from zaffre.server.registry.models import service

    tables.metadata()
    gc.freeze()
    caller, database = access.system("benchmark"), db.Database(url)
    mine = range(share, VERSIONS - OVER_HTTP, shares)
    for start in range(0, len(mine), 500):
        wanted = [
            model.Model(name=name_of(number), path=address, tags=tags_of(number))
            for number in mine[start : start + 500]
        ]
        (outcome,) = database.together(
            [lambda uow, wanted=wanted: [service.register(uow, caller, "default", one) for one in wanted]]
        )
        if outcome.error is not None:
            raise outcome.error
        # Nobody listens here: the facts are marked as told, or the server would begin with telling them.
        while events.relay(database, {}, limit=2000):
            pass
        if start % 50_000 == 0:
            measure.say(f"{kind}: {mine[start]} of {VERSIONS} versions")
    analyze(database)
    database.close()


def analyze(database):
    with database.write() as uow:
        uow.connection.exec_driver_sql("ANALYZE")


def name_of(number):
    return f"model-{number % MODELS}"


def ours(kind, home, url, address):
    with measure.zaffre_server(home, {"ZAFFRE_DATABASE_URL": url}) as server:
        address_of = server.facts()["url"], server.token()
        made = creates_per_s(
            address_of,
            lambda number: (
                "POST",
                f"/api/v1/workspaces/default/models/{name_of(number)}/versions",
                {"path": address, "tags": tags_of(number)},
            ),
        )
        connection = measure.Connection(*address_of)
        time.sleep(2)
        get = median_ms(connection, [get_path(number) for number in picks(1)])
        search = median_ms(connection, [search_path(number) for number in picks(2)], check=check_hits)
        connection.close()
    measure.say(f"{kind}: search {search} ms, get {get} ms, {made} creates per second")
    return {f"{kind}_search_ms": search, f"{kind}_get_ms": get, f"{kind}_creates_per_s": made}


def picks(seed):
    return random.Random(seed).sample(range(VERSIONS - OVER_HTTP), min(LOOKED_UP, VERSIONS - OVER_HTTP))


def get_path(number):
    return f"/api/v1/workspaces/default/models/{name_of(number)}/versions/{number // MODELS + 1}"


def search_path(number):
    tags = [("tag", f"{key}={value}") for key, value in tags_of(number).items()]
    return f"/api/v1/workspaces/default/models?{urllib.parse.urlencode(tags)}"


def check_hits(body):
    hits = len(json.loads(body)["items"])
    if not 1 <= hits <= 100:
        raise RuntimeError(f"a search gave {hits} versions")


def creates_per_s(server, request, *, most=OVER_HTTP, clients=CLIENTS):
    """The last versions, over several connections at once."""
    numbers = range(VERSIONS - OVER_HTTP, VERSIONS)[:most]
    prepared = [(method, path, json.dumps(body).encode()) for method, path, body in map(request, numbers)]
    failures = []

    def work(share):
        connection = measure.Connection(*server)
        for method, path, body in share:
            status, answer = connection.ask(method, path, body)
            if status not in (200, 201):
                failures.append(answer)
                return
        connection.close()

    threads = [threading.Thread(target=work, args=(prepared[start::clients],)) for start in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise RuntimeError(f"a create failed: {failures[0]!r}")
    return round(len(prepared) / took)


def median_ms(connection, paths, *, check=None, method="GET", bodies=None):
    """Median of requests one after the other; the first tenth warms up and is not counted."""
    times = []
    for number, path in enumerate(paths):
        body = bodies[number] if bodies else b""
        began = time.perf_counter()
        status, answer = connection.ask(method, path, body)
        times.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer[:300]!r}")
        if check:
            check(answer)
    return round(statistics.median(times[len(times) // 10 :]), 2)


def mlflow(folder, python):
    from zaffre.testing import postgres

    port, database = postgres.free_port(), folder / "mlflow.db"
    command = [
        python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{database}", "--default-artifact-root", folder / "mlflow",
    ]  # fmt: skip
    log = folder / "mlflow.log"
    with measure.running(command, port=port, log=log, environment=measure.MLFLOW_ENVIRONMENT):
        wait_for_table(database)
    fill_mlflow(database)
    base = "/api/2.0/mlflow"
    with measure.running(command, port=port, log=log, environment=measure.MLFLOW_ENVIRONMENT):
        address = (f"http://127.0.0.1:{port}",)
        made = creates_per_s(
            address,
            lambda number: (
                "POST",
                f"{base}/model-versions/create",
                {"name": name_of(number), "source": "s3://bucket/model", "tags": mlflow_tags(number)},
            ),
            most=MLFLOW_CREATES,
        )
        connection = measure.Connection(*address)
        get = median_ms(connection, [mlflow_get(base, number) for number in picks(1)[:200]])
        search = median_ms(connection, [mlflow_search(base, number) for number in picks(2)[:MLFLOW_SEARCHES]])
        connection.close()
    measure.say(f"mlflow: search {search} ms, get {get} ms, {made} creates per second")
    return {"mlflow_search_ms": search, "mlflow_get_ms": get, "mlflow_creates_per_s": made}


def wait_for_table(database):
    for _ in range(600):
        with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(database) as connection:
            if connection.execute("SELECT count(*) FROM model_version_tags").fetchone() is not None:
                time.sleep(2)
                return
        time.sleep(0.2)
    raise RuntimeError("MLflow did not make its tables")


def mlflow_tags(number):
    return [{"key": key, "value": value} for key, value in tags_of(number).items()]


def mlflow_get(base, number):
    query = urllib.parse.urlencode({"name": name_of(number), "version": number // MODELS + 1})
    return f"{base}/model-versions/get?{query}"


def mlflow_search(base, number):
    wanted = " and ".join(f"tags.{key} = '{value}'" for key, value in tags_of(number).items())
    return f"{base}/model-versions/search?{urllib.parse.urlencode({'filter': wanted, 'max_results': 100})}"


def fill_mlflow(database: Path):
    began, now = time.perf_counter(), int(time.time() * 1000)
    last = VERSIONS - OVER_HTTP
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(model_versions)")}
        scoped = "workspace" in columns

        def insert(table, names, rows):
            names = [*names, "workspace"] if scoped else names
            marks = ", ".join("?" * len(names))
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
            connection.executemany(statement, ((*row, "default") if scoped else row for row in rows))

        insert(
            "registered_models",
            ["name", "creation_time", "last_updated_time"],
            ((f"model-{number}", now, now) for number in range(MODELS)),
        )
        insert(
            "model_versions",
            ["name", "version", "creation_time", "last_updated_time", "current_stage", "source", "status"],
            (
                (name_of(n), n // MODELS + 1, now, now, "None", "s3://bucket/model", "READY")
                for n in range(last)
            ),
        )
        insert(
            "model_version_tags",
            ["name", "version", "key", "value"],
            (
                (name_of(n), n // MODELS + 1, key, value)
                for n in range(last)
                for key, value in tags_of(n).items()
            ),
        )
        connection.execute("ANALYZE")
    measure.say(f"filled MLflow's database in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
