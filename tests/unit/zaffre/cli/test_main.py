"""What a person gets for right and wrong words, without any server."""

import re
from pathlib import Path

import pytest

from zaffre.cli import catalogue, grammar, root, sessions
from zaffre.core import errors


def test_help_lists_every_noun_and_command(zaffre):
    code, out, _ = zaffre("--help")
    assert code == 0
    assert all(
        re.search(rf"^  {name}\b", out, re.MULTILINE) for name in [*catalogue.NOUNS, *catalogue.COMMANDS]
    )


@pytest.mark.parametrize("noun", catalogue.NOUNS)
def test_every_noun_and_verb_has_help(zaffre, noun):
    context = root.root.make_context("zaffre", ["x"], resilient_parsing=True)
    group = root.root.get_command(context, noun)
    assert group.name == noun
    code, out, _ = zaffre(noun, "--help")
    assert code == 0
    for verb in group.commands:
        assert verb in out
        code, text, _ = zaffre("ml", noun, verb, "-h")
        assert code == 0
        assert group.commands[verb].help.split()[0] in text


def test_help_lists_no_word_without_saying_what_it_is(zaffre):
    _, shown, _ = zaffre("deploy", "--help")
    assert "MODEL is a file or folder" in shown
    assert "\n  MODEL\n" not in shown.partition("Options:")[2]


def test_version(zaffre):
    code, out, _ = zaffre("--version")
    assert (code, out.split()[0]) == (0, "zaffre")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["modle"], "Did you mean 'zaffre model'?"),
        (["model", "craete"], "Did you mean 'zaffre model create'?"),
        (["model", "show", "--nmae", "x"], "Did you mean --name?"),
        (["ml", "online-endpoint", "invok"], "Did you mean 'zaffre ml online-endpoint invoke'?"),
        (["model", "show"], "--name"),
        (["model", "list", "-o", "xml"], "xml"),
        (["model", "list", "-r", "0"], "0"),
        (["model", "list", "--archive", "--inc"], "No Zaffre server"),
        (["model", "list", "extra"], "extra"),
        (["--frobnicate"], "frobnicate"),
    ],
)
def test_wrong_words_exit_2_and_say_what_next(zaffre, words, said):
    code, out, err = zaffre(*words)
    assert code == (7 if "server" in said else 2)
    assert said in err
    assert out == ""
    assert 1 <= len(err.strip().splitlines()) <= 2


@pytest.mark.parametrize(
    "words",
    [
        ["job", "create", "-f", "x.yml"],
        ["ml", "component", "list"],
        ["model", "package", "-n", "x"],
        ["data", "mount"],
    ],
)
def test_what_az_has_and_zaffre_does_not_yet_is_told_apart_from_a_typo(zaffre, words):
    code, _, err = zaffre(*words)
    assert code == errors.Unsupported.exit_code
    assert "not part of Zaffre yet" in err


@pytest.mark.parametrize(
    "words", [["account", "show"], ["login"], ["group", "create", "-n", "x"], ["ml", "acr", "build"]]
)
def test_lines_of_scripts_that_prepare_azure_itself_are_told_to_go(zaffre, words):
    code, _, err = zaffre(*words)
    assert code == errors.Unsupported.exit_code
    assert "about Azure itself, which Zaffre works without" in err
    assert not set(catalogue.OF_AZURE) & {*catalogue.NOUNS, *catalogue.COMMANDS, *catalogue.NOT_YET}


@pytest.mark.parametrize(
    "words",
    [
        ["online-deployment", "create", "-f", "x.yml", "--package-model"],
        ["model", "list", "--registry-name", "r"],
    ],
)
def test_flags_that_come_later_say_so(zaffre, words):
    code, _, err = zaffre(*words)
    assert code == 6
    assert "not part of Zaffre yet" in err


def test_without_a_server_the_error_tells_how_to_start_one(zaffre):
    code, out, err = zaffre("model", "list")
    assert (code, out) == (7, "")
    assert "zaffre server start" in err


def test_a_stopped_server_is_told_apart(zaffre, home):
    home.mkdir()
    (home / "server.json").write_text('{"url": "http://127.0.0.1:1", "pid": null}')
    _, _, err = zaffre("model", "list")
    assert "is stopped" in err


def test_a_spaced_tag_is_shown_the_right_form(zaffre):
    for words in (["TagName : TagValue"], ["TagName", ":", "TagValue"]):
        code, _, err = zaffre("model", "list", "--tag", *words)
        if code == 7:
            pytest.fail("the tag was not looked at before the server")
        assert code == 2
        assert "TagName=TagValue" in err


