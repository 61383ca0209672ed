"""What is different on a terminal: questions, bars, colours, Ctrl-C."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))


class Terminal:
    """A command line on a terminal of its own."""

    def __init__(self, environment, *words):
        ours, theirs = pty.openpty()
        self.descriptor = ours
        self.process = subprocess.Popen(
            [ZAFFRE, *map(str, words)], env={**environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def read_until(self, text, timeout_s=240):
        end = time.monotonic() + timeout_s
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if not self._read():
                break
        assert text in self.seen, self.seen

    def _read(self):
        if not select.select([self.descriptor], [], [], 1)[0]:
            return True
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def end(self, timeout_s=240):
        end = time.monotonic() + timeout_s
        while self._read():
            assert time.monotonic() < end, self.seen
        os.close(self.descriptor)
        return self.process.wait(timeout=120)


def test_without_a_server_a_person_is_asked(fresh):
    terminal = Terminal(fresh.environment, "workspace", "show", "--query", "name", "-o", "tsv")
    terminal.read_until("Start one on this machine now? [y/N]")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "default" in terminal.seen
    assert "running" in fresh.out("server", "status")


def test_a_no_is_a_no(fresh):
    terminal = Terminal(fresh.environment, "workspace", "list")
    terminal.read_until("[y/N]")
    terminal.type("n\n")
    assert terminal.end() == 7
    assert "\033[31mERROR:" in terminal.seen
    assert not (fresh.home / "server.json").exists()


def test_deleting_asks_first(zaffre):
    zaffre("workspace", "create", "-n", "asked")
    for answer, left in (("n\n", True), ("y\n", False)):
        terminal = Terminal(zaffre.environment, "workspace", "delete", "-n", "asked")
        terminal.read_until("Delete workspace asked? [y/N]")
        terminal.type(answer)
        assert (terminal.end() == 0) is not left
        assert ("asked" in zaffre.out("workspace", "list")) is left


def test_bars_on_a_terminal_and_colours_for_jsonc(zaffre, tmp_path):
    (tmp_path / "big.bin").write_bytes(os.urandom(30_000_000))
    terminal = Terminal(
        zaffre.environment, "model", "create", "-n", "barred", "-p", tmp_path / "big.bin", "-o", "jsonc"
    )
    assert terminal.end() == 0
    assert "uploading model barred" in terminal.seen
    assert "━" in terminal.seen
    assert '\033[34m"name"\033[0m' in terminal.seen


def test_an_interrupt_ends_with_130_and_the_upload_can_go_on(zaffre, tmp_path):
    path = tmp_path / "pipe.bin"
    path.write_bytes(os.urandom(200_000_000))
    process = subprocess.Popen(
        [ZAFFRE, "model", "create", "-n", "cut", "-p", path],
        env=zaffre.environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("uploading"):
            break
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    code = process.wait(timeout=120)
    if code == 0:
        pytest.skip("the upload was faster than the signal")
    assert code == 130
    assert "Interrupted" in rest
    assert "Traceback" not in rest
    zaffre("model", "create", "-n", "cut", "-p", path)


def test_a_table_fits_the_terminal_and_a_pipe_gets_all_of_it(zaffre, tmp_path):
    (tmp_path / "m.bin").write_text("x")
    words = "so many words " * 9
    zaffre("model", "create", "-n", "wide", "-p", tmp_path / "m.bin", "--description", words)
    terminal = Terminal({**zaffre.environment, "COLUMNS": "60"}, "model", "list", "-n", "wide", "-o", "table")
    assert terminal.end() == 0
    table = [line for line in terminal.seen.splitlines() if "left out:" not in line]
    assert max(map(len, table)) <= 60
    assert "Too wide for this terminal, left out:" in terminal.seen
    piped = zaffre("model", "list", "-n", "wide", "-o", "table")
    assert "File_count" in piped.stdout
    assert "left out" not in piped.stderr
