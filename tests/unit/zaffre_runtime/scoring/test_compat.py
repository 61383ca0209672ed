import io
import json
import sys
import types

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre_runtime.scoring.compat import headers, install, multipart, request, response

BODY = b'{"a": 1}'
PAIRS = [
    ("content-type", "application/json; charset=utf-8"),
    ("x-one", "1"),
    ("host", "h:1"),
    ("cookie", "a=b; c=d"),
]


@pytest.fixture
def asked():
    return request.AMLRequest(
        "POST", "/score", query="a=1&b=x&b=y%20z", pairs=PAIRS, body=BODY, client="10.0.0.1:55"
    )


def as_flask_sees_it():
    app = flask.Flask("reference")
    return app.test_request_context(
        "/score?a=1&b=x&b=y%20z",
        method="POST",
        data=BODY,
        headers=[("Content-Type", PAIRS[0][1]), ("X-One", "1"), ("Host", "h:1"), ("Cookie", "a=b; c=d")],
        environ_base={"REMOTE_ADDR": "10.0.0.1"},
    ).request


SAME = [
    "method", "path", "full_path", "query_string", "url", "base_url", "host", "host_url", "url_root", "root_url",
    "data", "content_type", "mimetype", "is_json", "json", "remote_addr", "scheme", "is_secure", "content_length",
]  # fmt: skip


@pytest.mark.parametrize("attribute", SAME)
def test_the_request_answers_as_flasks_does(asked, attribute):
    assert getattr(asked, attribute) == getattr(as_flask_sees_it(), attribute)


def test_bodies_and_mappings_as_in_flask(asked):
    real = as_flask_sees_it()
    assert asked.get_data(as_text=True) == real.get_data(as_text=True)
    assert asked.get_json(force=True, silent=True) == real.get_json(force=True, silent=True)
    assert asked.stream.read(3) + asked.stream.read() == as_flask_sees_it().stream.read()
    for mine, theirs in ((asked.args, real.args), (asked.form, real.form), (asked.values, real.values)):
        assert mine.to_dict(flat=False) == theirs.to_dict(flat=False)
        assert mine.to_dict() == theirs.to_dict()
    assert asked.args.getlist("b") == ["x", "y z"]
    assert asked.cookies == dict(real.cookies)
    assert dict(asked.headers)["Content-Type"] == dict(real.headers)["Content-Type"]


def test_values_are_found_and_converted_as_in_flask(asked):
    real = as_flask_sees_it()
    for ask in (
        lambda found: found.get("a", type=int),
        lambda found: found.get("b", 7, type=int),
        lambda found: found.get("none", default=1.5, type=float),
        lambda found: found.get("a", default="x"),
        lambda found: found.getlist("a", type=int),
        lambda found: found.getlist("b", type=int),
        lambda found: found.getlist("none"),
    ):
        assert ask(asked.args) == ask(real.args)
        assert ask(asked.values) == ask(real.values)
    for ask in (
        lambda found: found.get("x-one", type=int),
        lambda found: found.get("X-None", default="d"),
        lambda found: found.get("host", 0, type=int),
        lambda found: found.getlist("x-ONE"),
        lambda found: found.get_all("none"),
    ):
        assert ask(asked.headers) == ask(real.headers)


def test_going_through_the_headers_of_a_request_gives_pairs_as_in_flask(asked):
    assert sorted(asked.headers) == sorted(asked.headers.items())
    assert ("X-One", "1") in list(asked.headers)
    assert set(asked.headers.keys()) == {"Content-Type", "X-One", "Host", "Cookie"}
    assert json.loads(json.dumps(asked.headers)) == dict(asked.headers)


def test_json_that_is_none(asked):
    text = request.AMLRequest(pairs=[("content-type", "text/plain")], body=b"{")
    assert text.get_json(silent=True) is None
    with pytest.raises(ValueError, match="Content-Type"):
        text.get_json()
    with pytest.raises(ValueError, match="decoded"):
        text.get_json(force=True)


