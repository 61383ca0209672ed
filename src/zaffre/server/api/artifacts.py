"""Routes of artifacts: bytes by digest, in and out as streams, and trees of them. The upload routes alone are async."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Annotated, Any

import fastapi
import pydantic
from fastapi import concurrency, responses

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.access import callers
from zaffre.server.api import auth, context, intake
from zaffre.server.artifacts import collection, service, uploads

router = fastapi.APIRouter(tags=["artifacts"])

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})")
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")

DigestPath = Annotated[str, fastapi.Path(pattern="^[0-9a-f]{64}$")]


class MissingBody(pydantic.BaseModel):
    """Contents that a client is about to register."""

    model_config = pydantic.ConfigDict(extra="forbid")

    digests: list[manifests.Digest]


class DraftsBody(pydantic.BaseModel):
    """Samples of large files that a client would send before it knows their digests."""

    model_config = pydantic.ConfigDict(extra="forbid")

    samples: list[manifests.Digest]


@router.post("/artifacts/missing")
def missing(body: MissingBody, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Which contents must be uploaded, and how many bytes of each arrived before."""
    with parts.database.write() as uow:
        found = service.missing(uow, caller, parts.blobs, body.digests)
    return {"missing": [{"digest": item.digest, "received": item.received} for item in found]}


@router.post("/artifacts/drafts")
def drafts(body: DraftsBody, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Whether content with the sample of each file is here already, and how many bytes of the file arrived before.

    Where none is, the file may be sent at once to `/artifacts/drafts/{sample}`, and its digest be counted meanwhile.
    """
    with parts.database.read() as uow:
        found = service.drafts(uow, caller, parts.blobs, body.samples)
    return {"drafts": [dataclasses.asdict(draft) for draft in found]}


@router.put("/artifacts/drafts/{sample}")
async def put_draft(
    sample: DigestPath, request: fastapi.Request, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Take in a file by its sample; in the end it is a blob under the digest that the answer tells."""
    service.begin_draft(caller)
    return await _take_in(request, caller, parts, sample, draft=True)


@router.put("/artifacts/blobs/{digest}")
async def put_blob(
    digest: DigestPath, request: fastapi.Request, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Take in a blob, or with `Content-Range: bytes first-last/total` the next part of one."""
    return await _take_in(request, caller, parts, digest, draft=False)


async def _take_in(
    request: fastapi.Request, caller: callers.Caller, parts: context.Context, key: str, *, draft: bool
) -> responses.JSONResponse:
    offset, total = _announced(request)

    def begin() -> uploads.Upload:
        if not draft:
            with parts.database.write() as uow:
                service.begin_upload(uow, caller, key)
        return uploads.Upload(
            parts.blobs.incoming,
            caller.identity,
            key,
            offset=offset,
            total=total,
            limit=parts.blobs.max_upload_bytes,
            draft=draft,
        )

    upload = await concurrency.run_in_threadpool(begin)
    try:
        await intake.receive(request.stream(), upload, expected=_length(request))
    except BaseException:
        # Also when the client went away: what came is kept for resuming.
        await concurrency.run_in_threadpool(upload.pause)
        raise
    if not upload.complete():
        upload.pause()
        name = {} if draft else {"digest": key}
        return responses.JSONResponse({**name, "received": upload.size}, status_code=202)
    finish = service.finish_draft if draft else service.finish_upload
    await concurrency.run_in_threadpool(finish, parts.database, caller, parts.blobs, upload)
    return responses.JSONResponse({"digest": upload.digest, "received": upload.size}, status_code=201)


@router.get("/artifacts/blobs/{digest}", response_class=responses.StreamingResponse)
def get_blob(
    digest: DigestPath, request: fastapi.Request, caller: auth.CallerDep, parts: context.Deps
) -> responses.Response:
    """The bytes, or the part that a `Range` header asks for."""
    with parts.database.read() as uow:
        size = service.blob_size(uow, caller, digest)
    start, stop = _wanted(request.headers.get("range"), size)
    headers = {"content-length": str(stop - start), "accept-ranges": "bytes", "etag": f'"{digest}"'}
    status = 200
    if "range" in request.headers and (start, stop) != (0, size):
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
        status = 206
    pieces: Iterator[bytes] = parts.blobs.store.read(digest, start=start, stop=stop)
    return responses.StreamingResponse(
        pieces, status_code=status, headers=headers, media_type="application/octet-stream"
    )


@router.post("/workspaces/{workspace}/trees", status_code=201)
def create_tree(
    workspace: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Store a manifest whose contents are all here."""
    manifest = manifests.Manifest.parse(body)
    with parts.database.write() as uow:
        address = service.create_tree(uow, caller, workspace, manifest)
    return {"digest": manifest.digest, "address": address}


@router.get("/workspaces/{workspace}/trees/{digest}")
def get_tree(
    workspace: str, digest: DigestPath, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """The manifest of a stored tree."""
    with parts.database.read() as uow:
        manifest = service.tree(uow, caller, workspace, digest)
    return responses.JSONResponse(manifest.model_dump(mode="json"))


@router.post("/artifacts/collection")
def collect(
    caller: auth.CallerDep,
    parts: context.Deps,
    dry_run: bool = True,
    grace_s: Annotated[float, fastapi.Query(ge=0, le=1e9)] = collection.GRACE_S,
) -> collection.Report:
    """Remove what nothing refers to; a dry run (the default) only lists it."""
    return collection.collect(parts.database, caller, parts.blobs, grace_s=grace_s, dry_run=dry_run)


def _announced(request: fastapi.Request) -> tuple[int, int | None]:
    """Where this request's bytes begin, and how long the whole blob is. Raises Invalid."""
    length = _length(request)
    given = request.headers.get("content-range")
    if given is None:
        return 0, length
    match = _CONTENT_RANGE.fullmatch(given)
    if match is None:
        raise errors.Invalid(
            f"Content-Range {given[:100]!r} is not understood.", hint="Write `bytes first-last/total`."
        )
    first, last, total = (int(part) for part in match.groups())
    if not first <= last < total or (length is not None and length != last - first + 1):
        raise errors.Invalid(f"Content-Range {given!r} does not fit the body or itself.")
    return first, total


def _length(request: fastapi.Request) -> int | None:
    length = request.headers.get("content-length")
    return int(length) if length is not None else None


def _wanted(given: str | None, size: int) -> tuple[int, int]:
    """First byte and the one after the last, as a Range header asks; whatever is not one plain range gets all."""
    match = _RANGE.fullmatch(given) if given else None
    if match is None or not any(match.groups()):
        return 0, size
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise errors.Invalid(f"The range {given!r} lies outside of the {size} bytes.", size=size)
    return start, stop
