import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import substitutes


def test_names_and_versions_are_translated_and_noted():
    taken = substitutes.from_index(["pytorch=2.2", "numpy>=1.26,<2", "msgpack-python", "setuptools"])
    assert taken.requirements == ("torch==2.2.*", "numpy<2,>=1.26", "msgpack", "setuptools")
    assert "pytorch=2.2" in taken.notes[0]
    assert "torch==2.2.*" in taken.notes[0]
    assert "Python index" in taken.notes[0]


def test_glue_is_left_out_with_a_note():
    taken = substitutes.from_index(["libgcc-ng", "mkl=2021", "openssl"])
    assert taken.requirements == ()
    assert len(taken.notes) == 3


@pytest.mark.parametrize(
    "name", ["ffmpeg", "gcc", "cudatoolkit=11.8", "r-base", "graphviz", "libfoo", "openjdk"]
)
def test_what_is_no_python_project_is_refused(name):
    with pytest.raises(errors.Unsupported) as caught:
        substitutes.from_index([name])
    assert name.split("=")[0] in caught.value.detail


def test_cuda_comes_with_the_wheels_of_those_who_need_it():
    taken = substitutes.from_index(["cudatoolkit=11.8", "pytorch", "pytorch-cuda=11.8"])
    assert taken.requirements == ("torch",)


def test_alternatives_cannot_be_said():
    with pytest.raises(errors.Unsupported):
        substitutes.from_index(["numpy=1.2|1.3"])


@given(
    st.lists(
        st.sampled_from(["numpy=1.26", "pytorch", "mkl", "py-xgboost>=2", "openssl", "pandas"]), unique=True
    )
)
def test_every_spec_is_noted_once(specs):
    taken = substitutes.from_index(specs)
    assert len(taken.notes) == len(specs)
    assert len(taken.requirements) <= len(specs)
