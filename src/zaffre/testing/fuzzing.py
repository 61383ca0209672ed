"""Sends `fuzz_cases` to a real replica, at its own socket and through a real router, while honest callers go on asking.

Every honest request carries a number that its answer must repeat; every answer on a fuzzed connection may carry only a
token that was sent on that connection. Used by `tests/functional/scoring/test_fuzz.py` and `benchmarks/bench_fuzz.py`.
"""

import asyncio
import collections
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zaffre_runtime
from zaffre.core import errors
from zaffre.server.compute.backends import local_processes
from zaffre.server.endpoints.router import envoy, wanted
from zaffre.testing import fuzz_cases, open_loop

SCRIPT = r"""
import re
hidden = []
def init(): pass
def run(raw_data):
    hidden.extend(re.findall(r"8\d{11}", raw_data)[:1] if raw_data.startswith('{"token": "8') else [])
    found = re.search(r"7\d{11}", raw_data)
    return hidden if raw_data == '{"tell": "hidden"}' else {"token": found.group() if found else None}
"""
MODEL = """
import joblib, numpy, sys
from sklearn.linear_model import LinearRegression
joblib.dump(LinearRegression().fit(numpy.arange(4.0).reshape(-1, 1), numpy.arange(4.0)), sys.argv[1])
"""
_KEY = "k" * 40
_ANSWER_S = 0.05
_PROBE_S = 60.0
_TOKEN = re.compile(rb'"token": ?"(7\d{11})"')
_CHUNK_LINES = re.compile(rb"\r\n[0-9a-fA-F]+\r\n")


