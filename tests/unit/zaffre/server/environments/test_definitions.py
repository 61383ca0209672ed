import dataclasses

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import definitions

REAL = """
name: model-env
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.10
  - numpy=1.26
  - conda-forge::lightgbm>=4
  - pip>=23
  - pip:
      - --extra-index-url https://me:secret@host/simple
      - scikit-learn~=1.5.0   # the model's
      - azureml-defaults==1.62.0
      - azureml-mlflow
"""


def conda(**keys):
    return definitions.from_fields({"conda_file": keys})


def test_a_real_file_in_normal_form():
    definition = definitions.from_fields(
        {"image": "mcr.microsoft.com/azureml/x:1", "conda_file": REAL, "name": "e"}
    )
    assert definition.python == "==3.10.*"
    assert definition.conda == ("numpy=1.26", "conda-forge::lightgbm>=4")
    assert definition.channels == ("conda-forge",)
    assert definition.pip == ("scikit-learn~=1.5.0", "inference-schema", "azureml-mlflow")
    assert definition.pip_options == ("--extra-index-url https://me:secret@host/simple",)
    assert definition.image == "mcr.microsoft.com/azureml/x:1"
    assert definition.notes == (
        "azureml-defaults==1.62.0 was left out: Zaffre brings its own scoring server.",
    )


def test_text_and_mapping_are_the_same():
    assert definitions.from_fields({"conda_file": REAL}) == definitions.from_fields(
        {"conda_file": yaml.safe_load(REAL)}
    )


def test_the_digest_follows_content_and_not_passwords():
    one = definitions.from_fields({"conda_file": REAL})
    other = definitions.from_fields({"conda_file": REAL.replace("me:secret", "you:other")})
    assert one != other
    assert one.digest == other.digest
    assert dataclasses.replace(one, image="i").digest != one.digest


@given(
    st.lists(
        st.sampled_from(
            ["six", "numpy", "azureml-defaults", "inference-schema", "azureml-inference-server-http"]
        ),
        unique=True,
    )
)
def test_the_scoring_server_is_never_solved_and_its_schemas_come_once(lines):
    definition = definitions.from_fields({"zaffre": {"requirements": lines}})
    assert not {"azureml-defaults", "azureml-inference-server-http"} & set(definition.pip)
    expected = (
        "inference-schema" in lines or "azureml-defaults" in lines or "azureml-inference-server-http" in lines
    )
    assert definition.pip.count("inference-schema") == int(expected)
    assert len(definition.notes) == len({"azureml-defaults", "azureml-inference-server-http"} & set(lines))


@pytest.mark.parametrize("given_", ["six\nnumpy>=1\n", ["six", "numpy>=1"]])
def test_plain_requirements_as_text_or_list(given_):
    definition = definitions.from_fields({"zaffre": {"requirements": given_, "python": "3.11"}})
    assert (definition.pip, definition.python) == (("six", "numpy>=1"), "==3.11.*")


@pytest.mark.parametrize(
    "fields", [{"image": "x"}, {"build": {"path": "."}}, {"image": "x", "inference_config": {}}]
)
def test_what_needs_a_container_says_so(fields):
    with pytest.raises(errors.Unsupported) as caught:
        definitions.from_fields(fields)
    assert "conda_file" in caught.value.hint


@pytest.mark.parametrize(
    "keys",
    [
        {"dependencies": "numpy"},
        {"dependencies": [1.5]},
        {"dependencies": [{"npm": ["x"]}]},
        {"dependencies": [{"pip": [3]}]},
        {"dependencies": ["python=3.1|3.2"]},
        {"dependencies": [], "pip": []},
        {"dependencies": [], "channels": ["./local"]},
        {"dependencies": [], "channels": ["file:///srv/channel"]},
    ],
)
def test_a_wrong_conda_file_is_refused(keys):
    with pytest.raises(errors.Invalid):
        conda(**keys)


@pytest.mark.parametrize("text", ["a: [", "- x", "", "plain"])
def test_a_conda_file_that_is_no_mapping_is_refused(text):
    with pytest.raises(errors.Invalid):
        definitions.from_fields({"conda_file": text})


def test_nothing_at_all_and_windows_are_refused():
    with pytest.raises(errors.Invalid):
        definitions.from_fields({"name": "x"})
    with pytest.raises(errors.Unsupported):
        definitions.from_fields({"conda_file": REAL, "os_type": "Windows"})


def test_mlflow_prefers_its_conda_file():
    files = {
        "conda.yaml": "dependencies: [python=3.10.13, {pip: [mlflow==2.9.2]}]",
        "requirements.txt": "six",
    }
    definition = definitions.from_mlflow(files)
    assert (definition.python, definition.pip, definition.notes) == ("==3.10.13.*", ("mlflow==2.9.2",), ())


def test_mlflow_without_conda_file_takes_python_and_requirements_and_adds_itself():
    files = {
        "python_env.yaml": "python: 3.9.18\ndependencies: [-r requirements.txt]",
        "requirements.txt": "scikit-learn==1.5.2\n",
    }
    definition = definitions.from_mlflow(files)
    assert (definition.python, definition.pip) == ("==3.9.18.*", ("scikit-learn==1.5.2", "mlflow-skinny"))
    assert "mlflow-skinny" in definition.notes[0]


def test_mlflow_without_any_file_names_the_files():
    with pytest.raises(errors.NotFound) as caught:
        definitions.from_mlflow({"MLmodel": ""})
    assert "conda.yaml" in caught.value.detail
