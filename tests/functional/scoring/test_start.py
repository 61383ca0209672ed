"""How a replica refuses to start: the exit code and the words of each mistake. The socket must not appear."""

import signal
from pathlib import Path

import pytest

GOOD = "def init(): pass\ndef run(raw_data): return 1\n"


def refused(replica, code):
    assert replica.exit_code() == code
    socket = replica.config.get("socket")
    assert socket is None or not Path(socket).exists()
    return replica.log()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def init(): pass\n", "no run() function"),
        ("def run(raw_data): return 1\n", "no init() function"),
        ("def init(): pass\ndef run(): return 1\n", "run() needs a parameter"),
        ("def init(): pass\ndef run(request_headers): return 1\n", "run() needs a parameter"),
        ("def init(): pass\ndef run(*args): return 1\n", "*args"),
        ("def init(): pass\ndef run(data, **more): return 1\n", "**kwargs"),
        ("def init(): pass\ndef run(data, /): return 1\n", "positional-only"),
        ("import nothing_like_this\n" + GOOD, "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def init(:\n", "SyntaxError"),
        (
            "def init(): raise RuntimeError('the model is corrupt')\ndef run(d): return 1\n",
            "the model is corrupt",
        ),
        ("import sys\ndef init(): sys.exit(9)\ndef run(d): return 1\n", "SystemExit: 9"),
    ],
)
def test_a_script_that_cannot_serve(start, script, words):
    log = refused(start(script, ready=False), 3)
    assert words in log
    assert "cannot start: score.py" in log


def test_init_traceback_and_its_last_print_are_in_the_log(start):
    script = "def init():\n    print('loading weights')\n    {}['missing']\ndef run(d): return 1\n"
    log = refused(start(script, ready=False), 3)
    assert log.index("loading weights") < log.index("Traceback") < log.index("KeyError: 'missing'")


def test_the_socket_opens_only_after_init_whose_lines_are_there_at_once(start):
    script = """
        import os, time
        def init():
            print("waiting for the go")
            while not os.path.exists("go"):
                time.sleep(0.01)
        def run(raw_data): return 1
    """
    replica = start(script, ready=False)
    replica.wait_for(lambda: "waiting for the go" in replica.log(), "in init")
    assert not Path(replica.config["socket"]).exists()
    (replica.folder / "code" / "go").touch()
    assert replica.wait_until_ready().ask(body="").json() == 1


def test_rawhttp_and_schema_together(start):
    script = """
        from inference_schema.schema_decorators import input_schema
        from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
        from azureml.contrib.services.aml_request import rawhttp
        def init(): pass
        @rawhttp
        @input_schema("data", StandardPythonParameterType(1))
        def run(data): return data
    """
    assert "@rawhttp and @input_schema" in refused(start(script, ready=False), 3)


def test_a_missing_script_names_what_is_there(start):
    log = refused(start(GOOD, entry_script="other.py", ready=False), 3)
    assert "other.py is not in" in log
    assert "score.py" in log


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"port": 1}, "either `socket` or `port`"),
        ({"request_timeout_ms": 0}, "`request_timeout_ms` must be at least 1"),
        ({"max_batch": "many"}, "max_batch"),
        ({"socket": "/nowhere/at/all/x.sock"}, "cannot listen on /nowhere/at/all/x.sock"),
        ({"socket": "/tmp/" + "x" * 120}, "cannot listen on"),
        ({"app_root": "/nowhere/at/all"}, "No such file"),
    ],
)
def test_a_bad_configuration(start, settings, words):
    replica = start(GOOD, ready=False, **settings)
    assert replica.exit_code() == 4
    assert words in replica.log()


def test_a_configuration_that_is_no_json(start, tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{")
    replica = start(GOOD, ready=False)
    replica.stop()
    replica.config = {}
    again = type(replica)(tmp_path, {}, {})
    path.with_name("scoring.json").write_text("{")
    assert again.exit_code() == 4


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({}, {}, "is empty"),
        ({"weights.bin": "x", "a/notes.txt": "y"}, {}, "holds a/notes.txt, weights.bin"),
        (
            {"a.joblib": "x", "b.joblib": "x"},
            {},
            "several scikit-learn models are there (a.joblib, b.joblib)",
        ),
        ({"a.joblib": "x"}, {}, "a.joblib cannot be loaded"),
        ({"a.onnx": "x"}, {}, "a.onnx is not a model that onnxruntime can load"),
        ({"a.txt": "x"}, {"model_kind": "mlflow_model"}, "an MLflow model has a file MLmodel"),
        ({"saved_model.pb": "x"}, {}, "needs tensorflow"),
        ({"config.pbtxt": "x"}, {"model_kind": "triton_model"}, "needs a container"),
        ({"a.joblib": "x"}, {"models": ["a:1", "b:2"]}, "several models need a scoring script"),
    ],
)
def test_no_script_and_no_fitting_model(start, tmp_path, files, settings, words):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert words in refused(start(ready=False, model_dir=str(tmp_path), **settings), 4)


def test_neither_script_nor_model(start):
    assert "neither a scoring script nor a model" in refused(start(ready=False), 4)


def test_native_code_that_crashes_leaves_a_traceback(start):
    replica = start("import ctypes\ndef init(): ctypes.string_at(0)\ndef run(d): return 1\n", ready=False)
    assert replica.exit_code() == -signal.SIGSEGV
    assert "in init" in replica.log()


def test_a_socket_left_by_a_killed_process_is_taken_over(start):
    first = start(GOOD)
    first.stop()
    assert Path(first.config["socket"]).exists()
    again = start(GOOD, ready=False)
    again.stop()
    again = type(again)(first.folder, first.config, {})
    try:
        assert again.wait_until_ready().ask(body="").json() == 1
    finally:
        again.stop()
