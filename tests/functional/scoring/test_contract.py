"""What a caller of a scripted deployment sees: routes, headers, statuses, the three ways into run()."""

import contextlib
import json

import pytest

ECHO = """
    import json, os, threading

    def init():
        global started_on
        started_on = threading.current_thread() is threading.main_thread()

    def run(raw_data, request_headers):
        if raw_data == "raise":
            raise KeyError("the secret of the script")
        if raw_data == "array":
            import numpy
            return numpy.array([1, 2])
        if raw_data == "exit headers":
            return request_headers.get("x-my-header")
        return {"text": raw_data, "dict": isinstance(request_headers, dict), "main": started_on}
"""

SCHEMA = """
    import numpy as np
    from inference_schema.schema_decorators import input_schema, output_schema
    from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
    from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType

    def init():
        pass

    @input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
    @input_schema("scale", StandardPythonParameterType(2.0))
    @output_schema(StandardPythonParameterType([1.0]))
    def run(data, scale=1.0):
        return (data.sum(axis=1) * scale).tolist()
"""

RAW = """
    from azureml.contrib.services.aml_request import AMLRequest, rawhttp
    from azureml.contrib.services.aml_response import AMLResponse
    import azureml_inference_server_http.api.aml_response as other

    def init():
        pass

    @rawhttp
    def run(request):
        assert isinstance(request, AMLRequest)
        if request.path == "/score" and request.args.get("how") == "plain":
            return [request.method, request.full_path, request.get_json(silent=True)]
        if request.args.get("how") == "flask":
            from flask import Response
            return Response("tea", status=418, headers={"X-Pot": "short"}, mimetype="text/plain")
        if request.args.get("how") == "upload":
            upload = request.files["picture"]
            return {"name": upload.filename, "bytes": len(upload.read()), "note": request.form["note"]}
        if request.args.get("how") == "bad":
            return AMLResponse("x", 200, {"X-Bad": "a\\r\\nInjected: 1"})
        if request.args.get("how") == "headers":
            asked = request.args
            return AMLResponse("x", 200, {f"X-{n}": "v" * int(asked["size"]) for n in range(int(asked["count"]))})
        if request.args.get("how") == "forward":
            theirs = {"X-Request-Id": "theirs", "x-ms-request-id": "theirs", "x-ms-client-request-id": "theirs",
                      "x-ms-run-fn-exec-ms": "0", "x-zaffre-try-elsewhere": "1", "x-theirs": "1"}
            return AMLResponse("x", 200, theirs)
        if request.args.get("how") == "503":
            return other.AMLResponse({"a": 1}, 503, json_str=True)
        return AMLResponse(request.get_data()[::-1], 201, {"Content-Type": "image/png", "X-Two": "a,b"})
"""


@pytest.fixture(scope="module")
def echo(start_shared):
    return start_shared(ECHO, max_body_bytes=1000)


@pytest.fixture(scope="module")
def schema(start_shared):
    return start_shared(SCHEMA)


@pytest.fixture(scope="module")
def raw(start_shared):
    return start_shared(RAW, tcp=True)


def test_health(echo):
    answer = echo.ask("GET", "/")
    assert (answer.status, answer.body) == (200, b"Healthy")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-zaffre-revision"] == "r0123456789ab"


def test_body_reaches_run_as_text_and_main_thread_ran_init(echo):
    answer = echo.ask(body="caf\u00e9 {not json".encode())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"text": "caf\u00e9 {not json", "dict": True, "main": True}


def test_headers_of_an_answer(echo):
    sent = {
        "x-request-id": "req-1",
        "x-ms-client-request-id": "client-1",
        "TraceId": "trace-1",
        "x-my-header": "v",
    }
    answer = echo.ask(body="exit headers", headers=sent)
    assert answer.json() == "v"
    assert answer.headers["x-request-id"] == "req-1"
    assert answer.headers["x-ms-request-id"] == "client-1"
    assert answer.headers["x-ms-client-request-id"] == "client-1"
    assert answer.headers["TraceId"] == "trace-1"
    assert answer.headers["x-ms-run-function-failed"] == "False"
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert answer.headers["x-ms-server-version"].startswith("zaffre/")
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-zaffre-revision"] == "r0123456789ab"


def test_request_ids_are_made_when_missing_and_differ(echo):
    first, second = echo.ask(body="a"), echo.ask(body="a")
    assert len(first.headers["x-request-id"]) == 36
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers["x-ms-request-id"] == first.headers["x-request-id"]
    assert "x-ms-client-request-id" not in first.headers


