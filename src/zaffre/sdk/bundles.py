"""From local paths to addresses: hashes what an entity names, sends what the server lacks, and puts addresses in their place.

Called by the operations before an entity is sent. The caller's entity stays as it is; a changed copy goes out. Content
that the server has is not sent again.
"""

import concurrent.futures
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from zaffre.contracts import base, environment, files, manifests, online_deployment
from zaffre.core import errors
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

    def __init__(self, wire: transport.Transport, workspace: str, listener: Listener | None = None) -> None:
        self._wire = wire
        self._workspace = workspace
        self._listener = listener

    def bundle(self, entity: Entity) -> Entity:
        """A copy of the entity without local paths; their files are on the server. Raises NotFound, Invalid, Conflict."""
        copy = entity.model_copy(deep=True)
        files.inline_contents(copy)
        for part, key, text in list(files.local_files(copy)):
            path = local_path(text)
            what, litter = _describe(part)
            _demand_form(part, path, what)
            setattr(part, key, self.upload(path, what=what, ignoring=litter))
        return copy

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


def _describe(part: base.Part) -> tuple[str, Sequence[str]]:
    """What a part is called while it is uploaded, and what is left out of its folder."""
    if isinstance(part, online_deployment.CodeConfiguration):
        return "code", local_files.CODE_LITTER
    if isinstance(part, environment.BuildContext):
        return "build context", local_files.CODE_LITTER
    if isinstance(part, base.Entity):
        return f"{part.KIND} {part.name or ''}".strip(), ()
    return "files", ()


def _demand_form(part: base.Part, path: Path, what: str) -> None:
    """Early words for what the server would refuse after the upload."""
    if isinstance(part, online_deployment.CodeConfiguration):
        _demand_script(path, part.scoring_script)
        return
    kind = str(part.get("type"))
    if kind == "uri_file" and path.is_dir():
        raise errors.Invalid(
            f"{what}: type uri_file needs a file; {path} is a folder.", hint="Use type uri_folder."
        )
    if kind in ("uri_folder", "mltable") and path.is_file():
        raise errors.Invalid(
            f"{what}: type {kind} needs a folder; {path} is a file.", hint="Use type uri_file."
        )
    if kind in ("mlflow_model", "triton_model") and path.is_file():
        raise errors.Invalid(
            f"{what}: type {kind} needs a folder; {path} is a file.",
            hint="Give the folder, or use type custom_model.",
        )
    if kind == "mlflow_model" and path.is_dir() and not (path / "MLmodel").is_file():
        raise errors.Invalid(
            f"{what}: {path} holds no MLmodel file.", hint="Give the folder that MLflow wrote."
        )


def _demand_script(folder: Path, script: str | None) -> None:
    if script and folder.is_dir() and not (folder / script).is_file():
        raise errors.NotFound(
            f"There is no scoring script {script} in {folder}.", hint="Correct scoring_script."
        )
