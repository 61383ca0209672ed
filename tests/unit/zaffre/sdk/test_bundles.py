"""Local paths become addresses, and what was sent comes back byte for byte."""

import os

import pytest

from zaffre.contracts import data, environment, manifests, model, online_deployment
from zaffre.core import errors
from zaffre.sdk import bundles, downloads, local_files


class Heard:
    def __init__(self):
        self.stages, self.count, self.ended = [], 0, 0

    def begin(self, what, total):
        self.stages.append((what, total))

    def advance(self, count):
        self.count += count

    def end(self):
        self.ended += 1


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "model"
    (root / "sub").mkdir(parents=True)
    (root / "a.pkl").write_bytes(b"aaa")
    (root / "same.pkl").write_bytes(b"aaa")
    (root / "sub" / "b.bin").write_bytes(os.urandom(100_000))
    (root / "empty").write_bytes(b"")
    return root


@pytest.fixture
def bundler(wire):
    return bundles.Bundler(wire, "default")


def test_a_model_is_sent_once_and_the_entity_stays_as_it_is(bundler, blobs, folder):
    mine = model.Model(name="churn", path=str(folder))
    sent = bundler.bundle(mine)
    assert mine.path == str(folder)
    place = manifests.parse_address(sent.path)
    assert place.path == "model"
    manifest = blobs.trees[place.digest]
    assert [entry.path for entry in manifest.files] == [
        "model/a.pkl",
        "model/empty",
        "model/same.pkl",
        "model/sub/b.bin",
    ]
    assert len(blobs.stored) == 3
    before = blobs.sent
    assert before == 100_003
    assert bundler.bundle(mine).path == sent.path
    assert blobs.sent == before


def test_a_broken_upload_goes_on_where_it_ended(bundler, blobs, folder):
    digest = (
        local_files.bundle(*local_files.collect(folder / "sub" / "b.bin", what="m")).manifest.files[0].digest
    )
    blobs.broken.add(digest)
    bundler.bundle(model.Model(name="churn", path=str(folder / "sub" / "b.bin")))
    assert blobs.stored[digest] == (folder / "sub" / "b.bin").read_bytes()
    assert blobs.sent == 150_000


def test_progress_is_heard(wire, blobs, folder):
    heard = Heard()
    bundles.Bundler(wire, "default", heard).bundle(model.Model(name="churn", path=str(folder)))
    assert heard.stages == [("hashing model churn", 100_006), ("uploading model churn", 100_003)]
    assert heard.count == 200_009
    assert heard.ended == 2


def test_every_part_of_a_deployment_is_bundled(bundler, blobs, folder, tmp_path):
    code = tmp_path / "src"
    (code / "__pycache__").mkdir(parents=True)
    (code / "score.py").write_text("def run(x): ...")
    (code / "__pycache__" / "score.pyc").write_text("litter")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]")
    sent = bundler.bundle(
        online_deployment.ManagedOnlineDeployment(
            name="blue",
            endpoint_name="churn",
            model=model.Model(path=str(folder)),
            code_configuration=online_deployment.CodeConfiguration(code=str(code), scoring_script="score.py"),
            environment=environment.Environment(conda_file=str(tmp_path / "conda.yml"), image="base"),
        )
    )
    assert manifests.is_address(sent.model.path)
    place = manifests.parse_address(sent.code_configuration.code)
    assert [entry.path for entry in blobs.trees[place.digest].files] == ["src/score.py"]
    assert sent.environment.conda_file == {"dependencies": ["python=3.11"]}
    sent.to_wire()


def test_addresses_pass_unchanged(bundler, served):
    asset = data.Data(name="d", path="azureml://datastores/d/paths/x.csv", type="uri_file")
    assert bundler.bundle(asset).path == "azureml://datastores/d/paths/x.csv"
    assert served.requests == []


@pytest.mark.parametrize(
    ("kind", "made", "said"),
    [
        ("mlflow_model", "file", "needs a folder"),
        ("mlflow_model", "folder", "MLmodel"),
        ("triton_model", "file", "needs a folder"),
    ],
)
def test_a_model_of_another_form_than_its_type_is_refused_before_it_is_sent(
    bundler, served, folder, kind, made, said
):
    path = folder if made == "folder" else folder / "a.pkl"
    with pytest.raises(errors.Invalid, match=said):
        bundler.bundle(model.Model(name="m", path=str(path), type=kind))
    assert served.requests == []


@pytest.mark.parametrize(
    ("kind", "made"), [("uri_file", "folder"), ("uri_folder", "file"), ("mltable", "file")]
)
def test_data_of_another_form_than_its_type_is_refused(bundler, folder, kind, made):
    path = folder if made == "folder" else folder / "a.pkl"
    with pytest.raises(errors.Invalid, match="needs a"):
        bundler.bundle(data.Data(name="d", path=str(path), type=kind))