class Target:
    """An address with the process behind it. `echoes` says that answers repeat tokens."""

    def __init__(self, name: str, *, path: str = "/score", head: bytes = b"", echoes: bool = True) -> None:
        self.name = name
        self.path = path
        self.head = head
        self.echoes = echoes
        self.socket = ""
        self.port = 0

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection."""
        if self.port:
            return await asyncio.open_connection("127.0.0.1", self.port)
        return await asyncio.open_unix_connection(self.socket)


class Run:
    """One target, so many cases. `wrong` says what must not have been."""

    def __init__(self, target: Target, *, cases: int, seed: int, at_once: int = 32) -> None:
        self.target = target
        body = b'{"token": "%s"}' if target.echoes else b'{"input_data": [[%s]]}'
        self.maker = fuzz_cases.Maker(seed, path=target.path, head=target.head, body=body)
        self._left = cases
        self._at_once = at_once
        self.sent: collections.Counter[str] = collections.Counter()
        self.answers: collections.Counter[int] = collections.Counter()
        self.probes = 0
        self.wrong: list[str] = []
        self._done = asyncio.Event()

    async def run(self) -> None:
        """All cases, with two honest callers beside them."""
        honest = [asyncio.create_task(self._honest(number)) for number in range(2)]
        source = self.maker.cases()
        await asyncio.gather(*(self._fuzz(source) for _ in range(self._at_once)))
        self._done.set()
        await asyncio.gather(*honest)

    async def _fuzz(self, source: Iterator[fuzz_cases.Case]) -> None:
        while self._left > 0:
            self._left -= 1
            case = next(source)
            self.sent[case.kind] += 1
            try:
                answer = await self._one(case)
            except OSError:  # closed while we were sending: an answer, too
                continue
            self._judge(case, answer)

    async def _one(self, case: fuzz_cases.Case) -> bytes:
        reader, writer = await self.target.connect()
        found = b""
        try:
            writer.write(case.data)
            if case.ends:
                writer.write_eof()
            while part := await asyncio.wait_for(reader.read(65536), _ANSWER_S):
                found += part
        except TimeoutError:
            return found
        finally:
            writer.transport.abort()
        return found

    def _judge(self, case: fuzz_cases.Case, answer: bytes) -> None:
        for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer):
            self.answers[int(status)] += 1
            if status in (b"500", b"502", b"503"):
                self.wrong.append(f"{case.kind}: {answer[:200]!r} to {case.data[:300]!r}")
        sent = case.data + _CHUNK_LINES.sub(b"", case.data)
        for token in _TOKEN.findall(answer) if self.target.echoes else ():
            if token not in sent:
                self.wrong.append(f"{case.kind}: the answer to another request: {answer[:200]!r}")

    async def _honest(self, caller: int) -> None:
        connection = await self.target.connect()
        while not self._done.is_set() or not self.probes:
            self.probes += 1
            try:
                await asyncio.wait_for(self._ask(connection), _PROBE_S)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, KeyError) as error:
                self.wrong.append(f"honest caller {caller}: {type(error).__name__}: {error}")
                connection[1].transport.abort()
                connection = await self.target.connect()
            await asyncio.sleep(0.002)
        connection[1].transport.abort()

    async def _ask(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        token = self.maker.token()
        content = {"token": token} if self.target.echoes else {"input_data": [[int(token)]]}
        connection[1].write(self.maker.request(json.dumps(content).encode()))
        answer = await open_loop.read_answer(connection[0])
        said = answer.json()
        if answer.status_code != 200:
            raise ValueError(f"{answer.status_code} {answer.text[:200]}")
        repeated = said["token"] if self.target.echoes else f"{said[0]:.0f}"
        if repeated != token:
            raise ValueError(f"asked with {token}, answered with {repeated}")

    async def ask_for_hidden(self) -> None:
        """Which of the requests that this run hid inside others were scored; none may be behind the router."""
        connection = await self.target.connect()
        connection[1].write(self.maker.request(b'{"tell": "hidden"}'))
        told = (await open_loop.read_answer(connection[0])).json()
        connection[1].transport.abort()
        for token in self.maker.hidden & set(told):
            self.wrong.append(f"the hidden request with the token {token} was scored")


@contextlib.contextmanager
def replica(folder: Path, target: Target, **settings: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A scoring process on a socket; it must live when the caller is done."""
    target.socket = str(folder / f"{target.name}.sock")
    config = folder / f"{target.name}.json"
    names = {"deployment": "blue", "endpoint": "fuzz", "revision": "r0123456789ab"}
    config.write_text(
        json.dumps(
            {
                "socket": target.socket,
                "max_body_bytes": 1 << 20,
                "managed": True,
                # Honest callers are to be answered, however busy the machine is.
                "max_queue_wait_ms": 60_000,
                "request_timeout_ms": 60_000,
                **names,
                **settings,
            }
        )
    )
    boot = Path(zaffre_runtime.__file__).parent / "zaffre_boot.py"
    with (folder / f"{target.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(boot), "zaffre_runtime.scoring"],
            env={**os.environ, "ZAFFRE_SCORING_CONFIG": str(config)}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        end = time.monotonic() + 180
        while not Path(target.socket).exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def router(folder: Path, behind: Target) -> Iterator[Target]:
    """The same replica behind a real router."""
    (folder / "run").mkdir(mode=0o700)
    runner = local_processes.LocalServiceRunner(folder / "services", folder / "run", python=sys.executable)
    head = f"authorization: Bearer {_KEY}\r\n".encode()
    target = Target("router", path="/default/fuzz/score", head=head)
    target.port = _free_port()
    made = envoy.Envoy(runner, folder / "router", host="127.0.0.1", port=target.port)
    try:
        made.ensure_running()
        endpoint = wanted.Endpoint(
            "default", "fuzz", {"primary": _KEY}, (wanted.Target("blue", "r1"),), {"blue": 100}
        )
        cluster = wanted.Cluster("r1", (wanted.Host(behind.socket),), 1000)
        end = time.monotonic() + 120
        while True:
            try:
                made.apply(wanted.Wanted((endpoint,), (cluster,)))
                break
            except errors.Unavailable:
                if time.monotonic() > end:
                    raise
        yield target
    finally:
        runner.kill(envoy.SERVICE_ID)
        made.close()


def fuzz(*, cases: int, seed: int) -> dict[str, Any]:
    """Half of the cases at the socket of a script's replica and of a model's, half through the router."""
    with tempfile.TemporaryDirectory(prefix="zf") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "code").mkdir()
        (folder / "code" / "score.py").write_text(SCRIPT)
        (folder / "model").mkdir()
        command = [sys.executable, "-c", MODEL, str(folder / "model" / "model.pkl")]
        subprocess.run(command, check=True)
        script, model = Target("script"), Target("model", echoes=False)
        code = {"app_root": str(folder / "code"), "entry_script": "score.py"}
        processes = [
            stack.enter_context(replica(folder, script, **code)),
            stack.enter_context(replica(folder, model, model_dir=str(folder / "model"))),
        ]
        through = stack.enter_context(router(folder, script))
        found: list[Run] = []
        for number, (target, share) in enumerate(((script, 0.25), (model, 0.25), (through, 0.5))):
            found.append(Run(target, cases=round(cases * share), seed=seed + number))
            asyncio.run(found[-1].run())
            if target is through:
                asyncio.run(found[-1].ask_for_hidden())
        crashed = sum(process.poll() is not None for process in processes)
    return _summary(found, crashed)


def _summary(found: list[Run], crashed: int) -> dict[str, Any]:
    wrong = [f"{run.target.name}: {line}" for run in found for line in run.wrong]
    return {
        "cases": sum(run.sent.total() for run in found),
        "wrong": len(wrong),
        "examples": wrong[:5],
        "crashed": crashed,
        "honest_requests": sum(run.probes for run in found),
        "answers": {run.target.name: dict(sorted(run.answers.items())) for run in found},
        "kinds": dict(sum((run.sent for run in found), collections.Counter())),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
