"""What importing costs: `zaffre` nothing, the contracts no server and no HTTP client."""

import subprocess
import sys

import pytest

import zaffre


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import zaffre", {"pydantic", "yaml", "httpx", "fastapi", "sqlalchemy"}),
        ("import zaffre.constants, zaffre.identity", {"pydantic", "yaml", "httpx"}),
        (
            "import zaffre.entities, zaffre.contracts.files, zaffre.contracts.schemas, zaffre.contracts.events",
            {"fastapi", "starlette", "sqlalchemy", "httpx", "zaffre.server", "zaffre.sdk", "zaffre_runtime"},
        ),
    ],
)
def test_an_import_loads_nothing_heavy(statement: str, unwanted: set[str]) -> None:
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert unwanted & set(run.stdout.split()) == set()


def test_the_public_names_resolve_and_are_sorted() -> None:
    assert sorted(zaffre.__all__) == zaffre.__all__
    for name in set(zaffre.__all__) - {"MLClient"}:
        assert getattr(zaffre, name) is not None
    with pytest.raises(AttributeError):
        zaffre.load_unicorn  # noqa: B018  the attribute access is the test


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("zaffre", ["Input", "Output", "command", "dsl", "load_job", "load_compute"]),
        ("zaffre.entities", ["AmlCompute", "BatchEndpoint", "Job"]),
        ("zaffre.constants", ["InputOutputModes"]),
    ],
)
def test_an_import_of_what_comes_later_says_so(module: str, names: list[str]) -> None:
    for name in names:
        with pytest.raises(
            ImportError, match=f"'{name}' cannot be imported from {module}: .* not part of Zaffre yet"
        ):
            exec(f"from {module} import {name}")
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec(f"from {module} import nonsense")


def test_credentials_exist_in_name_and_hand_out_nothing() -> None:
    from zaffre import exceptions, identity

    made = identity.ClientSecretCredential(tenant_id="t", client_id="c", client_secret="geheim")
    assert isinstance(made, identity.DefaultAzureCredential)
    assert vars(made) == {}
    with pytest.raises(
        exceptions.ClientAuthenticationError, match=r"has no token for .*MLClient needs none"
    ) as caught:
        made.get_token("https://management.azure.com/.default")
    assert isinstance(caught.value, identity.CredentialUnavailableError)
    assert "geheim" not in str(caught.value)


def test_a_script_may_raise_and_catch_the_errors_it_knows() -> None:
    from zaffre import exceptions

    with pytest.raises(exceptions.MlException, match="Failed") as caught:
        raise exceptions.DeploymentException("Failed")
    assert caught.value.message == "Failed"
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), exceptions.MlException)
