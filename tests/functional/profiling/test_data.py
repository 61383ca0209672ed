"""Where a profile's bodies come from: Parquet files are read by a job that sees nothing else."""

import io
import shutil

import pyarrow as pa
import pytest
from pyarrow import parquet

from zaffre.core import errors
from zaffre.server.profiling import reading

BODIES = ['{"data": [[1, 2]]}', '{"data": [[3, 4]]}']


def written(**columns):
    target = io.BytesIO()
    parquet.write_table(pa.table(columns), target)
    return target.getvalue()


@pytest.fixture
def read(home, isolated_house):
    """Reads files as a profile does, in isolation where this user may."""
    house = isolated_house
    folder = home / "profile-x"

    def read(files, name=""):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        data = {"said": "The data", "address": house.tree(files) + name}
        means = house.profiling
        return reading.read(
            means.database,
            means.blobs,
            means.runner,
            data,
            workspace="default",
            folder=folder,
            check=lambda: None,
        )

    yield read
    assert house.profiling.runner.list() == []


def test_one_column_of_text_is_read_whatever_its_type(read):
    column = pa.array(BODIES).dictionary_encode()
    files = {"a.parquet": written(body=BODIES), "b.parquet": written(body=column), "c.txt": b"{}"}
    assert read(files) == [*BODIES, *BODIES, "{}"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (written(body=BODIES, label=[1, 2]), r"has 2 columns \(body, label\)"),
        (written(body=[1, 2]), "has no texts in its column 'body'"),
        (written(body=pa.array([None, None], pa.string())), "has an empty column 'body'"),
        (written(body=pa.array([], pa.string())), "holds no row"),
        (b"PAR1 and nothing else", "is not a Parquet file that can be read"),
    ],
)
def test_what_is_no_column_of_bodies_is_refused_with_the_reason(read, content, words):
    with pytest.raises(errors.Invalid, match=words):
        read({"rows.parquet": content}, "/rows.parquet")