def test_a_missing_file_is_named(zaffre):
    code, _, err = zaffre("model", "create", "-f", "absent.yml")
    assert code == 4
    assert "absent.yml" in err


def test_configure_keeps_and_forgets_defaults(zaffre, home):
    assert zaffre("configure", "--defaults", "group=rg", "workspace=team")[0] == 0
    code, out, _ = zaffre("configure", "-l", "--query", "[].[name, value]", "-o", "tsv")
    assert (code, out) == (0, "group\trg\nworkspace\tteam\n")
    session = sessions.Session({})
    assert (session.resource_group, session.workspace) == ("rg", "team")
    assert zaffre("configure", "--defaults", "group=")[0] == 0
    assert sessions.Session({}).resource_group is None
    code, _, err = zaffre("configure", "--defaults", "wrokspace=x")
    assert code == 2
    assert "workspace" in err
    assert (home / "config").is_file()


def test_the_workspace_comes_from_flag_then_environment_then_default(home, monkeypatch):
    assert sessions.Session({}).workspace == "default"
    monkeypatch.setenv("ZAFFRE_WORKSPACE", "env")
    assert sessions.Session({}).workspace == "env"
    assert sessions.Session({"workspace_name": "flag"}).workspace == "flag"
    full = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    session = sessions.Session({"workspace_name": full})
    assert (session.subscription, session.resource_group, session.workspace) == ("s", "g", "w")


def test_options_of_every_command_may_stand_first():
    assert grammar.leading_options_last(["-o", "tsv", "--debug", "model", "list"]) == [
        "model",
        "list",
        "-o",
        "tsv",
        "--debug",
    ]
    assert grammar.leading_options_last(["--help"]) == ["--help"]


def test_settings_are_explained_and_passwords_hidden(zaffre, monkeypatch):
    monkeypatch.setenv("ZAFFRE_DATABASE_URL", "postgresql://u:geheim@db/x")
    code, out, _ = zaffre("server", "settings")
    assert code == 0
    assert "geheim" not in out
    assert "u:***@db/x" in out
    assert "ZAFFRE_DATABASE_URL" in out


