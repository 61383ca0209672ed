"""From local paths to addresses: hashes what an entity names, sends what the server lacks, and puts addresses in their place.

Called by the operations before an entity is sent. The caller's entity stays as it is; a changed copy goes out. Content
that the server has is not sent again: where it may be there, it is hashed first; where it cannot, while it is sent.
"""

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from zaffre.contracts import base, data, environment, files, manifests, online_deployment, samples
from zaffre.core import errors
from zaffre.sdk import fetching, local_files, sending, transport

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
        if isinstance(copy, data.Data) and fetching.is_web(copy.path):
            self._fetch(copy, str(copy.path))
        return copy

    def _fetch(self, asset: data.Data, address: str) -> None:
        """Puts the content of a web address in its place; where it came from stays written down."""
        fetching.demand_file(asset)
        what, _ = _describe(asset)
        with tempfile.TemporaryDirectory(prefix="zaffre-data-") as folder:
            file = fetching.fetch(
                address,
                Path(folder),
                begin=lambda total: self._begin(f"downloading {what}", total),
                advance=self._advance,
            )
            self._end()
            asset.path = self.upload(file, what=what)
        asset.properties = {fetching.ORIGIN: fetching.origin(address), **asset.properties}

    def upload(self, path: Path, *, what: str, ignoring: Sequence[str] = ()) -> str:
        """Sends a file or folder and returns its address."""
        name, files = local_files.collect(path, what=what, ignoring=ignoring)
        sender = sending.Sender(self._wire, self._advance, threading.Event())
        sent = self._send_unseen(sender, files, what)
        rest = [file.size for file in files if file.name not in sent]
        if rest:
            self._begin(f"hashing {what}", sum(rest))
        bundle = local_files.bundle(name, files, known=sent, count=self._advance)
        if rest:
            self._end()
        self._send_missing(sender, bundle, what)
        place = f"/api/v1/workspaces/{transport.segment(self._workspace)}/trees"
        answer = self._wire.send("POST", place, body=bundle.manifest.model_dump(mode="json")).json()
        return manifests.address(str(answer["digest"]), name)

    def _send_unseen(
        self, sender: sending.Sender, files: Sequence[local_files.LocalFile], what: str
    ) -> dict[str, str]:
        """Sends large files that the server cannot know, hashing them on the way; their digests by name."""
        large = {local_files.sample(file): file for file in files if file.size >= samples.LARGE}
        drafts = sender.drafts(list(large))
        unseen = {sample: draft.received for sample, draft in drafts.items() if not draft.known}
        if not unseen:
            return {}
        self._begin(
            f"uploading {what}", sum(large[sample].size - received for sample, received in unseen.items())
        )
        jobs = [(large[sample], sample, received) for sample, received in unseen.items()]
        digests = sender.at_once(sender.send_draft, jobs)
        self._end()
        return {large[sample].name: digest for sample, digest in zip(unseen, digests, strict=True)}

    def _send_missing(self, sender: sending.Sender, bundle: local_files.Bundle, what: str) -> None:
        sources = bundle.by_digest()
        missing = sender.missing(list(sources))
        if not missing:
            return
        waiting = sum(sources[digest].size - received for digest, received in missing.items())
        self._begin(f"uploading {what}", waiting)
        jobs = [(sources[digest], digest, received) for digest, received in missing.items()]
        sender.at_once(sender.send, jobs)
        self._end()

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
