"""GPUs: what nvidia-smi says, what a setting declares."""

import pytest

from zaffre.core import errors
from zaffre.server.compute import gpus

TABLE = "0, NVIDIA A100-SXM4-80GB, 81920\n1, NVIDIA A100-SXM4-80GB, 81920\nNo devices\n2, Odd, [N/A]\n"


def test_the_table_of_nvidia_smi():
    found = gpus.parse(TABLE)
    assert [gpu.id for gpu in found] == ["0", "1", "2"]
    assert (found[0].name, found[0].memory_bytes, found[2].memory_bytes) == (
        "NVIDIA A100-SXM4-80GB",
        81920 << 20,
        0,
    )


def test_it_is_asked_and_may_be_absent_or_fail(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.find("auto") == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, Small, 1024'\n")
    program.chmod(0o755)
    assert gpus.find("auto") == [gpus.Gpu("0", "Small", 1 << 30)]
    program.write_text("#!/bin/sh\necho '0, Small, 1024'; exit 9\n")
    assert gpus.find("auto") == []


def test_declared_ones():
    assert [gpu.id for gpu in gpus.find("0, GPU-8f6c:1")] == ["0", "GPU-8f6c:1"]
    assert gpus.find("none") == gpus.find("") == []
    for wrong in ("0,0", "0,,1", "a b", "0;rm"):
        with pytest.raises(errors.Invalid):
            gpus.find(wrong)