def test_the_older_name_of_the_clients_id(echo):
    answer = echo.ask(body="a", headers={"x-ms-request-id": "mine"})
    assert answer.headers["x-ms-request-id"] == answer.headers["x-ms-client-request-id"] == "mine"


@pytest.mark.parametrize("name", ["x-request-id", "x-ms-request-id", "x-ms-client-request-id"])
def test_an_id_over_100_characters_is_431(echo, name):
    assert echo.ask(body="a", headers={name: "i" * 100}).status == 200
    answer = echo.ask(body="a", headers={name: "i" * 101})
    assert answer.status == 431
    assert "100 characters" in answer.json()["message"]
    assert answer.headers["azureml-model-deployment"] == "blue"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /score", 431),
        ("POST /score", 413),
        ("POST /nowhere", 404),
        ("DELETE /score", 405),
        ("POST /", 405),
        ("POST /v2/models/other/infer", 404),
        ("POST /v2/health/live", 405),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_refusal_reaches_a_caller_who_sends_the_body_late(echo, line, status, chunked):
    too_long = f"x-request-id: {'i' * 101}\r\n" if status == 431 else ""
    size = 1001 if status == 413 else 1
    framed = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
    body = b"%x\r\n%s\r\n" % (size, b"a" * size) if chunked else b"a" * size
    connection = echo.connection()
    connection.connect()
    with contextlib.closing(connection.sock) as sock:
        sock.sendall(f"{line} HTTP/1.1\r\nhost: x\r\n{too_long}{framed}\r\n\r\n".encode())
        assert echo.ask(body="a").status == 200  # so the head is read, by the one thread that reads
        sock.sendall(body)
        assert echo.ask(body="a").status == 200
        sock.sendall(b"0\r\n\r\n" if chunked else b"")
        assert sock.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
        sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("line", ["POST /nothing", "PUT /score", "POST /score"])
def test_a_refusal_is_not_lost_behind_a_large_body(echo, line, chunked):
    """The router gives up on a connection that it cannot write to, and then has no answer."""
    framed = "transfer-encoding: chunked" if chunked else "content-length: 1000000"
    connection = echo.connection()
    connection.connect()
    with contextlib.closing(connection.sock) as sock:
        sock.sendall(f"{line} HTTP/1.1\r\nhost: x\r\n{framed}\r\n\r\n".encode())
        for _ in range(10):
            sock.sendall(b"%x\r\n%s\r\n" % (100_000, b"a" * 100_000) if chunked else b"a" * 100_000)
        sock.sendall(b"0\r\n\r\n" if chunked else b"")
        status = {"POST /nothing": 404, "PUT /score": 405, "POST /score": 413}[line]
        assert sock.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
        sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_script_error_is_500_and_tells_the_caller_nothing(echo):
    answer = echo.ask(body="raise", headers={"x-request-id": "find-me"})
    assert answer.status == 500
    assert answer.json() == {
        "message": "An unexpected error occurred in scoring script. Check the logs for more info."
    }
    assert answer.headers["x-ms-run-function-failed"] == "True"
    assert "find-me" in echo.log()
    assert "KeyError: 'the secret of the script'" in echo.log()


def test_what_json_cannot_hold_is_a_clear_500(echo):
    answer = echo.ask(body="array")
    assert answer.status == 500
    assert "numpy.ndarray" in answer.json()["message"]
    assert answer.headers["x-ms-run-function-failed"] == "True"


def test_query_becomes_json_text(echo):
    answer = echo.ask("GET", "/score?a=1&b=%5B1,2%5D&c=x&c=null&d=")
    assert json.loads(answer.json()["text"]) == {"a": 1, "b": [1, 2], "c": ["x", None], "d": ""}


