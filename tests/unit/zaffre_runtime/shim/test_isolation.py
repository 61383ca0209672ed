"""Which folders must be covered so that another uid sees what it needs and nothing else: the pure part."""

import os

import pytest

from zaffre_runtime.shim import isolation

UID = 64321


def wanted(hidden, *binds):
    made = tuple(isolation.Bind(str(path), str(path), True) for path in binds)
    return isolation.Isolation(UID, UID, tuple(map(str, hidden)), made, "/tmp")


@pytest.fixture
def tree(tmp_path_factory):
    top = tmp_path_factory.mktemp("open")
    for folder in [top, *list(top.parents)[:-2]]:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    (top / "closed" / "inner" / "model").mkdir(parents=True)
    (top / "free" / "model").mkdir(parents=True)
    (top / "closed").chmod(0o700)
    return top


@pytest.mark.skipif(os.geteuid() == UID, reason="the uid of the tests is the other uid")
def test_the_topmost_closed_folder_is_covered(tree):
    model = tree / "closed" / "inner" / "model"
    assert isolation.closed_ancestor(str(model), UID, UID) == str(tree / "closed")
    assert isolation.hidden_roots(wanted([], model)) == [str(tree / "closed")]
    assert isolation.hidden_roots(wanted([], tree / "free" / "model")) == []


def test_what_lies_below_a_covered_folder_is_not_covered_again(tree):
    roots = isolation.hidden_roots(
        wanted([tree / "closed", tree / "closed" / "inner", tree / "free", tree / "absent"])
    )
    assert roots == [str(tree / "closed"), str(tree / "free")]


def test_ancestors_and_below():
    assert isolation.ancestors("/a/b/c") == ["/a", "/a/b"]
    assert isolation.ancestors("/a") == []
    assert isolation.is_below("/a/b", "/a")
    assert not isolation.is_below("/ab", "/a")
    assert not isolation.is_below("/a", "/a")


def test_an_own_folder_wins_over_the_same_path_read_only():
    table = {
        "uid": 1,
        "gid": 1,
        "hidden": [],
        "read_only": ["/x"],
        "writable": ["/x"],
        "binds": [["/m", "/t"]],
    }
    parsed = isolation.Isolation.parse(table, [("/own", "/own")], ["/files"], "/tmp")
    assert {bind.target: bind.read_only for bind in parsed.binds} == {
        "/x": False, "/files": True, "/own": False, "/t": True,
    }  # fmt: skip
