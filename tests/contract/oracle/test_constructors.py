"""The nouns take the arguments that users' code passes to theirs, under the same names, and keep them as attributes."""

import inspect
from typing import Any

import pytest

from zaffre import constants, entities

# Arguments that exist over there and make no sense here.
LEFT_OUT = {
    "kwargs",
    "hub_id",  # hubs do not exist here
    "kind",  # computed
    "network_id",  # a cloud's
    "scoring_uri", "openapi_uri", "provisioning_state", "utc_time_created",  # computed, in `status`
}  # fmt: skip


@pytest.fixture(scope="module")
def theirs(oracle: Any) -> Any:
    import azure.ai.ml.entities as module  # after `oracle` has imported it with its warnings silenced

    return module


NAMES = sorted(
    name
    for name, kind in vars(entities).items()
    if inspect.isclass(kind) and name not in ("CreationContext", "SystemData", "OnlineEndpoint", "OnlineDeployment")
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_taken(theirs: Any, name: str) -> None:
    ours, there = getattr(entities, name), _class(theirs, name)
    wanted = set(inspect.signature(there.__init__).parameters)
    named = getattr(ours, "model_fields", None) or inspect.signature(ours).parameters
    taken = set(named) | {"self", "code_path", "scoring_script"}
    assert wanted - LEFT_OUT - taken == set()


def _class(theirs: Any, name: str) -> Any:
    if hasattr(theirs, name):
        return getattr(theirs, name)
    import azure.ai.ml.entities._assets.auto_delete_setting as deleting
    import azure.ai.ml.entities._assets.default_deployment_template as template

    return getattr(template, name, None) or getattr(deleting, name)


def test_asset_types_are_the_same(oracle: Any) -> None:
    import azure.ai.ml.constants as theirs

    ours = {key: value for key, value in vars(constants.AssetTypes).items() if key.isupper()}
    assert ours == {key: getattr(theirs.AssetTypes, key) for key in ours}


def build(module: Any, path: str) -> Any:
    """The deployment of a notebook, in the words that both packages share."""
    return module.ManagedOnlineDeployment(
        name="blue",
        endpoint_name="churn",
        model=module.Model(path=path, type=constants.AssetTypes.CUSTOM_MODEL, name="m", version="1"),
        environment=module.Environment(image="base", conda_file={"dependencies": ["pip"]}, name="e"),
        code_configuration=module.CodeConfiguration(code="src", scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
        request_settings=module.OnlineRequestSettings(request_timeout_ms=3000),
        liveness_probe=module.ProbeSettings(period=5),
        scale_settings=module.DefaultScaleSettings(),
        environment_variables={"A": "1"},
        data_collector=module.DataCollector(
            collections={"model_inputs": module.DeploymentCollection(enabled="true")}, sampling_rate=0.5
        ),
        tags={"a": "b"},
    )


def test_the_code_of_a_notebook_runs_with_another_import(theirs: Any, tmp_path: Any) -> None:
    path = str(tmp_path)
    ours, there = build(entities, path), build(theirs, path)
    assert ours.name == there.name
    assert ours.model.path == there.model.path
    assert ours.environment.conda_file == there.environment.conda_file
    assert ours.scoring_script == there.scoring_script
    assert ours.code_path == there.code_path
    assert ours.request_settings.request_timeout_ms == there.request_settings.request_timeout_ms
    assert ours.scale_settings.type == there.scale_settings.type
    assert ours.data_collector.sampling_rate == there.data_collector.sampling_rate
    assert ours.provisioning_state is there.provisioning_state is None
    endpoint = entities.ManagedOnlineEndpoint(name="churn", auth_mode="key")
    endpoint.traffic = {"blue": 100}
    assert endpoint.to_wire()["traffic"] == {"blue": 100}