def test_not_utf8_is_400(echo):
    answer = echo.ask(body=b"\xff\xfe")
    assert answer.status == 400
    assert "UTF-8" in answer.json()["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413(echo, chunked):
    exact, over = (iter([b"x" * size]) if chunked else b"x" * size for size in (1000, 1001))
    assert echo.ask(body=exact).status == 200
    answer = echo.ask(body=over)
    assert answer.status == 413
    assert "1000 bytes" in answer.json()["message"]


def test_chunks_are_joined(echo):
    assert echo.ask(body=iter([b"one ", b"two ", b"three"])).json()["text"] == "one two three"


def test_an_empty_body_reaches_run(echo):
    assert echo.ask(body=None).json()["text"] == ""


def test_unknown_path_and_methods(echo):
    assert echo.ask("GET", "/nothing").status == 404
    assert "/score" in echo.ask("GET", "/nothing").json()["message"]
    answer = echo.ask("PUT", "/score", body="a")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")
    assert echo.ask("POST", "/", body="a").status == 405
    assert echo.ask("DELETE", "/swagger.json").status == 405
    assert echo.ask("OPTIONS", "/score").status == 200


def test_a_connection_is_kept(echo):
    connection = echo.connection()
    for number in range(3):
        connection.request("POST", "/score", body=str(number))
        assert json.loads(connection.getresponse().read())["text"] == str(number)
    connection.close()


# @input_schema


def test_schema_arguments(schema):
    assert schema.score({"data": [[1, 2], [3, 4]], "scale": 10}).json() == [30.0, 70.0]
    assert schema.score({"data": [[1, 2]]}).json() == [3.0]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("{", 400, "decoded as JSON"),
        ("", 400, "empty"),
        ("[1]", 400, "JSON object"),
        ('{"scale": 1}', 400, "'data'"),
        ("[" * 100_000, 400, "JSON"),
        ('{"data": ' + "[" * 50_000, 400, "JSON"),
    ],
)
def test_bodies_that_are_no_arguments(schema, body, status, words):
    answer = schema.ask(body=body, headers={"content-type": "application/json"})
    assert answer.status == status
    assert words in answer.json()["message"]
    assert answer.headers["x-ms-run-function-failed"] == "False"


def test_another_content_type_is_415(schema):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert schema.ask(body='{"data": [[1, 2]]}', headers={"content-type": kind}).status == 415
    kinds = ("application/json; charset=utf-8", "application/vnd.a+json")
    assert [
        schema.ask(body='{"data": [[1, 2]]}', headers={"content-type": kind}).status for kind in kinds
    ] == [200, 200]


def test_arguments_that_do_not_fit_the_sample_are_the_scripts_error(schema):
    assert schema.score({"data": [[1, 2, 3]]}).status == 500


@pytest.mark.parametrize(
    ("version", "key"), [("", "swagger"), ("?version=2", "swagger"), ("?version=3", "openapi")]
)
def test_swagger_shows_the_sample(schema, version, key):
    document = schema.ask("GET", f"/swagger.json{version}").json()
    assert key in document
    parts = document.get("definitions") or document["components"]["schemas"]
    assert parts["ServiceInput"]["example"] == {"data": [[1.0, 2.0]], "scale": 2.0}


def test_swagger_of_an_unknown_version_is_404(schema):
    answer = schema.ask("GET", "/swagger.json?version=9")
    assert answer.status == 404
    assert "Supported versions" in answer.json()["message"]


def test_a_data_frame_in_and_a_document_of_it(start):
    replica = start("""
        import pandas as pd
        from inference_schema.schema_decorators import input_schema, output_schema
        from inference_schema.parameter_types.pandas_parameter_type import PandasParameterType
        from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType

        def init(): pass

        @input_schema("data", PandasParameterType(pd.DataFrame({"age": [1], "city": ["a"]})))
        @output_schema(StandardPythonParameterType({"total": 1}))
        def run(data):
            return {"total": int(data["age"].sum()), "cities": data["city"].tolist()}
    """)
    answer = replica.score({"data": [{"age": 20, "city": "x"}, {"age": 22, "city": "y"}]})
    assert answer.json() == {"total": 42, "cities": ["x", "y"]}
    document = replica.ask("GET", "/swagger.json").json()
    assert document["definitions"]["ServiceInput"]["example"] == {"data": [{"age": 1, "city": "a"}]}


# @rawhttp


def test_raw_bytes_both_ways(raw):
    answer = raw.ask(body=b"\x01\x02\xff")
    assert (answer.status, answer.body) == (201, b"\xff\x02\x01")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers.get_all("x-two") == ["a", "b"]
    assert answer.headers["x-ms-run-function-failed"] == "False"


def test_raw_request_and_a_plain_value(raw):
    answer = raw.ask("GET", "/score?how=plain&a=%20b")
    assert answer.json() == ["GET", "/score?how=plain&a=%20b", None]
    answer = raw.ask(path="/score?how=plain", body='{"a": 1}', headers={"content-type": "application/json"})
    assert answer.json() == ["POST", "/score?how=plain", {"a": 1}]


