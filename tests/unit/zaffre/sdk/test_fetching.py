"""Data at web addresses: fetched by the client when it is registered, from a real web server."""

import pytest

from zaffre.contracts import data, manifests
from zaffre.core import errors
from zaffre.sdk import bundles, fetching

ROWS = b"a,b\n1,2\n"


@pytest.fixture
def heard():
    class Heard:
        stages, count, ended = [], 0, 0

        def begin(self, what, total):
            self.stages = [*self.stages, (what, total)]

        def advance(self, count):
            self.count += count

        def end(self):
            self.ended += 1

    return Heard()


def fetch(web, folder, path="/rows.csv", **rest):
    return fetching.fetch(web.url + path, folder, begin=lambda _: None, advance=lambda _: None, **rest)


def test_the_content_of_an_address_is_registered_and_its_origin_kept(wire, blobs, web, heard):
    web.answer = lambda *_: (200, {}, ROWS)
    asset = data.Data(name="d", path=f"{web.url}/a/my%20rows.csv?sig=geheim", type="uri_file")
    sent = bundles.Bundler(wire, "default", heard).bundle(asset)
    place = manifests.parse_address(sent.path)
    assert place.path == "my rows.csv"
    assert list(blobs.stored.values()) == [ROWS]
    assert sent.properties == {"zaffre.source": f"{web.url}/a/my%20rows.csv"}
    assert asset.path.startswith(web.url)
    assert heard.stages == [("downloading data d", 8), ("hashing data d", 8), ("uploading data d", 8)]
    assert (heard.count, heard.ended) == (24, 3)
    (_, _, headers, _) = web.requests[0]
    assert "authorization" not in {name.lower() for name in headers}


@pytest.mark.parametrize("kind", ["uri_folder", "mltable"])
def test_a_folder_at_an_address_is_refused_with_what_to_do(wire, blobs, web, kind):
    asset = data.Data(name="d", path=f"{web.url}/rows?sig=geheim", type=kind)
    with pytest.raises(errors.Unsupported, match=f"as type {kind}") as caught:
        bundles.Bundler(wire, "default").bundle(asset)
    assert "uri_file" in caught.value.hint
    assert "geheim" not in str(caught.value)
    assert web.requests == []


@pytest.mark.parametrize(
    ("status", "kind"), [(404, errors.NotFound), (403, errors.Denied), (500, errors.Unavailable)]
)
def test_what_an_address_refuses_is_told(web, tmp_path, status, kind):
    web.answer = lambda *_: (status, {}, b"no")
    with pytest.raises(kind, match=f"answered {status}"):
        fetch(web, tmp_path)


@pytest.mark.parametrize("headers", [{}, {"content-length": "1000000"}])
def test_no_more_than_the_limit_is_read(web, tmp_path, headers):
    web.answer = lambda *_: (200, headers, b"x" * 100)
    with pytest.raises(errors.TooLarge):
        fetch(web, tmp_path, most=99)


def test_an_answer_that_ends_too_early_is_not_taken_for_the_file(web, tmp_path):
    web.answer = lambda *_: (200, {"content-length": "100", "connection": "close"}, b"half")
    with pytest.raises(errors.Unavailable, match="cannot be downloaded"):
        fetch(web, tmp_path)


def test_redirections_are_followed_within_the_web(web, tmp_path):
    web.answer = lambda _, path, *__: (
        (200, {}, ROWS) if path == "/there" else (302, {"location": "/there"}, b"")
    )
    assert fetch(web, tmp_path).read_bytes() == ROWS
    web.answer = lambda *_: (302, {"location": "file:///etc/passwd"}, b"")
    with pytest.raises(errors.Unavailable):
        fetch(web, tmp_path)


def test_nobody_there_is_an_error_that_says_so(tmp_path):
    with pytest.raises(errors.Unavailable, match="cannot be downloaded"):
        fetching.fetch("http://127.0.0.1:1/x.csv", tmp_path, begin=lambda _: None, advance=lambda _: None)


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b.csv", "b.csv"), ("/", "data"), ("", "data"), ("/a/b%20c.csv", "b c.csv")]
)
def test_the_file_is_called_as_in_the_address(web, tmp_path, path, name):
    web.answer = lambda *_: (200, {}, ROWS)
    assert fetch(web, tmp_path, path).name == name


@pytest.mark.parametrize("path", ["/a/..%2f..%2fescaped", "/%00", "/a/%2e%2e"])
def test_a_name_that_leads_out_of_the_folder_is_refused(web, tmp_path, path):
    web.answer = lambda *_: (200, {}, ROWS)
    with pytest.raises(errors.Invalid):
        fetch(web, tmp_path / "x", path)
