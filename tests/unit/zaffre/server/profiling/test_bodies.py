"""Request bodies from stored files."""

import json

import pytest

from zaffre.core import errors
from zaffre.server.profiling import bodies

BODY = '{"data": [[1, 2]]}'
QUOTED = '"' + BODY.replace('"', '""') + '"'
TABLE = b"paths:\n  - file: ./rows.%s\ntransformations:\n  - %s\n"


def parquet(*columns, rows=(), is_text=True, count=0):
    return bodies.Parquet(columns or ("body",), is_text=is_text, count=count or len(rows), rows=rows)


@pytest.mark.parametrize(
    "files",
    [
        {"rows.csv": f"body\n{QUOTED}\n{QUOTED}\n".encode()},
        {"rows.jsonl": f"{BODY}\n\n{BODY}\n".encode()},
        {"rows.jsonl": f"{json.dumps(BODY)}\n{json.dumps(BODY)}\n".encode()},
        {"rows.json": json.dumps([json.loads(BODY), BODY]).encode()},
        {"rows.txt": f"{BODY}\n{BODY}\n".encode()},
        {"a/one.json": BODY.encode(), "a/two.json": BODY.encode()},
        {
            "t/MLTable": TABLE % (b"csv", b"read_delimited: {delimiter: ','}"),
            "t/rows.csv": f"b\n{QUOTED}\n{QUOTED}".encode(),
        },
        {
            "t/MLTable": TABLE % (b"jsonl", b"read_json_lines"),
            "t/rows.jsonl": "\n".join([json.dumps({"b": BODY})] * 2).encode(),
        },
        {"rows.parquet": parquet(rows=(BODY, BODY))},
        {"t/MLTable": TABLE % (b"parquet", b"read_parquet"), "t/rows.parquet": parquet(rows=(BODY, BODY))},
    ],
)
def test_every_form_gives_the_literal_bodies(files):
    assert bodies.read(files, what="The data") == [BODY, BODY]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no file"),
        ({"rows.csv": b""}, "holds no row"),
        ({"rows.csv": b"body\n"}, "holds no row"),
        ({"rows.jsonl": b"\n"}, "holds no row"),
        ({"rows.csv": b"a,b\n1,2\n"}, r"has 2 columns \(a, b\); one is needed"),
        ({"rows.csv": b'body\n""\n""\n'}, "has an empty column 'body'"),
        ({"rows.csv": b"body\n1.5\n2\n"}, "has numbers, not texts, in its column 'body'"),
        ({"rows.csv": b'body\nx\n" "\n'}, "has an empty body in row 1"),
        ({"rows.csv": b'body\n{"a": 1, "b": 2}\n'}, "has 2 values in row 0"),
        ({"rows.json": b"{"}, "cannot be read"),
        ({"rows.csv": b"body\n\xff\xfe"}, "cannot be read"),
        ({"MLTable": b"paths: 7"}, "MLTable file that is not understood"),
        ({"MLTable": TABLE % (b"csv", b"read_delimited")}, "which it does not hold"),
        ({"MLTable": b"paths:\n  - file: ../../etc/passwd\n"}, "which it does not hold"),
        (
            {"MLTable": TABLE % (b"jsonl", b"read_json_lines"), "rows.jsonl": b'{"a": "x", "b": "y"}'},
            "has 2 columns",
        ),
        ({"MLTable": TABLE % (b"jsonl", b"read_json_lines"), "rows.jsonl": b'{"a": 1}'}, "not texts"),
        ({"rows.parquet": parquet()}, "holds no row"),
        ({"rows.parquet": parquet("a", "b", count=3)}, r"has 2 columns \(a, b\); one is needed"),
        ({"rows.parquet": parquet(rows=("", ""))}, "has an empty column 'body'"),
        ({"rows.parquet": parquet(is_text=False, count=3)}, "has no texts in its column 'body'"),
        (
            {"MLTable": TABLE % (b"parquet", b"read_delimited"), "rows.parquet": parquet()},
            "by read_delimited",
        ),
        ({"MLTable": TABLE % (b"csv", b"read_parquet"), "rows.csv": b"body\nx"}, "goes with read_parquet"),
    ],
)
def test_data_that_are_no_bodies_are_refused_with_the_reason(files, words):
    with pytest.raises(errors.Invalid, match=words):
        bodies.read(files, what="The data")


@pytest.mark.parametrize(
    "files",
    [
        {"MLTable": b"paths:\n  - file: a\n", "a": b"x"},
        {"MLTable": TABLE % (b"csv", b"read_delta_lake"), "rows.csv": b"x"},
    ],
)
def test_forms_that_are_not_read_are_named(files):
    with pytest.raises(errors.Unsupported):
        bodies.read(files, what="The data")


def test_more_rows_than_a_profile_takes_are_refused():
    for files in (
        {"rows.txt": b"x\n" * (bodies.MOST_ROWS + 1)},
        {"rows.parquet": parquet(count=bodies.MOST_ROWS + 1)},
    ):
        with pytest.raises(errors.TooLarge, match="a profile takes"):
            bodies.read(files, what="The data")