def test_a_form():
    form = request.AMLRequest(pairs=[("content-type", request.FORM)], body=b"a=1&a=2&b=%C3%A9")
    assert form.form.getlist("a") == ["1", "2"]
    assert form.form["b"] == "\u00e9"
    assert (form.data, form.get_data()) == (b"", b"a=1&a=2&b=%C3%A9")


@given(st.binary(max_size=300), st.text(alphabet="abc.", min_size=1, max_size=8))
def test_an_upload_comes_back_byte_for_byte(content, filename):
    boundary = "----boundary7f3a"
    if boundary.encode() in content:
        return
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="{filename}"\r\n\r\n'.encode()
    body = head + content + f"\r\n--{boundary}--\r\n".encode()
    asked = request.AMLRequest(
        pairs=[("content-type", f"multipart/form-data; boundary={boundary}")], body=body
    )
    assert asked.files["f"].read() == content
    assert asked.files["f"].filename == filename


@given(st.binary(max_size=300))
def test_any_multipart_body_is_read_or_empty(body):
    fields, files = multipart.parse(body, "multipart/form-data; boundary=b")
    assert isinstance(fields + files, list)


def test_a_file_can_be_saved_and_iterated(tmp_path):
    upload = multipart.FileStorage(b"one\ntwo\n", "a.txt", name="a", content_type="text/plain; charset=x")
    upload.save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b"one\ntwo\n"
    upload.seek(0)
    target = io.BytesIO()
    upload.save(target)
    assert target.getvalue() == b"one\ntwo\n"
    upload.seek(0)
    assert list(upload) == [b"one\n", b"two\n"]
    assert upload.mimetype == "text/plain"


def test_headers_of_a_request_are_found_in_any_case():
    found = headers.HeaderDict.of([("x-my-id", "1"), ("x-my-id", "2")])
    assert dict(found) == {"X-My-Id": "1,2"}
    assert found["x-my-ID"] == found.get("x-my-id") == "1,2"
    assert "X-MY-ID" in found
    assert found.get("other", 7) == 7
    with pytest.raises(KeyError):
        found["other"]


def test_headers_of_a_response():
    made = headers.Headers([("A", "1")])
    made.add("a", 2)
    assert (made["a"], made.getlist("A"), len(made), list(made)) == ("1", ["1", "2"], 2, ["A", "a"])
    made["a"] = "3"
    assert made.items() == [("a", "3")]
    made.extend({"B": "4"})
    del made["A"]
    assert (made.items(), "a" in made, made.get("a")) == ([("B", "4")], False, None)
    with pytest.raises(KeyError):
        del made["A"]


def test_responses():
    plain = response.AMLResponse({"a": 1}, 200, json_str=True)
    assert (plain.status_code, plain.get_data(), plain.json) == (200, b'{"a": 1}', {"a": 1})
    assert plain.mimetype == "application/json"
    assert response.AMLResponse(None, 200).get_data() == b"{}"
    picture = response.AMLResponse(b"\x89", 200, {"content-type": "image/png", "X-A": "1, 2"})
    assert picture.headers.getlist("Content-Type") == ["image/png"]
    assert picture.headers.getlist("x-a") == ["1", "2"]
    assert picture.headers["x-ms-run-function-failed"] == "False"
    text = response.AMLResponse("caf\u00e9", 200)
    assert text.get_data(as_text=True) == "caf\u00e9"
    text.mimetype = "text/csv"
    assert text.content_type == "text/csv; charset=utf-8"
    assert response.AMLResponse([b"a", "b"], 200).data == b"ab"


@pytest.fixture
def modules():
    before, raw = dict(sys.modules), list(request.RAW_FUNCTIONS)
    yield sys.modules
    sys.modules.clear()
    sys.modules.update(before)
    request.RAW_FUNCTIONS[:] = raw


def test_both_import_paths(modules):
    install.install()
    names = types.SimpleNamespace()
    exec(  # as a script would
        "from azureml.contrib.services.aml_request import AMLRequest as one, rawhttp\n"
        "from azureml_inference_server_http.api.aml_request import AMLRequest as two\n"
        "from azureml.contrib.services.aml_response import AMLResponse as three\n"
        "import azureml_inference_server_http.api.aml_response as four\n"
        "import azureml.contrib.services\n"
        "five = azureml.contrib.services.aml_request.AMLRequest",
        names.__dict__,
    )
    assert names.one is names.two is names.five is request.AMLRequest
    assert names.three is names.four.AMLResponse is response.AMLResponse


