"""Names of sizes, Azure's and one's own."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.compute import instance_types, service

GIB = 1 << 30


@pytest.mark.parametrize(
    ("name", "cores", "gib", "gpus"),
    [
        ("Standard_DS1_v2", 1, 3.5, 0),
        ("Standard_DS3_v2", 4, 14, 0),
        ("Standard_DS5_v2", 16, 56, 0),
        ("Standard_F2s_v2", 2, 4, 0),
        ("Standard_F8s_v2", 8, 16, 0),
        ("Standard_E4s_v3", 4, 32, 0),
        ("Standard_D2s_v3", 2, 8, 0),
        ("Standard_D4as_v4", 4, 16, 0),
        ("Standard_NC6s_v3", 6, 112, 1),
        ("Standard_NC24s_v3", 24, 448, 4),
        ("Standard_NC4as_T4_v3", 4, 28, 1),
        ("Standard_ND96asr_v4", 96, 900, 8),
        ("defaultinstancetype", 2, 2, 0),
    ],
)
def test_azures_sizes(name, cores, gib, gpus):
    types = instance_types.load(None)
    expected = instance_types.InstanceType(name, cores, int(gib * GIB), gpus)
    assert (
        types.get(name)
        == types.get(name.upper())
        == types.get(name.removeprefix("Standard_").lower())
        == expected
    )


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(errors.Invalid) as caught:
        instance_types.load(None).get("Standard_DS3_v22")
    assert "Standard_DS3_v2" in caught.value.hint
    with pytest.raises(errors.Invalid):
        instance_types.load(None).get("")


TYPES = instance_types.load(None)


@given(st.text())
def test_any_text_is_a_name_or_invalid(name):
    with contextlib.suppress(errors.Invalid):
        assert TYPES.get(name).cpu_cores > 0


def test_no_name_twice_and_small_first():
    kinds = instance_types.load(None).list()
    assert len({kind.name.lower() for kind in kinds}) == len(kinds)
    assert [kind.gpus for kind in kinds] == sorted(kind.gpus for kind in kinds)


def test_own_types_extend_and_override(tmp_path):
    file = tmp_path / "types.toml"
    file.write_text(
        "[edge-small]\ncpu_cores = 0.5\nmemory_gib = 1\n[Standard_DS3_v2]\ncpu_cores = 2\nmemory_gib = 4\ngpus = 1\n"
    )
    types = instance_types.load(file)
    assert types.get("EDGE-SMALL") == instance_types.InstanceType("edge-small", 0.5, GIB)
    assert types.get("Standard_DS3_v2").gpus == 1
    assert service.limits_of(types, "edge-small").memory_bytes == GIB


@pytest.mark.parametrize(
    "text",
    [
        "[a]\ncpu_cores = 1\n",
        "[a]\ncpu_cores = 1\nmemory_gib = 1\ncolour = 2\n",
        "[a]\ncpu_cores = -1\nmemory_gib = 1\n",
        "[a]\ncpu_cores = nan\nmemory_gib = 1\n",
        "[a]\ncpu_cores = 1\nmemory_gib = inf\n",
        "[a]\ncpu_cores = true\nmemory_gib = 1\n",
        "[a]\ncpu_cores = 1\nmemory_gib = 1\ngpus = 1.5\n",
        "a = 1\n",
        "not toml",
    ],
)
def test_bad_tables_are_refused(tmp_path, text):
    file = tmp_path / "types.toml"
    file.write_text(text)
    with pytest.raises(errors.Invalid, match=r"types\.toml"):
        instance_types.load(file)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(errors.Invalid):
        instance_types.load(tmp_path / "none.toml")


def test_this_machine():
    machine = service.machine()
    assert machine.cpu_cores >= 1
    assert machine.memory_bytes > 64 << 20
