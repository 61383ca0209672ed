"""Data at a web address becomes a file of this machine, so that a version keeps what the address gave when it was registered.

Called by `bundles`. The client asks, from where the person is and without any of Zaffre's tokens; the server never opens an
address that somebody sends it.
"""

import posixpath
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from zaffre.contracts import data, manifests, printed
from zaffre.core import errors

MOST_BYTES = 20 << 30
# The property of a version that says where its content was taken from.
ORIGIN = "zaffre.source"
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
# The bytes of the file itself, not of a compressed copy.
_HEADERS = {"accept-encoding": "identity"}


_REFUSALS: dict[int, type[errors.ZaffreError]] = {
    401: errors.Denied,
    403: errors.Denied,
    404: errors.NotFound,
    410: errors.NotFound,
}
Count = Callable[[int], None]


def is_web(address: str | None) -> bool:
    """Whether it is an address that `fetch` understands."""
    return str(address or "").lower().startswith(("http://", "https://"))


def origin(address: str) -> str:
    """The address as everybody may read it: without user, password, signature."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def demand_file(asset: data.Data) -> None:
    """Raises Unsupported when a folder lies at the web address: nothing tells which files are in it."""
    if asset.type != "uri_file":
        raise errors.Unsupported(
            f"data {asset.name or ''}".rstrip()
            + f": {printed.shown('path', asset.path)} cannot be fetched as type {asset.type}: the files of a folder cannot be "
            "listed at a web address.",
            hint="For one file say type uri_file (--type uri_file); a folder download first, and give its local path.",
        )


def fetch(address: str, folder: Path, *, begin: Count, advance: Count, most: int = MOST_BYTES) -> Path:
    """The file at an address, below the folder, under its own name. `begin` hears how large it is (0 where nobody says),
    `advance` of each piece. Raises NotFound, Denied, TooLarge, Unavailable, Invalid."""
    place = folder / _name(address)
    shown = printed.shown("path", address)
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers=_HEADERS) as client,
            client.stream("GET", address) as response,
        ):
            _demand_answer(response, shown, secure=address.lower().startswith("https:"))
            size = response.headers.get("content-length", "")
            total = int(size) if size.isdigit() else 0
            _demand_size(total, shown, most)
            begin(total)
            _write(response, place, shown, advance, most)
    except (httpx.TransportError, httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise errors.Unavailable(
            f"{shown} cannot be downloaded: {error or type(error).__name__}.",
            hint="Try again, or download it yourself and give the local path.",
        ) from error
    return place


def _write(response: httpx.Response, place: Path, shown: str, advance: Count, most: int) -> None:
    received = 0
    with place.open("wb") as file:
        for piece in response.iter_bytes():
            received += len(piece)
            _demand_size(received, shown, most)
            file.write(piece)
            advance(len(piece))


def _demand_answer(response: httpx.Response, shown: str, *, secure: bool) -> None:
    if secure and any(step.url.scheme != "https" for step in (*response.history, response)):
        raise errors.Invalid(
            f"{shown} leads on to an address without encryption.",
            hint="Name that address itself if you trust it.",
        )
    if response.is_success:
        return
    raise _REFUSALS.get(response.status_code, errors.Unavailable)(
        f"{shown} answered {response.status_code} {response.reason_phrase}.",
        hint="Look at the address in a browser; what needs a sign-in, download yourself and give its local path.",
    )


def _demand_size(count: int, shown: str, most: int) -> None:
    if count > most:
        raise errors.TooLarge(
            f"What lies at {shown} is larger than {most >> 30} GiB, the most that is downloaded at once.",
            hint="Download it yourself and give its local path.",
            limit=most,
        )


def _name(address: str) -> str:
    """What the file is called: the last part of the address, as a browser would call it."""
    return manifests.check_name(unquote(posixpath.basename(urlsplit(address).path)) or "data")
