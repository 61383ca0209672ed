"""The names and arguments of azure.ai.ml, seen beside the original."""

import inspect
import json
import types

import pytest

from zaffre import MLClient, entities, identity
from zaffre.contracts import model, online_endpoint
from zaffre.core import errors
from zaffre.sdk import online_endpoints

original = pytest.importorskip("azure.ai.ml")
original_entities = pytest.importorskip("azure.ai.ml.entities")


@pytest.fixture
def client(served):
    with MLClient(object(), "sub", "rg", "ws", url=served.url, token="zf_x", cloud="AzureCloud") as made:
        yield made


def test_scope_is_as_given(client, served):
    assert (client.subscription_id, client.resource_group_name, client.workspace_name) == ("sub", "rg", "ws")
    assert "zf_x" not in repr(client)


def test_from_config_reads_the_users_file(tmp_path, monkeypatch, served):
    (tmp_path / "config.json").write_text(
        json.dumps({"subscription_id": "s", "resource_group": "g", "workspace_name": "w"})
    )
    monkeypatch.chdir(tmp_path)
    with MLClient.from_config(credential=None, url=served.url, token="zf_x") as made:
        assert (made.subscription_id, made.resource_group_name, made.workspace_name) == ("s", "g", "w")


PAIRS = {
    "models": ["create_or_update", "get", "list", "archive", "restore", "download", "share", "package"],
    "data": ["create_or_update", "get", "list", "archive", "restore", "share"],
    "environments": ["create_or_update", "get", "list", "archive", "restore", "share"],
    "online_endpoints": ["begin_create_or_update", "get", "list", "begin_delete", "get_keys", "begin_regenerate_keys", "invoke"],
    "online_deployments": ["begin_create_or_update", "get", "list", "begin_delete", "get_logs"],
    "workspaces": ["get", "list", "begin_create", "begin_update", "begin_delete"],
}  # fmt: skip