def test_a_missing_script_is_named_before_anything_is_sent(bundler, served, folder):
    code = online_deployment.CodeConfiguration(code=str(folder), scoring_script="absent.py")
    with pytest.raises(errors.NotFound, match=r"absent\.py"):
        bundler.bundle(
            online_deployment.ManagedOnlineDeployment(
                name="blue", endpoint_name="abc", code_configuration=code
            )
        )
    assert served.requests == []


def test_a_file_that_changes_while_it_is_sent_is_told(bundler, blobs, tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    path.write_bytes(b"x" * 1000)
    hashed = local_files.bundle

    def then_change(*args, **rest):
        bundle = hashed(*args, **rest)
        path.write_bytes(b"y" * 1000)
        return bundle

    monkeypatch.setattr(local_files, "bundle", then_change)
    with pytest.raises(errors.Conflict, match="changed while"):
        bundler.bundle(model.Model(name="m", path=str(path)))
    assert blobs.trees == {}


def test_downloads_give_every_byte_back(wire, bundler, blobs, folder, tmp_path):
    address = bundler.upload(folder, what="model")
    target = tmp_path / "out"
    written = downloads.download(wire, "default", address, target, what="model")
    assert sorted(path.relative_to(target).as_posix() for path in written) == [
        "model/a.pkl", "model/empty", "model/same.pkl", "model/sub/b.bin",
    ]  # fmt: skip
    for path in written:
        assert path.read_bytes() == (folder.parent / path.relative_to(target)).read_bytes()
    assert not list(target.rglob("*.part"))


def test_a_download_goes_on_where_it_ended(wire, bundler, blobs, served, folder, tmp_path):
    address = bundler.upload(folder / "sub" / "b.bin", what="m")
    entry = blobs.trees[manifests.parse_address(address).digest].files[0]
    target = tmp_path / "out"
    target.mkdir()
    content = (folder / "sub" / "b.bin").read_bytes()
    (target / f".b.bin.{entry.digest[:16]}.part").write_bytes(content[:40_000])
    downloads.download(wire, "default", address, target, what="m")
    assert (target / "b.bin").read_bytes() == content
    assert served.requests[-1][2]["range"] == "bytes=40000-"


def test_bytes_that_are_not_what_was_registered_are_refused(wire, bundler, blobs, folder, tmp_path):
    address = bundler.upload(folder / "a.pkl", what="m")
    for digest in blobs.stored:
        blobs.stored[digest] = b"bbb"
    with pytest.raises(errors.Invalid, match="SHA-256"):
        downloads.download(wire, "default", address, tmp_path / "out", what="m")
    assert list((tmp_path / "out").iterdir()) == []


def hostile(name):
    entry = {"path": name, "size": 3, "digest": "0" * 64}
    return {"files": [entry]}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:/x", "a\\..\\x", "%2e%2e/x", "x\0y"])
def test_hostile_names_of_a_server_write_nothing(wire, served, tmp_path, name):
    served.answer = lambda *_: (200, {}, hostile(name))
    with pytest.raises(errors.Invalid):
        downloads.download(wire, "default", manifests.address("a" * 64), tmp_path / "out", what="m")
    assert not (tmp_path / "out").exists()


def test_a_list_of_files_that_is_not_the_registered_one_is_refused(wire, served, tmp_path):
    served.answer = lambda *_: (200, {}, hostile("x"))
    with pytest.raises(errors.Invalid, match="not the one"):
        downloads.download(wire, "default", manifests.address("a" * 64), tmp_path / "out", what="m")


def test_links_in_the_target_are_not_followed_out_of_it(wire, bundler, blobs, folder, tmp_path):
    address = bundler.upload(folder, what="m")
    target, outside = tmp_path / "out", tmp_path / "outside"
    (target / "model").mkdir(parents=True)
    outside.mkdir()
    (target / "model" / "sub").symlink_to(outside)
    with pytest.raises(errors.Invalid, match="leads out"):
        downloads.download(wire, "default", address, target, what="m")
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced_not_written_through(wire, bundler, blobs, folder, tmp_path):
    address = bundler.upload(folder / "a.pkl", what="m")
    target = tmp_path / "out"
    target.mkdir()
    (tmp_path / "victim").write_text("safe")
    (target / "a.pkl").symlink_to(tmp_path / "victim")
    downloads.download(wire, "default", address, target, what="m")
    assert (tmp_path / "victim").read_text() == "safe"
    assert (target / "a.pkl").read_bytes() == b"aaa"
