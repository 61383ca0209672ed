"""What `print(entity)` shows: YAML that reads like the entity's file, and no value that may be a secret."""

import yaml

from zaffre import entities
from zaffre.contracts import wire


def test_an_entity_prints_as_yaml_with_what_the_server_computed():
    body = {
        "name": "churn",
        "version": "3",
        "path": "zaffre://trees/" + "0" * 64 + "/m",
        "tags": {"a": "größe"},
    }
    found = wire.from_answer("model", {**body, "status": {"created_by": "ann", "latest_version": "4"}})
    printed = yaml.safe_load(str(found))
    assert printed == {
        **body, "type": "custom_model", "created_by": "ann", "latest_version": "4", "archived": False,
        "labels": [], "warnings": [], "used_by": [],
    }  # fmt: skip
    assert f"{found}".startswith("name: churn\n")


def test_a_new_entity_prints_what_it_was_given():
    assert yaml.safe_load(str(entities.Model(path="m"))) == {"type": "custom_model", "path": "m"}


def test_values_that_may_be_secret_are_not_shown():
    blue = entities.ManagedOnlineDeployment(
        name="blue",
        endpoint_name="churn",
        model=entities.Model(path="https://ann:geheim@store.example/m?sv=1&sig=geheim&x=y"),
        environment_variables={"DB_PASSWORD": "geheim", "API_KEY": "${{secret.api-key}}"},
    )
    for text in (str(blue), repr(blue), repr(blue.model), f"{[blue]}"):
        assert "geheim" not in text
        assert "sv=1&sig=***&x=y" in text
    assert yaml.safe_load(str(blue))["environment_variables"] == {
        "DB_PASSWORD": "***",
        "API_KEY": "${{secret.api-key}}",
    }
    assert blue.environment_variables["DB_PASSWORD"] == "geheim"
    assert blue.to_dict()["environment_variables"]["DB_PASSWORD"] == "geheim"
