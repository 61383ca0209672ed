"""A replica's file is a stranger's: read when it is what it should be, and nothing else ever."""

import os
import struct

from hypothesis import given
from hypothesis import strategies as st

from zaffre.server.endpoints.telemetry import counts
from zaffre_runtime.scoring import meter


class Request:
    arrived = 0.0


def written(path, calls=3):
    made = meter.Meter(str(path))
    for _ in range(calls):
        call = type("Call", (), {"exchanges": [Request(), Request()], "started": 1.0})()
        call.exchanges[0].arrived = call.exchanges[1].arrived = 0.5
        made.called(call, 7)
    made._written_at = -meter.BETWEEN_S
    made.write()


def test_what_a_replica_writes_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(meter.time, "monotonic", lambda: 1.25)
    written(tmp_path / "counts")
    found = counts.read(tmp_path / "counts")
    assert found.waiting == 7
    said = found.reading.counts
    assert (said["calls"], said["scored"], said["busy_s"], said["replica_s"]) == (3, 6, 0.75, 4.5)
    assert said["size.2"] == 3
    assert {name.partition(".")[0] for name in said} >= {"wait", "call", "replica", "size"}
    (wait,) = [int(name[5:]) for name in said if name.startswith("wait.")]
    assert 2.0 ** ((wait - meter.FIRST) / 4) <= 0.5 + 1e-5 < 2.0 ** ((wait + 1 - meter.FIRST) / 4)


def test_no_file_is_no_reading(tmp_path):
    assert counts.read(tmp_path / "counts") is None


def test_links_pipes_and_folders_are_not_followed(tmp_path):
    written(tmp_path / "true")
    (tmp_path / "link").symlink_to(tmp_path / "true")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert [counts.read(tmp_path / name) for name in ("link", "pipe", "folder")] == [None, None, None]


def test_a_file_of_another_size_is_refused(tmp_path):
    written(tmp_path / "counts")
    content = (tmp_path / "counts").read_bytes()
    (tmp_path / "counts").write_bytes(content + b"x")
    assert counts.read(tmp_path / "counts") is None


def test_counts_beyond_reason_are_refused(tmp_path):
    written(tmp_path / "counts")
    content = bytearray((tmp_path / "counts").read_bytes())
    content[16:24] = struct.pack("<Q", 1 << 60)
    (tmp_path / "counts").write_bytes(content)
    assert counts.read(tmp_path / "counts") is None


@given(st.randoms(use_true_random=False), st.integers(0, 64))
def test_garbage_is_never_more_than_no_reading(tmp_path_factory, random, bits):
    words = [random.getrandbits(bits) if bits else 0 for _ in range(meter.LAYOUT.size // 8 - 1)]
    path = tmp_path_factory.mktemp("x") / "counts"
    path.write_bytes(meter.MAGIC + struct.pack(f"<{len(words)}Q", *words))
    found = counts.read(path)
    assert found is None or all(0 <= count <= 1 << 53 for count in found.reading.counts.values())