def test_installed_packages_stay_and_only_the_two_modules_are_ours(modules, tmp_path, monkeypatch):
    for name in [name for name in modules if name.split(".")[0].startswith("azureml")]:
        del modules[name]
    real = {
        "azureml/core/__init__.py": "VERSION = 'real'",
        "azureml/contrib/services/__init__.py": "raise RuntimeError('start-up code ran')",
        "azureml/contrib/services/other.py": "VALUE = 'real'",
        "azureml/contrib/services/aml_request.py": "raise RuntimeError('theirs')",
        "azureml_inference_server_http/__init__.py": "raise RuntimeError('start-up code ran')",
    }
    for name, text in real.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    install.install()
    import azureml.contrib.services.other
    import azureml.core
    from azureml.contrib.services.aml_request import AMLRequest

    assert azureml.core.VERSION == azureml.contrib.services.other.VALUE == "real"
    assert AMLRequest is request.AMLRequest


def test_the_answer_of_a_request_is_json_text(asked):
    assert json.loads(asked.get_data(as_text=True)) == {"a": 1}
    assert repr(asked).startswith("<AMLRequest 'http://h:1/score?")


@pytest.fixture
def core(modules):
    for name in [name for name in modules if name.split(".")[0].startswith("azureml")]:
        del modules[name]
    install.install()
    from azureml.core import Model as short
    from azureml.core.model import Model

    assert short is Model
    return Model


def place(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("")


def test_old_scripts_find_their_model(core, tmp_path, monkeypatch):
    place(tmp_path, "models/churn/3/churn.pkl")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "models/churn/3"))
    assert core.get_model_path("churn") == str(tmp_path / "models/churn/3/churn.pkl")
    assert core.get_model_path("churn", version=3) == core.get_model_path(model_name="churn", version="3")
    for asked in (("other",), ("churn", 2)):
        with pytest.raises(Exception, match="It has: churn:3"):
            core.get_model_path(*asked)


def test_old_scripts_find_their_model_where_the_old_package_is_installed(modules, tmp_path, monkeypatch):
    for name in [name for name in modules if name.split(".")[0].startswith("azureml")]:
        del modules[name]
    place(tmp_path, "models/churn/3/churn.pkl")
    folder = tmp_path / "site/azureml/core"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from .model import Model\n")
    (folder / "model.py").write_text(
        "class Model:\n    KEPT = 1\n    @staticmethod\n    def get_model_path(*_):\n        raise OSError('not below here')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "models/churn/3"))
    install.install()
    from azureml.core import Model as short
    from azureml.core.model import Model

    assert short is Model
    assert Model.KEPT == 1
    assert Model.get_model_path("churn") == str(tmp_path / "models/churn/3/churn.pkl")


def test_old_scripts_find_the_newest_of_several_models(core, tmp_path, monkeypatch):
    root = tmp_path / "azureml-models"
    place(root, "a/9/m.pkl", "a/10/m.pkl", "b/1/net/graph.pb", "b/1/net/weights", "c/1/x", "c/1/y")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(root))
    assert core.get_model_path("a") == str(root / "a/10/m.pkl")
    assert core.get_model_path("a", 9) == str(root / "a/9/m.pkl")
    assert core.get_model_path("b") == str(root / "b/1/net")
    assert core.get_model_path("c") == str(root / "c/1")


def test_a_model_without_a_name_answers_to_any(core, tmp_path, monkeypatch):
    place(tmp_path, "models/anonymous/0a1b/factor.json")
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(tmp_path / "models/anonymous/0a1b"))
    assert core.get_model_path("whatever") == str(tmp_path / "models/anonymous/0a1b/factor.json")


def test_a_model_cannot_be_made_in_a_script(core):
    with pytest.raises(NotImplementedError, match="get_model_path"):
        core(None, "churn")