def test_an_interrupt_exits_130(zaffre, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sessions.configuration, "read", interrupt)
    assert zaffre("server", "status")[0] == root.INTERRUPTED


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (PermissionError(13, "Permission denied", "/x/y"), "/x/y: Permission denied"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_what_nobody_expected_is_two_lines_and_a_traceback_on_request(zaffre, monkeypatch, failure, said):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(sessions.configuration, "read", fail)
    code, _, err = zaffre("server", "status")
    assert code == 1
    assert said in err
    assert len(err.strip().splitlines()) == 2
    assert "Traceback" in zaffre("server", "status", "--debug")[2]


def test_debug_prints_a_traceback(zaffre):
    _, _, err = zaffre("model", "list", "--debug")
    assert "Traceback" in err


AZURE_FLAGS = {
    "workspace create": "-r --allow-roleassignment-on-rg -a --application-insights -c --container-registry --default-resource-group --description --display-name -e --enable-data-isolation -f --file --hub-id -i --image-build-compute -k --key-vault --kind -l --location -m --managed-network -n --name --no-wait -p --primary-user-assigned-identity --provision-network-now --public-network-access --set -s --storage-account -d --system-datastores-auth-mode --tags -u --update-dependent-resources",
    "workspace delete": "-n --name --all-resources --no-wait -p --permanently-delete -y --yes",
    "workspace list": "--filtered-kinds -r --max-results",
    "workspace show": "-n --name",
    "workspace update": "-n --name --add -r --allow-roleassignment-on-rg -a --application-insights -c --container-registry --description --display-name -f --file --force-string -i --image-build-compute -m --managed-network --network-acls --no-wait -p --primary-user-assigned-identity --public-network-access --remove --set -d --system-datastores-auth-mode -u --update-dependent-resources",
    "model create": "--datastore --description -f --file -n --name --no-wait -p --path --set -s --stage --tags -t --type -v --version",
    "model list": "--archived-only --include-archived -r --max-results -n --name -s --stage",
    "model show": "-n --name -l --label -v --version",
    "model update": "-n --name --add --force-string -l --label --remove --set -s --stage -v --version",
    "model download": "-n --name -v --version -p --download-path",
    "model archive": "-n --name -l --label -v --version",
    "model restore": "-n --name -l --label -v --version",
    "model share": "-n --name --share-with-name --share-with-version -v --version",
    "data create": "--datastore -d --description -f --file -n --name --no-wait -p --path --set --skip-validation -t --type -v --version",
    "data list": "--archived-only --include-archived -r --max-results -n --name",
    "data update": "-n --name --add --force-string -l --label --remove --set -v --version",
    "data show": "-n --name -l --label -v --version",
    "data archive": "-n --name -l --label -v --version",
    "data restore": "-n --name -l --label -v --version",
    "data share": "-n --name --share-with-name --share-with-version -v --version",
    "environment show": "-n --name -l --label -v --version",
    "environment list": "--archived-only --include-archived -r --max-results -n --name",
    "environment archive": "-n --name -l --label -v --version",
    "environment restore": "-n --name -l --label -v --version",
    "environment share": "-n --name --share-with-name --share-with-version -v --version",
    "online-endpoint list": "--local",
    "environment create": "-b --build-context -c --conda-file --datastore --description -d --dockerfile-path -f --file -i --image -n --name --no-wait --os-type --set --tags -v --version",
    "environment update": "-n --name --add --force-string -l --label --remove --set -v --version",
    "online-endpoint create": "--auth-mode -f --file --local -n --name --no-wait --set -e --web",
    "online-endpoint update": "--add -f --file --force-string --local --mirror-traffic -n --name --no-wait --remove --set -r --traffic -e --web",
    "online-endpoint show": "-n --name --local -e --web",
    "online-endpoint delete": "-n --name --local --no-wait -y --yes",
    "online-endpoint invoke": "-n --name -d --deployment-name --local -r --request-file",
    "online-endpoint get-credentials": "-n --name",
    "online-endpoint regenerate-keys": "-n --name --key-type --no-wait",
    "online-deployment create": "-f --file --all-traffic -e --endpoint-name --local --local-enable-gpu -n --name --no-wait --package-model --set --skip-script-validation --vscode-debug --web",
    "online-deployment update": "--add -e --endpoint-name -f --file --force-string --local --local-enable-gpu -n --name --no-wait --remove --set --skip-script-validation --vscode-debug --web",
    "online-deployment show": "-e --endpoint-name -n --name --local --web",
    "online-deployment list": "-e --endpoint-name --local",
    "online-deployment delete": "-e --endpoint-name -n --name --local --no-wait -y --yes",
    "online-deployment get-logs": "-e --endpoint-name -n --name -c --container -l --lines --local",
}


@pytest.mark.parametrize("command", AZURE_FLAGS)
def test_every_flag_of_az_is_there(command):
    noun, verb = command.split()
    context = root.root.make_context("zaffre", ["x"], resilient_parsing=True)
    found = root.root.get_command(context, noun).commands[verb]
    known = {name for param in found.params for name in param.opts}
    wanted = {
        *AZURE_FLAGS[command].split(),
        "-g",
        "--resource-group",
        "-w",
        "--workspace-name",
        "--subscription",
    }
    wanted |= {"-o", "--output", "--query", "--debug", "--verbose", "--only-show-errors"}
    assert wanted <= known


def test_no_verb_has_two_options_of_one_name():
    context = root.root.make_context("zaffre", ["x"], resilient_parsing=True)
    for noun in catalogue.NOUNS:
        for verb in root.root.get_command(context, noun).commands.values():
            names = [name for param in verb.params for name in param.opts if name.startswith("-")]
            assert len(names) == len(set(names)), f"{noun} {verb.name}"


CHANGING = {
    "create",
    "update",
    "delete",
    "archive",
    "convert",
    "profile",
    "restore",
    "rollback",
    "regenerate-keys",
    "rotate-signing-key",
    "revoke",
    "set",
    "stop",
    "gc",
}


def test_every_verb_that_changes_something_takes_a_reason():
    context = root.root.make_context("zaffre", ["x"], resilient_parsing=True)
    for noun in catalogue.NOUNS:
        group = root.root.get_command(context, noun)
        for verb in group.commands.values():
            if isinstance(verb, grammar.Verb):
                takes = any("--reason" in param.opts for param in verb.params)
                assert takes == (verb.name in CHANGING), f"{noun} {verb.name}"


def test_no_module_of_the_command_line_imports_the_server():
    folder = Path(root.__file__).parent
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) zaffre(\.|_)(server|runtime)", text, re.MULTILINE), file


def test_a_debugger_waits_on_this_machine_only(zaffre, tmp_path):
    (tmp_path / "blue.yml").write_text(
        "name: blue\nendpoint_name: tried\nmodel: azureml:m:1\ninstance_type: Standard_DS3_v2\n"
    )
    code, _, err = zaffre("online-deployment", "create", "-f", str(tmp_path / "blue.yml"), "--vscode-debug")
    assert code == 2
    assert "--vscode-debug needs --local" in err
