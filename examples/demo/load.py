"""A steady, open-loop load: requests leave on a clock, whatever the answers do, and every answer is checked."""

import collections
import dataclasses
import http.client
import json
import threading
import time
import urllib.parse


@dataclasses.dataclass
class Phase:
    """What happened between two steps of the story. Latencies are milliseconds, counted from the planned moment."""

    name: str
    by_deployment: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)
    latencies_ms: list[float] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.by_deployment.values()) + len(self.failures)

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def merged(phases: list[Phase]) -> list[Phase]:
    """Phases of one name as one, in the order of their first."""
    rows: dict[str, Phase] = {}
    for phase in phases:
        row = rows.setdefault(phase.name, Phase(phase.name))
        row.by_deployment += phase.by_deployment
        row.failures += phase.failures
        row.latencies_ms += phase.latencies_ms
        row.seconds += phase.seconds
    return list(rows.values())


class Load:
    """Sends rows to the endpoint from several connections; `phase` opens a new account."""

    def __init__(self, url, key, rows, expected, *, per_second=100.0, connections=8):
        self._url, self._key = urllib.parse.urlsplit(url), key
        self._rows, self._expected = rows, expected
        self._interval_s = connections / per_second
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self.phases: list[Phase] = []
        self._began = time.monotonic()
        self.revisions: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._send, args=(i, connections), daemon=True)
            for i in range(connections)
        ]

    def __enter__(self):
        self.phase("before")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._close_account()

    def phase(self, name):
        """Open a new account; requests are booked where they are answered."""
        self._close_account()
        with self._lock:
            self.phases.append(Phase(name))

    def wait_for(self, count):
        """Wait until the phase in progress has seen so many requests."""
        while self.phases[-1].requests < count:
            time.sleep(0.02)

    def _close_account(self):
        with self._lock:
            now = time.monotonic()
            if self.phases:
                self.phases[-1].seconds = now - self._began
            self._began = now

    def _send(self, number, connections):
        connection = self._connect()
        due = time.monotonic() + self._interval_s * number / connections
        turn = number
        while not self._ending.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            row = turn % len(self._rows)
            try:
                deployment, revision, wrong = self._ask(connection, row)
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                connection = self._connect()
                deployment, revision, wrong = "", "", f"{type(error).__name__}: {error}"
            self._book(deployment, revision, wrong, (time.monotonic() - due) * 1000)
            due, turn = due + self._interval_s, turn + connections
        connection.close()

    def _connect(self):
        return http.client.HTTPConnection(self._url.hostname, self._url.port, timeout=30)

    def _ask(self, connection, row):
        body = json.dumps({"data": [list(self._rows[row])]})
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        connection.request("POST", self._url.path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            return "", "", f"{answer.status}: {text[:200]!r}"
        deployment = answer.headers["azureml-model-deployment"]
        value = json.loads(text)[0]
        right = self._expected[deployment][row]
        wrong = (
            ""
            if abs(value - right) <= 1e-9 * max(1.0, abs(right))
            else f"{deployment} answered {value}, not {right}"
        )
        return deployment, answer.headers["x-zaffre-revision"], wrong

    def _book(self, deployment, revision, wrong, latency_ms):
        with self._lock:
            phase = self.phases[-1]
            if wrong:
                phase.failures.append(wrong)
            else:
                phase.by_deployment[deployment] += 1
                phase.latencies_ms.append(latency_ms)
                self.revisions[deployment] = revision
