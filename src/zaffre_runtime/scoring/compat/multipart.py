"""Form bodies (multipart/form-data and urlencoded) for `AMLRequest.form` and `.files`, by the standard library's parser."""

from __future__ import annotations

import email.parser
import email.policy
import io
import shutil
import urllib.parse
from pathlib import Path
from typing import Any, Iterator, List, Tuple

from zaffre_runtime.scoring.compat import headers


class FileStorage:
    """An uploaded file as scripts know it: read it, iterate over its lines, or save it."""

    def __init__(self, content: bytes, filename: str, *, name: str, content_type: str) -> None:
        self.stream = io.BytesIO(content)
        self.filename = filename
        self.name = name
        self.content_type = content_type
        self.mimetype = content_type.partition(";")[0].strip().lower()
        self.content_length = len(content)
        self.headers = headers.Headers([("Content-Type", content_type)])

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.stream, attribute)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __bool__(self) -> bool:
        return bool(self.filename)

    def save(self, destination: Any) -> None:
        if hasattr(destination, "write"):
            return shutil.copyfileobj(self.stream, destination)
        with Path(destination).open("wb") as target:
            return shutil.copyfileobj(self.stream, target)


Fields = List[Tuple[str, Any]]


def urlencoded(body: bytes) -> Fields:
    return list(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def parse(body: bytes, content_type: str) -> Tuple[Fields, Fields]:
    """(fields, files) of a multipart body; a body that is none has neither."""
    head = f"Content-Type: {content_type}\r\nMIME-Version: 1.0\r\n\r\n".encode("utf-8", "replace")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields: Fields = []
    files: Fields = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            continue
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        filename = part.get_filename()
        if filename is None:
            fields.append((name, content.decode(part.get_content_charset() or "utf-8", "replace")))
        else:
            kind = str(part.get("content-type", "application/octet-stream"))
            files.append((name, FileStorage(content, filename, name=name, content_type=kind)))
    return fields, files
