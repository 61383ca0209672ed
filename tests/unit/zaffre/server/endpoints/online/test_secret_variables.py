"""Which values of variables name secrets, and which only look as if they did."""

import pytest

from zaffre.core import errors
from zaffre.server.endpoints.online import secret_variables


def named(text):
    return secret_variables.named({"environment_variables": {"V": text}})


@pytest.mark.parametrize(
    "text",
    [
        "${{secret.db-password}}",
        "${{ secret.db-password }}",
        "${{keyvault:https://v.vault.azure.net/secrets/db-password}}",
        "${{keyvault:https://v.vault.azure.net/secrets/db-password/0123abc}}",
    ],
)
def test_a_secret_is_named(text):
    assert named(text) == {"V": "db-password"}


@pytest.mark.parametrize(
    "text", ["", "plain", "${HOME}", "${{inputs.x}}", "secret.db", "$ {{secret.x}}", "5"]
)
def test_other_values_are_themselves(text):
    assert named(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "x${{secret.a}}",
        "${{secret.a}}${{secret.b}}",
        "${{secrets.a}}",
        "${{secret.}}",
        "${{secret.a/b}}",
        "${{keyvault:http://v/secrets/a}}",
        "${{keyvault:https://v/keys/a}}",
        "${{azureml://connections/c/credentials/a}}",
    ],
)
def test_what_was_meant_to_be_one_is_refused(text):
    with pytest.raises(errors.Invalid, match=r"environment_variables\.V"):
        named(text)


def test_a_deployment_without_variables_names_none():
    assert secret_variables.named({}) == {}
