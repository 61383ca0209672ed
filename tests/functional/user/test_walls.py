"""Workspaces as scripts name them: groups, full ids, names that do not exist, and deleting one that is not empty."""


def test_a_workspace_goes_only_when_nothing_is_in_it(user):
    user("zaffre workspace create -n team -g rg1 --subscription 0000-1")
    user("zaffre model create -n kept -p model -w team")
    said = user.error("zaffre workspace delete -n team -y", 5)
    assert "Workspace team is not empty: models/kept." in said
    assert "Delete these first" in said
    assert user.out("zaffre model list -w team --query '[].name' -o tsv") == "kept"
    user("zaffre model delete -n kept -v 1 -y -w team")
    user("zaffre workspace delete -n team -y")


def test_a_workspace_that_does_not_exist_is_not_an_empty_one(user):
    for line in ("model list", "model show -n x", "environment list", "data list", "online-endpoint list"):
        assert "There is no workspace nowhere." in user.error(f"zaffre {line} -w nowhere", 4)


def test_the_option_that_names_a_workspace_everywhere_names_the_one_that_is_made(user):
    assert (
        user.out("zaffre workspace create -w older -g rg9 --query '[name, resource_group]' -o tsv")
        == "older\nrg9"
    )
    assert "--name is required" in user.error("zaffre workspace create -g rg9", 2)
    user("zaffre workspace delete -n older -y")


def test_groups_and_full_ids_resolve(user):
    user("zaffre workspace create -n ours -g rg2 --subscription 0000-2")
    whole = user.json("zaffre workspace show -n ours -g rg2")["id"]
    user(f"zaffre model create -n there -p model -w {whole}")
    assert user.out("zaffre model list -g rg2 -w ours --query '[].name' -o tsv") == "there"
    listed = user.out("zaffre workspace list -g rg2 --query '[].name' -o tsv").split()
    assert "ours" in listed
    assert "no workspace ours in resource group 'rg9'" in user.error(
        "zaffre workspace show -n ours -g rg9", 4
    )
    # One that belongs to no group is found from every script.
    assert user.json("zaffre workspace show -n default -g anything")["name"] == "default"
    assert "default" in listed
    assert "ours" not in user.out("zaffre workspace list -g rg9 --query '[].name' -o tsv")
    wrong = (
        "model list -w ours -g rg9",
        "workspace delete -n ours -g rg9 -y",
        "model list -w ours --subscription x",
    )
    for command in wrong:
        assert "There is no workspace ours in " in user.error(f"zaffre {command}", 4)


def test_an_environment_of_another_workspace_is_never_taken_from_this_one(user):
    user("zaffre workspace create -n theirs -g rg3 --subscription 0000-3")
    whole = user.json("zaffre workspace show -n theirs")["id"]
    for place in ("", " -w theirs"):
        user(f"zaffre environment create -n same --image x{place}")
    copy = "zaffre environment create --from {source} -n copy-of-same"
    said = user.error(copy.format(source=f"azureml:{whole}/environments/same/versions/1"), 2)
    assert "is of workspace theirs, and cannot be used in workspace default" in said
    own = user.json("zaffre environment show -n same")["id"]
    assert user.json(copy.format(source=f"azureml:{own}"))["name"] == "copy-of-same"


def test_a_configuration_file_of_azure_names_the_workspace(user):
    user.write(
        "config.json", '{"subscription_id": "0000", "resource_group": "rg", "workspace_name": "default"}'
    )
    printed = user.python("""
        from zaffre import MLClient
        from zaffre.entities import Model
        from zaffre.identity import DefaultAzureCredential

        client = MLClient.from_config(credential=DefaultAzureCredential())
        print(client.workspace_name, client.resource_group_name, client.subscription_id)
        print(client.models.create_or_update(Model(name="by-config", path="model")).version)
        print(client.workspaces.get(client.workspace_name).name)
    """)
    assert printed.split() == ["default", "rg", "0000", "1", "default"]


def test_defaults_are_configured_once(user):
    user("az configure --defaults workspace=default group=rg")
    assert user.json("zaffre model list") is not None
    assert "workspace" in user.out("zaffre configure --list-defaults")
