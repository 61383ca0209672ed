"""From local paths to addresses: hashes what an entity names, sends what the server lacks, and puts addresses in their place.

Called by the operations before an entity is sent. The caller's entity stays as it is; a changed copy goes out. Content
that the server has is not sent again.
"""

import concurrent.futures
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from zaffre.contracts import base, data, environment, manifests, model, online_deployment
from zaffre.core import errors, names
from zaffre.sdk import local_files, transport

_AT_ONCE = 4
_ATTEMPTS = 5
_ASK_AT_ONCE = 5_000

Entity = TypeVar("Entity", bound=base.Entity)


class Listener(Protocol):
    """Hears how far uploads and downloads are. All three are called from several threads."""

    def begin(self, what: str, total: int) -> None:
        """A stage begins: `hashing churn`, with so many bytes."""

    def advance(self, count: int) -> None:
        """So many more bytes of the stage are done."""

    def end(self) -> None:
        """The stage is over."""


class Bundler:
    """Replaces the local paths of entities of one workspace."""

    def __init__(
        self, wire: transport.Transport, workspace: str, listener: Listener | None = None
    ) -> None:
        self._wire = wire
        self._workspace = workspace
        self._listener = listener

    def bundle(self, entity: Entity) -> Entity:
        """A copy of the entity without local paths; their files are on the server. Raises NotFound, Invalid, Conflict."""
        copy = entity.model_copy(deep=True)
        self._replace(copy)
        return copy

    def _replace(self, entity: base.Entity) -> None:
        if isinstance(entity, model.Model | data.Data):
            self._replace_path(entity)
        elif isinstance(entity, environment.Environment):
            self._replace_environment(entity)
        elif isinstance(entity, online_deployment.OnlineDeployment):
            self._replace_deployment(entity)

    def _replace_path(self, asset: model.Model | data.Data) -> None:
        if asset.path is None or not names.is_local_path(asset.path):
            return
        path = local_path(asset.path)
        what = f"{asset.KIND} {asset.name or ''}".strip()
        _demand_form(path, str(asset.type), what)
        asset.path = self.upload(path, what=what)

    def _replace_environment(self, asset: environment.Environment) -> None:
        if isinstance(asset.conda_file, str):
            asset.conda_file = read_conda_file(local_path(asset.conda_file))
        if asset.build is not None and asset.build.path and names.is_local_path(asset.build.path):
            path = local_path(asset.build.path)
            asset.build.path = self.upload(path, what="build context", ignoring=local_files.CODE_LITTER)

    def _replace_deployment(self, deployment: online_deployment.OnlineDeployment) -> None:
        code = deployment.code_configuration
        if code is not None and code.code and names.is_local_path(code.code):
            folder = local_path(code.code)
            _demand_script(folder, code.scoring_script)
            code.code = self.upload(folder, what="code", ignoring=local_files.CODE_LITTER)
        for inline in (deployment.model, deployment.environment):
            if isinstance(inline, base.Entity):
                self._replace(inline)

    def upload(self, path: Path, *, what: str, ignoring: Sequence[str] = ()) -> str:
        """Sends a file or folder and returns its address."""
        name, files = local_files.collect(path, what=what, ignoring=ignoring)
        self._begin(f"hashing {what}", sum(file.size for file in files))
        bundle = local_files.bundle(name, files, count=self._advance)
        self._end()
        self._send_missing(bundle, what)
        place = f"/api/v1/workspaces/{transport.segment(self._workspace)}/trees"
        answer = self._wire.send("POST", place, body=bundle.manifest.model_dump(mode="json")).json()
        return manifests.address(str(answer["digest"]), name)

    def _send_missing(self, bundle: local_files.Bundle, what: str) -> None:
        sources = bundle.by_digest()
        missing = self._missing(list(sources))
        if not missing:
            return
        waiting = sum(sources[digest].size - received for digest, received in missing.items())
        self._begin(f"uploading {what}", waiting)
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            stop = threading.Event()
            jobs = [
                pool.submit(self._send_file, sources[digest], digest, received, stop)
                for digest, received in missing.items()
            ]
            try:
                for job in concurrent.futures.as_completed(jobs):
                    job.result()
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        self._end()

    def _missing(self, digests: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for at in range(0, len(digests), _ASK_AT_ONCE):
            body = {"digests": digests[at : at + _ASK_AT_ONCE]}
            answer = self._wire.send("POST", "/api/v1/artifacts/missing", body=body).json()
            found.update({str(item["digest"]): int(item["received"]) for item in answer["missing"]})
        return found

    def _send_file(
        self, file: local_files.LocalFile, digest: str, received: int, stop: threading.Event
    ) -> None:
        """One file, from where an earlier attempt ended."""
        for attempt in range(_ATTEMPTS):
            try:
                self._put(file, digest, received, stop)
                break
            except errors.Unavailable:
                if attempt + 1 == _ATTEMPTS or stop.is_set():
                    raise
                still = self._missing([digest])
                if digest not in still:
                    break
                received = still[digest]
            except (errors.Invalid, errors.Conflict):
                local_files.demand_unchanged(file)
                raise
        local_files.demand_unchanged(file)

    def _put(self, file: local_files.LocalFile, digest: str, received: int, stop: threading.Event) -> None:
        start = received if 0 < received < file.size else 0
        headers = {"content-type": "application/octet-stream", "content-length": str(file.size - start)}
        if start:
            headers["content-range"] = f"bytes {start}-{file.size - 1}/{file.size}"
        self._wire.send(
            "PUT",
            f"/api/v1/artifacts/blobs/{digest}",
            content=lambda: self._pieces(file, start, stop),
            headers=headers,
            again=False,
        )

    def _pieces(self, file: local_files.LocalFile, start: int, stop: threading.Event) -> Iterator[bytes]:
        left = file.size - start
        with local_files.open_unchanged(file) as descriptor:
            os.lseek(descriptor, start, os.SEEK_SET)
            while left:
                piece = os.read(descriptor, min(local_files.PIECE, left))
                if not piece:
                    raise local_files.changed(file)
                if stop.is_set():
                    raise errors.Unavailable("The upload was given up.")
                left -= len(piece)
                yield piece
                self._advance(len(piece))

    def _begin(self, what: str, total: int) -> None:
        if self._listener:
            self._listener.begin(what, total)

    def _advance(self, count: int) -> None:
        if self._listener:
            self._listener.advance(count)

    def _end(self) -> None:
        if self._listener:
            self._listener.end()


def local_path(text: str) -> Path:
    """The path that a text in a file names; `file:` in front of it is left out."""
    return Path(text[5:].removeprefix("//") if text.lower().startswith("file:") else text)


def read_conda_file(path: Path) -> dict[str, Any]:
    """The content of a conda file. Raises NotFound, Invalid."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise errors.NotFound(f"There is no conda file {path}.", hint="Paths are relative to the file.") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise errors.Invalid(f"The conda file {path} cannot be read: {said}.") from error
    if not isinstance(content, dict):
        raise errors.Invalid(f"The conda file {path} holds no mapping.", hint="It has name, channels, dependencies.")
    return content


def _demand_form(path: Path, kind: str, what: str) -> None:
    if kind == "uri_file" and path.is_dir():
        raise errors.Invalid(f"{what}: type uri_file needs a file; {path} is a folder.", hint="Use type uri_folder.")
    if kind in ("uri_folder", "mltable") and path.is_file():
        raise errors.Invalid(f"{what}: type {kind} needs a folder; {path} is a file.", hint="Use type uri_file.")
    if kind in ("mlflow_model", "triton_model") and path.is_file():
        raise errors.Invalid(
            f"{what}: type {kind} needs a folder; {path} is a file.", hint="Give the folder, or use type custom_model."
        )
    if kind == "mlflow_model" and path.is_dir() and not (path / "MLmodel").is_file():
        raise errors.Invalid(f"{what}: {path} holds no MLmodel file.", hint="Give the folder that MLflow wrote.")


def _demand_script(folder: Path, script: str | None) -> None:
    if not folder.exists():
        raise errors.NotFound(f"code: there is no folder {folder}.", hint="Paths are relative to the file.")
    if script and folder.is_dir() and not (folder / script).is_file():
        raise errors.NotFound(f"There is no scoring script {script} in {folder}.", hint="Correct scoring_script.")
