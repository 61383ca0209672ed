"""Ignore files by git's patterns; git itself says what is right."""

import shutil
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zaffre.sdk import ignores


@pytest.mark.parametrize(
    ("lines", "path", "excluded"),
    [
        (["*.log"], "a/b.log", True),
        (["/*.log"], "a/b.log", False),
        (["/*.log"], "b.log", True),
        (["a/*.log"], "x/a/b.log", False),
        (["**/a"], "x/y/a", True),
        (["a/**"], "a/b/c", True),
        (["a/**"], "a", False),
        (["*.log", "!keep.log"], "keep.log", False),
        (["# comment", "", "\\#real"], "#real", True),
        (["name "], "name", True),
        (["[a-c].txt"], "b.txt", True),
        (["[!a-c].txt"], "b.txt", False),
        (["?.txt"], "ab.txt", False),
        (["a?b"], "a/b", False),
    ],
)
def test_patterns(lines, path, excluded):
    assert ignores.Rules(lines).excludes(path) is excluded


def test_a_pattern_with_a_slash_at_the_end_means_folders():
    rules = ignores.Rules(["build/"])
    assert rules.excludes("build", folder=True)
    assert not rules.excludes("build")


def test_amlignore_stands_in_for_gitignore(tmp_path):
    (tmp_path / ".gitignore").write_text("a\n")
    assert ignores.read(tmp_path).excludes("a")
    (tmp_path / ".amlignore").write_text("b\n")
    assert not ignores.read(tmp_path).excludes("a")
    assert ignores.read(tmp_path, also=["c"]).excludes("c")


pieces = st.sampled_from(["a", "b", "*", "**", "?", "a*", "[ab]", "[!a]", "x.y", "*.y"])
patterns = st.builds(
    lambda start, parts, end, negated: ("!" if negated else "") + start + "/".join(parts) + end,
    st.sampled_from(["", "/"]),
    st.lists(pieces, min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
    st.booleans(),
)
names = st.sampled_from(["a", "b", "ab", "x.y", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the judge here")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(patterns, min_size=1, max_size=3), st.lists(paths, min_size=1, max_size=6, unique=True))
def test_git_agrees(tmp_path, lines, asked):
    if not (tmp_path / ".git").exists():
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    # Nothing lies in the folder, so git takes every path for a file, and every part above it for a folder.
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=tmp_path, input="\0".join(asked), capture_output=True, text=True,
    )  # fmt: skip
    theirs = {path for path in done.stdout.split("\0") if path}
    rules = ignores.Rules(lines)

    def ours(path):
        above = path.split("/")[:-1]
        return any(
            rules.excludes("/".join(above[: at + 1]), folder=True) for at in range(len(above))
        ) or rules.excludes(path)

    assert {path for path in asked if ours(path)} == theirs
