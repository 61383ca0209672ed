import pytest

from zaffre.contracts import workspace as contract
from zaffre.core import errors
from zaffre.server.access import callers, workspaces
from zaffre.server.registry.versioning import referring

PLACE = "/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"


def read(database, caller, text, workspace="default"):
    with database.read() as uow:
        return referring.named(uow, caller, workspace, text, kind="models")


def full(workspace, *, group="g", subscription="s"):
    place = PLACE.format(group=group, workspace=workspace)
    return f"azureml:/subscriptions/{subscription}{place}/models/churn/versions/3"


@pytest.fixture
def owned(database):
    """A workspace that says which group and subscription it is of."""
    wanted = contract.Workspace(name="prod", resource_group="G", subscription="S")
    with database.write() as uow:
        workspaces.create(uow, callers.system("test"), wanted)
    return "prod"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("azureml:churn:3", ("churn", "3")),
        ("azureml:churn@champion", ("churn", "@champion")),
        ("azureml:churn", ("churn", "@latest")),
        ("azureml:/workspaces/default/models/churn/versions/3", ("churn", "3")),
        ("/workspaces/default/models/churn/versions/3", ("churn", "3")),
        (full("Default", group="any", subscription="any"), ("churn", "3")),
    ],
)
def test_a_reference_means_a_version_of_this_workspace(database, ann, text, wanted):
    assert read(database, ann, text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        full("other"),
        "azureml:/workspaces/other/models/churn/versions/3",
        "azureml://locations/west/workspaces/other/models/churn/versions/3",
        "azureml://subscriptions/s/resourcegroups/g/workspaces/other/models/churn/versions/3",
    ],
)
def test_a_version_of_another_workspace_is_never_taken_from_this_one(database, ann, text):
    with pytest.raises(errors.Invalid, match=r"workspace other.* in workspace default"):
        read(database, ann, text)


def test_a_full_id_must_name_the_group_and_subscription_of_its_workspace(database, ann, owned):
    assert read(database, ann, full(owned), owned) == ("churn", "3")
    with pytest.raises(errors.NotFound, match="no workspace prod in resource group 'dev'"):
        read(database, ann, full(owned, group="dev"), owned)
    with pytest.raises(errors.NotFound, match="no workspace prod in subscription 'x'"):
        read(database, ann, full(owned, subscription="x"), owned)


def test_a_registry_is_outside_this_server(database, ann):
    with pytest.raises(errors.Unsupported, match="registry"):
        read(database, ann, "azureml://registries/r/models/churn/versions/3")
