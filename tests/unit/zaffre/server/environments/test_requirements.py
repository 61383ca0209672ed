import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import requirements

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}([._-][a-z0-9]{1,5})?", fullmatch=True)
VERSIONS = st.lists(st.integers(0, 40), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@given(st.lists(st.tuples(NAMES, VERSIONS), min_size=1, max_size=8, unique_by=lambda pair: pair[0]))
def test_every_pinned_line_is_kept_in_order(pairs):
    lines = [f"{name}=={version}  # why" for name, version in pairs]
    assert requirements.parse(lines, source="list").requirements == tuple(
        f"{name}=={version}" for name, version in pairs
    )


@given(st.sampled_from(["./", "../", "/", "~/", "file:", "file:///"]), st.text("abc/._-", max_size=12))
def test_a_local_path_never_passes(beginning, rest):
    with pytest.raises(errors.Invalid):
        requirements.parse([beginning + rest], source="list")


@pytest.mark.parametrize(
    "line",
    ["-r base.txt", "--requirement=base.txt", "-c limits.txt", "-e .", "--editable ./x", "--config-settings x=y", "dist/x-1-py3-none-any.whl",
     "--find-links ./wheels", "--extra-index-url file:///srv/simple", "x @ file:///srv/x.whl", "numpy >= ", "--trusted-host a b"],
)  # fmt: skip
def test_what_names_other_files_or_says_nothing_is_refused(line):
    with pytest.raises(errors.Invalid) as caught:
        requirements.parse(["six", line], source="conda_file pip")
    assert "conda_file pip" in caught.value.detail


@pytest.mark.parametrize(
    "line", ["x==${VERSION}", "--extra-index-url https://u:${TOKEN}@h/simple", "x @ https://evil/${UV_INDEX}"]
)
def test_variables_are_not_filled_in(line):
    with pytest.raises(errors.Invalid) as caught:
        requirements.parse([line], source="list")
    assert "variable" in caught.value.detail


def test_a_repository_cannot_be_pinned_by_hash():
    with pytest.raises(errors.Unsupported):
        requirements.parse(["x @ git+https://host/x.git"], source="list")


def test_options_keep_their_values_and_long_names():
    lines = ["-i https://one/simple?a=b", "--extra-index-url=https://two/simple", "-f https://three/links.html", "--pre",
             "--prefer-binary", "--trusted-host pypi.internal:8443", "--only-binary=:all:", "six"]  # fmt: skip
    parsed = requirements.parse(lines, source="list")
    assert parsed.requirements == ("six",)
    assert parsed.options == (
        "--index-url https://one/simple?a=b", "--extra-index-url https://two/simple", "--find-links https://three/links.html",
        "--pre", "--trusted-host pypi.internal:8443", "--only-binary :all:",
    )  # fmt: skip


def test_continued_lines_markers_extras_and_hashes_survive():
    digest = "a" * 64
    text = f'Scikit_Learn[tests]>=1 ; python_version < "3.12"\nsix==1.17.0 \\\n  --hash=sha256:{digest}\n\n# only a comment\n'
    parsed = requirements.parse(text.splitlines(), source="list")
    assert parsed.requirements == (
        'Scikit_Learn[tests]>=1; python_version < "3.12"',
        f"six==1.17.0 --hash=sha256:{digest}",
    )
    assert [requirements.project(line) for line in parsed.requirements] == ["scikit-learn", "six"]


def test_a_refusal_never_shows_a_password():
    with pytest.raises(errors.Invalid) as caught:
        requirements.parse(["--extra-index-url ftp://me:hunter2@host/simple"], source="list")
    assert "hunter2" not in str(caught.value)
