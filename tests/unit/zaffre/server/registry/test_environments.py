import pytest

from zaffre.contracts import environment as contract
from zaffre.core import errors
from zaffre.server.registry.environments import service
from zaffre.server.registry.versioning import nouns
from zaffre.server.registry.versioning import service as versioning

CONDA = {"dependencies": ["python=3.11", {"pip": ["scikit-learn"]}]}


def register(database, caller, name="sk", **fields):
    with database.write() as uow:
        return service.create(uow, caller, "default", contract.Environment(name=name, **fields))


def lock(database, caller, digest="d1", *, name="sk", version="1", **facts):
    with database.write() as uow:
        service.keep_lock(
            uow, caller, "default", name, version=version, lock_json='{"a": 1}', digest=digest, facts=facts
        )


def read(database, caller, name="sk", version="@latest"):
    with database.read() as uow:
        return service.get(uow, caller, "default", name, version), service.lock_of(
            uow, caller, "default", name, version
        )


@pytest.mark.parametrize(
    "fields",
    [
        {"image": "ubuntu"},
        {"conda_file": CONDA},
        {"image": "u", "conda_file": CONDA},
        {"zaffre": {"requirements": ["numpy"]}},
    ],
)
def test_a_definition_is_kept_as_it_was_given(database, ann, fields):
    register(database, ann, **fields)
    found, text = read(database, ann)
    assert found.to_dict(status=False) == contract.Environment(name="sk", version="1", **fields).to_dict()
    assert text is None


@pytest.mark.parametrize(
    "fields", [{}, {"conda_file": CONDA, "build": {"path": "zaffre://trees/" + "0" * 64}}]
)
def test_an_environment_must_make_sense(database, ann, fields):
    with pytest.raises(errors.Invalid):
        register(database, ann, **fields)


def test_a_build_context_is_a_stored_tree(database, ann, plant):
    context = plant({"ctx/Dockerfile": b"FROM scratch"}, "ctx")
    assert register(database, ann, build={"path": context}).status.file_count == 1
    with pytest.raises(errors.NotFound):
        register(database, ann, build={"path": "zaffre://trees/" + "0" * 64})


def test_a_build_context_has_the_dockerfile_that_it_names(database, ann, plant):
    context = plant({"ctx/Dockerfile": b"FROM scratch", "ctx/docker/Other": b"FROM scratch"}, "ctx")
    register(database, ann, build={"path": context, "dockerfile_path": "./docker/Other"})
    with pytest.raises(errors.Invalid, match="no file 'Nope'"):
        register(database, ann, build={"path": context, "dockerfile_path": "Nope"})
    with pytest.raises(errors.Invalid, match="no file 'Dockerfile'"):
        register(database, ann, build={"path": plant({"ctx/note.txt": b"x"}, "ctx")})


def test_a_lock_is_made_once(database, ann):
    register(database, ann, conda_file=CONDA)
    lock(database, ann, python="3.11", notes=["x"])
    lock(database, ann, python="3.12")
    found, text = read(database, ann)
    assert (found.status.lock_digest, found.status.python, found.status.notes, text) == (
        "d1",
        "3.11",
        ["x"],
        '{"a": 1}',
    )
    with pytest.raises(errors.Conflict, match="made once"):
        lock(database, ann, "d2")
    with pytest.raises(errors.NotFound):
        lock(database, ann, version="2")


def test_a_clone_has_the_definition_and_the_lock_of_its_source(database, ann):
    register(database, ann, conda_file=CONDA, tags={"a": "b"})
    lock(database, ann, python="3.11")
    with database.write() as uow:
        service.clone(uow, ann, "default", ("sk", "@latest"), name="copy")
    found, text = read(database, ann, "copy", "1")
    assert (found.conda_file, found.tags, found.status.lock_digest, text) == (
        CONDA,
        {"a": "b"},
        "d1",
        '{"a": 1}',
    )
    with database.write() as uow, pytest.raises(errors.NotFound):
        service.clone(uow, ann, "default", ("nothing", "1"), name="copy")


def test_an_inline_environment_is_one_hidden_version_per_content(database, ann):
    def inline(**fields):
        with database.write() as uow:
            return service.anonymous(uow, ann, "default", contract.Environment(**fields))

    first, again, other = inline(conda_file=CONDA), inline(conda_file=CONDA), inline(image="x")
    assert first.version == again.version != other.version
    with database.read() as uow:
        assert versioning.search(uow, ann, service.shelf("default"), nouns.Query()) == ([], None)
        assert service.get(uow, ann, "default", first.name, first.version).conda_file == CONDA


def test_what_a_deployment_describes_again_is_the_version_that_it_was(database, ann):
    def describe(**fields):
        with database.write() as uow:
            return service.described(uow, ann, "default", contract.Environment(name="sk", **fields)).version

    given = [describe(conda_file=CONDA) for _ in range(2)]
    given += [describe(conda_file=CONDA, tags={"a": "b"}), describe(image="u"), describe(conda_file=CONDA)]
    assert given == ["1", "1", "1", "2", "3"]
    assert describe(conda_file=CONDA, version="1") == "1"
