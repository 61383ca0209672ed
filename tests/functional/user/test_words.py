"""What is typed and what comes back: flags, errors in the words that were typed, help, output."""

import json

import pytest


@pytest.mark.parametrize("line", ["zaffre", "zaffre ml", "zaffre model", "zaffre online-deployment"])
def test_a_group_alone_shows_what_is_in_it(user, line):
    done = user(line)
    assert done.stdout.startswith("Usage: zaffre")
    assert not done.stderr


def test_help_says_each_verb_in_a_whole_sentence(user):
    text = user.out("zaffre environment --help")
    assert "..." not in text.partition("Commands:")[2]
    assert "Hide an environment" in text


def test_errors_name_the_flag_that_was_typed(user):
    said = user.error("zaffre model create --name 'bad name!' --path model", 2)
    assert "ERROR: --name: 'bad name!' is not a valid model name." in said
    assert "ERROR: --type: must be 'custom_model'" in user.error(
        "zaffre model create -n x -p model -t tritonmodel", 2
    )
    assert "--name is required.\nGive the flags, or a file" in user.error("zaffre model create", 2)
    said = user.error("zaffre model create -n x -p nowhere", 4)
    assert "there is no file or folder" in said
    assert "nowhere" in said


def test_a_property_cannot_be_taken_away(user):
    user("zaffre model create -n props -p model --set properties.a=1")
    said = user.error("zaffre model update -n props -v 1 --remove properties.a", 5)
    assert "'a' of props:1 stays" in said
    assert user.json("zaffre model show -n props -v 1")["properties"] == {"a": "1"}


def test_plain_requirements_make_an_environment(user):
    user.write("requirements.txt", "tabulate==0.9.0  # pinned\n")
    made = user.json("zaffre environment create -n plain --requirements requirements.txt")
    assert made["zaffre"]["requirements"] == ["tabulate==0.9.0"]
    assert "no.txt cannot be read" in user.error(
        "zaffre environment create -n plain --requirements no.txt", 4
    )


def test_every_format_on_a_pipe(user):
    user("zaffre model create -n shown -p model --tags a=b")
    show = "zaffre model show -n shown --query '{name: name, tags: tags}'"
    assert json.loads(user.out(f"{show} -o json")) == {"name": "shown", "tags": {"a": "b"}}
    assert user.out(f"{show} -o jsonc") == user.out(f"{show} -o json")
    assert user.out(f"{show} -o yaml") == "name: shown\ntags:\n  a: b"
    assert user.out(f"{show} -o yamlc") == user.out(f"{show} -o yaml")
    assert user.out(f"{show} -o table").split() == ["Name", "-----", "shown"]
    assert user.out("zaffre model show -n shown --query name -o tsv") == "shown"
    assert user.out(f"{show} -o none") == ""


def test_versions_count_up_without_gaps_under_concurrent_registration(user):
    line = "zaffre model create -n counted -p model --query version -o tsv --only-show-errors"
    versions = user.out(f"for i in 1 2 3 4; do {line} & done; wait").split()
    assert sorted(versions) == ["1", "2", "3", "4"]
