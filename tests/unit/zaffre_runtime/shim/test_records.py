"""Records are whole or absent, and the lock says who lives."""

import os
import signal
import time

from zaffre.core import clock
from zaffre_runtime.shim import records


def test_times_are_those_of_the_clock():
    moment = clock.parse(records.utc_now())
    assert abs((clock.now() - moment).total_seconds()) < 5
    assert clock.isoformat(moment) == clock.isoformat(clock.parse(clock.isoformat(moment)))
    assert len(records.utc_now()) == len(clock.isoformat(clock.now()))


def test_json_goes_and_comes(tmp_path):
    path = str(tmp_path / "state.json")
    assert records.read_json(path) is None
    records.write_json(path, {"a": [1, "ü"]})
    assert records.read_json(path) == {"a": [1, "ü"]}
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "state.json").write_text("[1]")
    assert records.read_json(path) is None
    (tmp_path / "state.json").write_text("{half")
    assert records.read_json(path) is None


def test_a_failed_write_leaves_the_old_one(tmp_path):
    path = tmp_path / "state.json"
    records.write_json(str(path), {"a": 1})
    (tmp_path / "state.json.new").mkdir()
    try:
        records.write_json(str(path), {"a": 2})
    except OSError:
        failed = True
    assert failed
    assert records.read_json(str(path)) == {"a": 1}


def test_the_lock_names_its_holder_and_ends_with_it(tmp_path):
    folder = str(tmp_path)
    assert records.lock_holder(folder) is None
    assert records.lock_holder(folder + "/none") is None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        held = records.take_lock(folder)
        grandchild = os.fork()  # a child of the holder does not hold it
        if grandchild == 0:
            time.sleep(2)
            os._exit(0)
        os.write(writer, b"%d" % (held is not None))
        time.sleep(60)
    assert os.read(reader, 1) == b"1"
    assert records.lock_holder(folder) == child
    assert records.take_lock(folder) is None
    assert records.lock_holder(folder) == child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert records.lock_holder(folder) is None
    os.close(reader)
    os.close(writer)


def test_a_poke_wakes_and_never_blocks(tmp_path):
    folder = str(tmp_path)
    records.poke(folder)  # no shim was ever here
    control = records.open_control(folder)
    records.poke(folder)
    assert records.read_pokes(control) is None
    for _ in range(40_000):
        records.poke(folder)
    records.read_pokes(control)
    records.request_stop(folder, 1.5)
    assert records.read_pokes(control) == 1.5
    os.close(control)
    records.poke(folder)  # nobody listens any more


def test_a_stop_request_lasts(tmp_path):
    records.request_stop(str(tmp_path), 12.5)
    assert records.read_json(str(tmp_path / "stop"))["drain_s"] == 12.5
