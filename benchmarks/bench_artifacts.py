"""A 1 GiB model over HTTP, hashed on both sides: beside `cp` with sync on the same disk, and beside MLflow's artifact
proxy. Last line: one JSON object.

Medians of ROUNDS, each with other bytes; what `cp` needs is measured in between, because disks have moods. Sizes can be
made smaller with ZAFFRE_BENCH_MIB.
"""

import contextlib
import json
import os
import statistics
import subprocess
import time

from benchmarks import measure

ROUNDS = 3
MIB = int(os.environ.get("ZAFFRE_BENCH_MIB", "1024"))


def main():
    with measure.fresh_folder("artifacts") as folder:
        print(json.dumps(figures(folder)))


def figures(folder):
    python = measure.peer("mlflow", measure.MLFLOW)
    model = folder / "model.bin"
    copies, ours, theirs, second = [], [], [], 0
    with our_client(folder / "home") as client, mlflow_server(folder, python) as url:
        for number in range(ROUNDS):
            fill(model)
            copies.append(copy(model, folder / "copy.bin"))
            ours.append(register(client, model, f"round-{number}"))
            before = kept_bytes(folder / "home")
            register(client, model, f"again-{number}")
            second = max(second, kept_bytes(folder / "home") - before)
            theirs.append(log_to_mlflow(python, url, model))
            measure.say(
                f"round {number + 1}: cp and sync {copies[-1]:.2f} s, Zaffre {ours[-1]:.2f} s, MLflow {theirs[-1]:.2f} s"
            )
    copied, registered, logged = (statistics.median(times) for times in (copies, ours, theirs))
    return {
        "vs_cp": round(registered / copied, 2),
        "vs_mlflow": round(logged / registered, 2),
        "second_copy_bytes": second,
        "cp_s": round(copied, 2),
        "zaffre_s": round(registered, 2),
        "mlflow_s": round(logged, 2),
    }


def fill(path):
    """Bytes that nobody has seen."""
    with open(path, "wb") as file:
        for _ in range(MIB):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())


def copy(source, target):
    target.unlink(missing_ok=True)
    began = time.perf_counter()
    subprocess.run(["cp", source, target], check=True)
    subprocess.run(["sync", target], check=True)
    return time.perf_counter() - began


@contextlib.contextmanager
def our_client(home):
    """The SDK's client of a server of ours."""
    from zaffre import MLClient

    with measure.zaffre_server(home) as server:
        yield MLClient(url=server.facts()["url"], token=server.token(), workspace_name="default")


def register(client, path, name):
    from zaffre.entities import Model

    began = time.perf_counter()
    client.models.create_or_update(Model(name=name, path=path))
    return time.perf_counter() - began


def kept_bytes(home):
    """What uploads occupy on the disk, finished or not."""
    found = [file for part in ("blobs", "incoming") for file in (home / part).rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in found)


@contextlib.contextmanager
def mlflow_server(folder, python):
    from zaffre.testing import postgres

    port = postgres.free_port()
    command = [
        python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts",
        "--artifacts-destination", folder / "mlflow-artifacts",
    ]  # fmt: skip
    log = folder / "mlflow.log"
    with measure.running(command, port=port, log=log, environment=measure.MLFLOW_ENVIRONMENT):
        yield f"http://127.0.0.1:{port}"


_LOG = """
import sys, time, mlflow
client = mlflow.MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("bench")
number = experiment.experiment_id if experiment else client.create_experiment("bench")
run = client.create_run(number)
began = time.perf_counter()
client.log_artifact(run.info.run_id, sys.argv[2])
print(time.perf_counter() - began)
"""


def log_to_mlflow(python, url, path):
    environment = {**os.environ, "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false", "MLFLOW_TRACKING_URI": url}
    done = subprocess.run(
        [python, "-c", _LOG, url, path], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