def test_a_flask_response_works(raw):
    answer = raw.ask(path="/score?how=flask", body="")
    assert (answer.status, answer.body, answer.headers["x-pot"]) == (418, b"tea", "short")
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_upload(raw):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--b\r\nContent-Disposition: form-data; name="picture"; filename="p.png"\r\nContent-Type: image/png\r\n\r\n'
        b"\x89PNG\r\n\x00\r\n--b--\r\n"
    )
    answer = raw.ask(
        path="/score?how=upload", body=body, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.json() == {"name": "p.png", "bytes": 7, "note": "hello"}


def test_status_503_says_that_run_failed(raw):
    answer = raw.ask(path="/score?how=503", body="")
    assert (answer.status, answer.json()) == (503, {"a": 1})
    assert answer.headers.get_all("x-ms-run-function-failed") == ["True"]


def test_a_header_with_a_line_break_is_refused(raw):
    answer = raw.ask(path="/score?how=bad", body="")
    assert answer.status == 500
    assert "injected" not in {name.lower() for name in answer.headers}


@pytest.mark.parametrize(
    ("count", "size", "status"), [(80, 10, 200), (81, 10, 500), (1, 57_000, 200), (2, 30_000, 500)]
)
def test_more_headers_than_the_router_takes_are_refused(raw, count, size, status):
    answer = raw.ask(path=f"/score?how=headers&count={count}&size={size}", body="")
    assert (answer.status, "x-0" in answer.headers) == (status, status == 200)


def test_a_script_may_pass_on_what_another_endpoint_answered(raw):
    """The ids stay those of this request, and the router takes nothing in it for a replica's word to itself."""
    headers = raw.ask(path="/score?how=forward", body="", headers={"x-request-id": "ours"}).headers
    assert headers.get_all("x-request-id") == headers.get_all("x-ms-request-id") == ["ours"]
    assert headers["x-theirs"] == "1"
    assert headers.get_all("x-ms-run-fn-exec-ms") != ["0"]
    assert not {"x-zaffre-try-elsewhere", "x-ms-client-request-id"} & {name.lower() for name in headers}


# Environment


def test_variables_folders_and_own_modules(start):
    script = """
        import os, json
        import beside, pkg.deeper
        SEEN = {name: os.environ.get(name) for name in
                ("AML_APP_ROOT", "AZUREML_ENTRY_SCRIPT", "AZUREML_MODEL_DIR", "SCORING_TIMEOUT_MS", "SERVICE_NAME", "MINE")}
        def init():
            print("init says hello")
        def run(raw_data):
            return {**SEEN, "cwd": os.getcwd(), "beside": beside.VALUE}
    """
    replica = start(
        script,
        entry_script="src/score.py",
        files={"src/score.py": script, "src/beside.py": "VALUE = 7", "pkg/deeper.py": ""},
        environ={"MINE": "yes", "SERVICE_NAME": "given"},
        model_dir="/models",
        request_timeout_ms=1234,
    )
    root = str(replica.folder / "code")
    assert replica.ask(body="").json() == {
        "AML_APP_ROOT": root,
        "AZUREML_ENTRY_SCRIPT": "src/score.py",
        "AZUREML_MODEL_DIR": "/models",
        "SCORING_TIMEOUT_MS": "1234",
        "SERVICE_NAME": "given",
        "MINE": "yes",
        "cwd": root,
        "beside": 7,
    }
    assert "init says hello" in replica.log()


def test_cors_and_the_users_own_swagger(start):
    replica = start(
        "def init(): pass\ndef run(raw_data): return 1",
        files={"swagger.json": '{"mine": 2}', "swagger3.json": '{"mine": 3}'},
        environ={"AML_CORS_ORIGINS": "https://a.example, https://b.example"},
    )
    assert replica.ask("GET", "/swagger.json").json() == {"mine": 2}
    assert replica.ask("GET", "/swagger.json?version=3").json() == {"mine": 3}
    asked = {"origin": "https://b.example", "access-control-request-headers": "authorization"}
    answer = replica.ask("OPTIONS", "/score", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://b.example"
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
    assert answer.headers["access-control-allow-headers"] == "authorization"
    assert (
        "access-control-allow-origin"
        not in replica.ask(body="", headers={"origin": "https://c.example"}).headers
    )


def test_where_the_router_says_who_answered_the_replica_and_its_script_do_not(start):
    script = """
        from azureml.contrib.services.aml_request import rawhttp
        from azureml.contrib.services.aml_response import AMLResponse
        def init(): pass
        @rawhttp
        def run(request):
            return AMLResponse("x", 200, {"X-Zaffre-Revision": "mine", "azureml-model-deployment": "mine", "x-own": "1"})
    """
    headers = start(script, names_itself=False).ask(body=b"x").headers
    assert headers["x-own"] == "1"
    assert not {"x-zaffre-revision", "azureml-model-deployment", "x-ms-server-version"} & set(headers.keys())
