"""When a machine is called full, and what nvidia-smi says."""

from zaffre.server.compute import machine

FINE = machine.Figures(4, 1.0, 1000, 500, 1000, 500)
LIMITS = machine.Thresholds()


def test_this_machine_has_figures(tmp_path):
    found = machine.look(tmp_path)
    assert 0 < found.available_bytes <= found.memory_bytes
    assert 0 <= found.free_bytes <= found.disk_bytes
    assert found.cpu_cores >= 1


def test_a_machine_with_room_gives_no_warning():
    assert machine.warnings(FINE, LIMITS) == []


def test_each_threshold_has_a_line_that_names_its_setting():
    gpu = machine.Gpu("1", 0.2, 1000, 990)
    full = machine.Figures(4, 17.0, 1000, 50, 1000, 10, (gpu,))
    said = machine.warnings(full, LIMITS)
    assert [line.rpartition("(")[2].rstrip(").") for line in said] == [
        "machine_load_warning", "machine_memory_warning", "machine_disk_warning", "machine_gpu_memory_warning",
    ]  # fmt: skip
    assert machine.warnings(full, machine.Thresholds(9.0, 1.0, 1.0, 1.0)) == []


def test_the_table_of_nvidia_smi_is_read():
    text = "0, 37, 16384, 1024\n1, [N/A], 16384, 0\n"
    assert machine.parse_gpus(text) == (machine.Gpu("0", 0.37, 16384 << 20, 1024 << 20),)
