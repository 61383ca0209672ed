"""Words become options as az ml reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import arguments
from zaffre.core import errors

FLAGS = [
    arguments.Flag(("--name", "-n")),
    arguments.Flag(("--endpoint-name", "-e")),
    arguments.Flag(("--no-wait",), "none"),
    arguments.Flag(("--yes", "-y"), "none"),
    arguments.Flag(("--set",), "many"),
    arguments.Flag(("--set-default",), "none"),
    arguments.Flag(("--tags",), "many"),
    arguments.Flag(("--add",), "group"),
    arguments.Flag(("--request-file", "-r")),
    arguments.Flag(("--resource-group", "-g")),
    arguments.Flag(("--isolated", "-i"), "maybe"),
]
VOCABULARY = arguments.Vocabulary(FLAGS)


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["-n", "blue"], ["--name=blue"]),
        (["-nblue"], ["--name=blue"]),
        (["-n=blue"], ["--name=blue"]),
        (["--name=blue"], ["--name=blue"]),
        (["--name", "a=b"], ["--name=a=b"]),
        (["--endpoint", "x"], ["--endpoint-name=x"]),
        (["--end=x"], ["--endpoint-name=x"]),
        (["--set", "a=1", "b=2", "--name", "x"], ["--set=a=1", "--set=b=2", "--name=x"]),
        (["--set", "a=1", "--set", "b=2"], ["--set=a=1", "--set=b=2"]),
        (["--set", "a=-1"], ["--set=a=-1"]),
        (["--tags", "a=b c", "d=e", "-y"], ["--tags=a=b c", "--tags=d=e", "--yes"]),
        (["--add", "list", "k=v"], ['--add=["list", "k=v"]']),
        (["-r", "-"], ["--request-file=-"]),
        (["--name", "-1"], ["--name=-1"]),
        (["here", "-y", "there"], ["here", "--yes", "there"]),
        (["-yn", "x"], ["--yes", "--name=x"]),
        (["-i", "--name", "x"], ["--isolated=true", "--name=x"]),
        (["-i", "False", "-y"], ["--isolated=False", "--yes"]),
        (["--isolated=false", "here"], ["--isolated=false", "here"]),
        (["--isolated", "here"], ["--isolated=true", "here"]),
        (["--", "--name"], ["--", "--name"]),
    ],
)
def test_words_are_written_out(words, written):
    assert VOCABULARY.rewrite(words) == written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--re", "x"], "--request-file or --resource-group"),
        (["--nmae", "x"], "--name"),
        (["--name"], "needs a value"),
        (["--name", "--yes"], "needs a value"),
        (["--name", "-y"], "needs a value"),
        (["--set"], "at least one value"),
        (["--yes=1"], "takes no value"),
        (["-x"], "no option -x"),
    ],
)
def test_wrong_words_are_explained(words, said):
    with pytest.raises(errors.Invalid) as caught:
        VOCABULARY.rewrite(words)
    assert said in str(caught.value)


def test_an_exact_name_is_not_ambiguous_though_another_begins_with_it():
    assert VOCABULARY.rewrite(["--set", "a=b"]) == ["--set=a=b"]


LONG = sorted({flag.long for flag in FLAGS})


@given(st.sampled_from(LONG), st.integers(min_value=3))
def test_a_shortened_name_means_one_option_or_names_all_candidates(name, length):
    short = name[:length]
    fitting = [known for known in LONG if known.startswith(short)]
    if short in LONG or len(fitting) == 1:
        assert VOCABULARY.complete(short).long == (short if short in LONG else fitting[0])
    else:
        with pytest.raises(errors.Invalid) as caught:
            VOCABULARY.complete(short)
        assert all(candidate in caught.value.detail for candidate in fitting)


plain_words = st.text(min_size=1).filter(lambda word: not word.startswith("-"))


@given(st.lists(plain_words, min_size=1))
def test_every_value_after_one_flag_arrives_unchanged(words):
    written = VOCABULARY.rewrite(["--tags", *words, "-y"])
    assert written == [f"--tags={word}" for word in words] + ["--yes"]
    assert json.loads(VOCABULARY.rewrite(["--add", *words])[0].removeprefix("--add=")) == words


@given(st.sampled_from(["--name", "-n"]), plain_words)
def test_all_spellings_of_a_value_mean_the_same(name, value):
    glued = f"{name}={value}"
    assert VOCABULARY.rewrite([name, value]) == VOCABULARY.rewrite([glued]) == [f"--name={value}"]


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("TagName : TagValue", "TagName=TagValue"),
        ("TagName:TagValue", "TagName=TagValue"),
        ("TagName = TagValue", "TagName=TagValue"),
        ("team= a b", 'team="a b"'),
        ("nothing", "TagName=TagValue"),
        (":", "TagName=TagValue"),
    ],
)
def test_a_tag_in_another_form_is_shown_the_right_one(word, right):
    with pytest.raises(errors.Invalid) as caught:
        arguments.pairs([word], option="--tag")
    assert f"--tag {right}" in caught.value.hint


def test_pairs_keep_later_equals_signs_and_empty_values():
    assert arguments.pairs(["a=b=c", "d="], option="--tags") == {"a": "b=c", "d": ""}


@pytest.mark.parametrize("words", [["blue=90 green=10"], ["blue=90", "green=10"], ["blue=90%,green=10"]])
def test_shares_come_in_one_word_or_several(words):
    assert arguments.shares(words, option="--traffic") == {"blue": 90, "green": 10}


def test_a_share_that_is_no_number_is_refused():
    with pytest.raises(errors.Invalid, match="whole number"):
        arguments.shares(["blue=most"], option="--traffic")