@pytest.mark.parametrize(("noun", "verb"), [(noun, verb) for noun, verbs in PAIRS.items() for verb in verbs])
def test_every_argument_of_the_original_is_accepted(client, noun, verb):
    theirs = inspect.signature(
        getattr(type(inspect.getattr_static(original.MLClient, noun).fget), verb, None)
        or original_method(noun, verb)
    )
    ours = inspect.signature(getattr(getattr(client, noun), verb))
    open_ended = any(p.kind is p.VAR_KEYWORD for p in ours.parameters.values())
    wanted = [
        p
        for p in theirs.parameters.values()
        if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]
    for parameter in wanted:
        if parameter.name not in ours.parameters:
            assert open_ended, f"{noun}.{verb}({parameter.name})"
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{noun}.{verb}({parameter.name})"
    positions = [p.name for p in wanted if p.kind is p.POSITIONAL_OR_KEYWORD]
    mine = [p.name for p in ours.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if "args" not in {p.name for p in ours.parameters.values()} and mine:
        assert mine[: len(positions)] == positions, f"{noun}.{verb}"


def original_method(noun, verb):
    from azure.ai.ml import operations

    names = {
        "models": "ModelOperations", "data": "DataOperations", "environments": "EnvironmentOperations",
        "online_endpoints": "OnlineEndpointOperations", "online_deployments": "OnlineDeploymentOperations",
        "workspaces": "WorkspaceOperations",
    }  # fmt: skip
    return getattr(getattr(operations, names[noun]), verb)


@pytest.mark.parametrize(
    "noun", ["jobs", "compute", "components", "schedules", "datastores", "batch_endpoints"]
)
def test_what_comes_later_says_so(client, noun):
    with pytest.raises(errors.Unsupported, match="not part of Zaffre yet"):
        getattr(client, noun)
    with pytest.raises(AttributeError):
        client.nonsense  # noqa: B018 asking is the test


def test_the_registry_of_curated_environments_is_read_as_on_azure(served):
    body = {"name": "sklearn-1.5", "zaffre": {"requirements": ["scikit-learn"]}}
    listed = {"items": [body, {**body, "name": "minimal"}], "next": None}
    served.answer = lambda _, path, *__: (200, {}, body if path.endswith("/sklearn-1.5") else listed)
    with MLClient(object(), registry_name="azureml", url=served.url, token="zf_x") as registry:
        assert "registry_name='azureml'" in repr(registry)
        assert registry.environments.get("sklearn-1.5", label="latest").name == "sklearn-1.5"
        assert [one.name for one in registry.environments.list()] == ["sklearn-1.5", "minimal"]
        assert [one.name for one in registry.environments.list(name="minimal")] == ["minimal"]
        for call in (
            lambda: registry.models,
            lambda: registry.data,
            lambda: registry.online_endpoints,
            lambda: registry.environments.create_or_update(entities.Environment(image="x")),
            lambda: registry.create_or_update(model.Model(path="x")),
        ):
            with pytest.raises(errors.Unsupported, match="registry azureml") as caught:
                call()
            assert "without registry_name" in caught.value.hint
        with pytest.raises(AttributeError):
            registry.environments.nonsense  # noqa: B018 asking is the test


def test_another_registry_is_refused_at_once(served):
    with pytest.raises(errors.Unsupported, match=r"no registry 'ours' here; the only one is 'azureml'"):
        MLClient(object(), "sub", "rg", None, "ours", url=served.url, token="zf_x")
    with pytest.raises(errors.Invalid, match="exclude each other"):
        MLClient(object(), "sub", "rg", "ws", "azureml", url=served.url, token="zf_x")


def test_options_reach_the_operations_of_what_is_made(client, monkeypatch):
    heard = []
    monkeypatch.setattr(
        online_endpoints.OnlineEndpointOperations,
        "begin_create_or_update",
        lambda _, entity, **options: heard.append((entity.name, options)),
    )
    client.begin_create_or_update(online_endpoint.ManagedOnlineEndpoint(name="abc"), local=True)
    assert heard == [("abc", {"local": True})]


def test_operations_that_come_later_say_so(client):
    for call in (
        lambda: client.workspaces.begin_diagnose("ws"),
        lambda: client.workspaces.begin_provision_network(workspace_name="ws"),
        client.workspaces.begin_sync_keys,
        lambda: client.data.list_materialization_status("d"),
        lambda: client.models.share("m", "1", registry_name="r", share_with_name="m", share_with_version="1"),
        lambda: client.models.package("m", "1", None),
        lambda: client.data.mount("azureml:d:1"),
    ):
        with pytest.raises(errors.Unsupported):
            call()


def test_an_entity_in_the_wrong_place_is_told_where_it_belongs(client):
    with pytest.raises(errors.Invalid, match="ManagedOnlineEndpoint") as caught:
        client.create_or_update(online_endpoint.ManagedOnlineEndpoint(name="abc"))
    assert "begin_create_or_update" in caught.value.hint
    with pytest.raises(errors.Invalid) as caught:
        client.begin_create_or_update(model.Model(name="m"))
    assert "ml_client.create_or_update" in caught.value.hint


def test_a_reason_travels_with_changes(client, served):
    client.reason = "why not"
    client.tokens.revoke("x")
    assert served.requests[0][2]["x-zaffre-reason"] == "why not"


def test_keys_are_not_printed(client, served):
    keys = {"primary_key": "geheim1", "secondary_key": "geheim2"}
    served.answer = lambda _, path, *__: (200, {}, keys if path.endswith("/credentials") else {"name": "abc"})
    keys = client.online_endpoints.get_keys("abc")
    assert (keys.primary_key, keys.secondary_key) == ("geheim1", "geheim2")
    assert "geheim" not in repr(keys)
    assert isinstance(keys, entities.EndpointAuthKeys)


def test_what_opens_an_endpoint_has_the_classes_and_fields_of_the_original():
    given = types.SimpleNamespace(token="geheim", expires_on=17)
    for name, arguments in {
        "EndpointAuthKeys": {"primary_key": "geheim", "secondary_key": "geheim"},
        "EndpointAuthToken": {
            "access_token": "geheim",
            "expiry_time_utc": 1.5,
            "refresh_after_time_utc": 1.0,
            "token_type": "Bearer",
        },
    }.items():
        ours, theirs = getattr(entities, name), getattr(original_entities, name)
        assert vars(ours(**arguments)) == vars(theirs(**arguments))
        assert vars(ours()) == vars(theirs())
        assert "geheim" not in repr(ours(**arguments))
    ours, theirs = entities.EndpointAadToken(given), original_entities.EndpointAadToken(given)
    assert vars(ours).items() >= vars(theirs).items()
    assert "geheim" not in repr(ours)


def test_a_credential_in_name_only_opens_no_endpoint_of_an_issuer(served):
    served.answer = lambda *_: (200, {}, {"name": "abc", "auth_mode": "aad_token"})
    credential = identity.DefaultAzureCredential()
    with (
        MLClient(credential, url=served.url, token="zf_x") as client,
        pytest.raises(errors.Unauthenticated, match="endpoints/abc is opened by tokens of an issuer"),
    ):
        client.online_endpoints.get_keys("abc")


def test_the_logs_of_the_container_that_fetches_models_on_azure_say_that_nothing_was_fetched(client, served):
    served.answer = lambda *_: (200, {}, {"name": "blue", "endpoint_name": "abc"})
    told = client.online_deployments.get_logs("blue", "abc", 50, container_type="storage-initializer")
    assert "lies on this machine" in told
    with pytest.raises(errors.Invalid, match="no container 'sidecar'"):
        client.online_deployments.get_logs("blue", "abc", 50, container_type="sidecar")
