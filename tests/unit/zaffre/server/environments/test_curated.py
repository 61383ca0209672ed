import pytest

from zaffre.core import errors
from zaffre.server.environments import curated

TABLE = curated.Table.load()


@pytest.mark.parametrize(
    ("reference", "project"),
    [
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", "scikit-learn~=1.5.0"),
        ("azureml://registries/azureml/environments/sklearn-1.5/versions/29", "scikit-learn~=1.5.0"),
        ("azureml:sklearn-1.5@latest", "scikit-learn~=1.5.0"),
        ("mcr.microsoft.com/azureml/curated/sklearn-1.5:12", "scikit-learn~=1.5.0"),
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", 'scikit-learn==1.0.2; python_version < "3.11"'),
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:1", 'scikit-learn==1.0.2; python_version < "3.11"'),
        (
            "azureml:AzureML-sklearn-0.24-ubuntu18.04-py37-cpu@latest",
            'scikit-learn==1.0.2; python_version < "3.11"',
        ),
        ("AzureML-Minimal", "numpy"),
        ("AzureML-Tutorial", "pandas<2.3"),
        ("AzureML-lightgbm-3.2-ubuntu18.04-py37-cpu", "lightgbm>=3.3.5"),
        ("AzureML-acpt-pytorch-1.13-py38-cuda11.7-gpu", "torch>=2.2"),
        ("acpt-pytorch-2.2-cuda12.1", "torch>=2.2"),
        ("AzureML-tensorflow-2.12-cuda11", "tensorflow-cpu>=2.16"),
        ("mcr.microsoft.com/azureml/minimal-ubuntu20.04-py38-cpu-inference:latest", "numpy"),
        ("AzureML-mlflow-ubuntu20.04-py38-cpu-inference", "mlflow>=2.9"),
        ("AzureML-onnxruntime-1.6-ubuntu18.04-py37-cpu-inference", "onnxruntime>=1.17"),
        ("no-code-sklearn", "skops"),
    ],
)
def test_spellings_of_real_files(reference, project):
    assert project in TABLE.definition(reference).pip


def test_the_source_names_what_was_asked_for():
    assert TABLE.definition("AzureML-Minimal").source == "AzureML-Minimal (minimal)"
    assert TABLE.definition("no-code-onnx").source is None


def test_a_curated_image_alone_needs_no_container():
    definition = TABLE.read({"image": "mcr.microsoft.com/azureml/curated/sklearn-1.5:12"})
    assert definition.image == "mcr.microsoft.com/azureml/curated/sklearn-1.5:12"
    assert "scikit-learn~=1.5.0" in definition.pip
    assert (
        TABLE.read(
            {"image": "mcr.microsoft.com/azureml/curated/sklearn-1.5:12", "conda_file": {"dependencies": []}}
        ).pip
        == ()
    )
    with pytest.raises(errors.Unsupported):
        TABLE.read({"image": "mcr.microsoft.com/azureml/curated/zzz:1"})
    with pytest.raises(errors.Unsupported):
        TABLE.read({"image": "docker.io/me/sklearn-1.5:1"})


def test_an_unknown_name_shows_the_nearest():
    with pytest.raises(errors.NotFound) as caught:
        TABLE.definition("azureml://registries/azureml/environments/lightgmb/labels/latest")
    assert "lightgbm" in caught.value.hint
    assert TABLE.find("azureml://registries/azureml/environments/zzz") is None


def test_a_users_table_is_looked_at_first():
    table = curated.Table.load('[mine]\nnames = ["sklearn-1.5"]\nrequirements = ["six"]\n')
    assert table.definition("sklearn-1.5").pip == ("six",)
    assert table.definition("AzureML-Minimal").pip == TABLE.definition("AzureML-Minimal").pip


@pytest.mark.parametrize(
    "text", ["[mine]\nnames=['x']\n", "[mine]\nrequirements=['x']\nextra=1\n", "x = 1\n", "[["]
)
def test_a_wrong_users_table_is_refused(text):
    with pytest.raises(errors.Invalid):
        curated.Table.load(text)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [("azureml://registries/azureml/environments/x/labels/latest", True), ("AzureML-Minimal", True), ("azureml:AzureML-x:1", True),
     ("azureml:mine:1", False), ("azureml:mine@latest", False)],
)  # fmt: skip
def test_what_can_only_be_curated(reference, answer):
    assert curated.is_curated(reference) is answer


def test_every_entry_is_a_definition():
    for entry in TABLE.entries:
        assert TABLE.definition(entry.names[0]).pip
