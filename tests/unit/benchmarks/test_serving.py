"""The serving benchmark judges rightly: what counts as a right answer, as failed, as the best packaged server."""

import http.server
import json
import os
import threading

import pytest
from benchmarks import bench_serving
from benchmarks.serving import contender, environments, load, model, peers, processes, variants


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return model.make(tmp_path_factory.mktemp("model") / "iris")


@pytest.fixture
def server():
    """Answers what `answers` says for the body, and keeps the authorization headers it saw."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.seen.append(self.headers["authorization"])
            text = json.dumps(self.server.answers[body.decode()]).encode()
            self.send_response(self.server.status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.seen, running.answers, running.status = [], {}, 200
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def contender_of(server, example, key=""):
    url = f"http://127.0.0.1:{server.server_port}/score"
    bodies = [model.plain_body(row) for row in example.inputs]
    server.answers = {body: [answer] for body, answer in zip(bodies, example.answers, strict=True)}
    return contender.Contender("it", example, url, bodies, lambda answer: answer, key)


def test_the_right_values_are_right(server, example):
    found = contender_of(server, example, key="secret")
    found.await_right(lambda: True)
    assert found.is_right()
    assert set(server.seen) == {"Bearer secret"}


def test_another_row_s_answer_is_wrong(server, example):
    found = contender_of(server, example)
    server.answers[found.bodies[-1]] = [example.answers[0]]
    with pytest.raises(SystemExit, match="other values"):
        found.await_right(lambda: False)


def test_a_wrong_shape_and_a_wrong_status_are_wrong(server, example):
    found = contender_of(server, example)
    server.answers[found.bodies[0]] = example.answers[0]
    assert not found.is_right()
    server.answers[found.bodies[0]] = [example.answers[0]]
    server.status = 503
    assert not found.is_right()


def test_many_rows_are_compared_row_by_row(example):
    rows, known = model.many(example, 32)
    answer = [example.answers[example.inputs.index(row)] for row in rows]
    assert known.is_right(0, answer)
    assert not known.is_right(0, answer[:31])
    assert not known.is_right(0, [*answer[:30], answer[31], answer[30]])


def test_every_variant_says_what_its_peers_are_asked(example):
    for variant in variants.VARIANTS:
        other = variants.others(variant.name)
        assert other is None or other.name in {peer.name for peer in peers.PEERS}
    for peer in peers.PEERS:
        assert peer.many_body is None or str(example.inputs[0][0]) in peer.many_body(example.inputs)


def test_a_label_does_not_pass_for_probabilities(example):
    assert example.is_right(0, [example.answers[0]])
    assert not example.is_right(0, [[0]])
    assert not example.is_right(0, [[round(value) for value in example.answers[0]]])


def test_every_peer_s_body_holds_the_row_and_its_answer_is_found(example):
    row, answer = example.inputs[0], example.answers[0]
    told = {
        "mlserver": {"outputs": [{"name": "predict_proba", "shape": [1, 3], "data": answer}]},
        "mlflow": {"predictions": [answer]},
    }
    for peer in peers.PEERS:
        assert str(row[0]) in peer.body(row)
        assert example.is_right(0, peer.rows(told.get(peer.name, [answer])))
        assert (environments.HERE / "requirements" / f"{peer.name}.txt").exists()


def test_the_peers_score_with_the_versions_that_wrote_the_model(example):
    for peer in peers.PEERS:
        locked = (environments.HERE / "requirements" / f"{peer.name}.txt").read_text()
        assert {package for package in example.packages if f"\n{package} \\" not in f"\n{locked}"} == set()
        assert "index-url" not in locked
        assert "://" not in locked


def test_bad_statuses_broken_requests_and_wrong_values_all_count_as_failed():
    line = {"requests": 100, "duration_s": 2.0, "p50_ms": 1, "p99_ms": 2, "bad_status": 3, "broken": 2}
    found = load.read("Running ...\n" + json.dumps(line) + "\n", wrong=1, probed=10)
    assert (found.rps, found.failed) == (50, 6)


def test_the_last_line_compares_with_the_best_packaged_server():
    def bursts(*rps):
        return [load.Figures(one, 1.0, 2.0, 0, 1) for one in rps]

    broken = load.Figures(1000, 1.0, 2.0, 4, 1)
    found = bench_serving.figures(
        {
            ("zaffre", 32): [*bursts(1200, 1400), broken],
            ("zaffre", 1): bursts(100),
            ("zaffre_one_core", 32): bursts(800),
            ("mlserver", 32): bursts(200),
            ("mlserver", 1): bursts(9000),
            ("mlflow", 32): bursts(100),
            ("fastapi", 32): bursts(400),
            ("zaffre_empty", 32): bursts(1500),
            ("zaffre_rows32", 32): bursts(900),
            ("mlserver_rows32", 32): bursts(100),
            ("fastapi_rows32", 32): bursts(300),
            ("zaffre_onnx", 32): bursts(2000),
        }
    )
    assert found["vs_best_packaged"] == 6
    assert found["vs_fastapi"] == 3
    assert found["one_core_vs_best_packaged"] == 4
    assert found["one_core_vs_fastapi"] == 2
    assert found["vs_empty_model"] == 0.8
    assert found["p50_one_connection_ms"] == 1.0
    assert found["rows32_vs_best"] == 3
    assert "onnx_vs_best" not in found
    assert found["failed"] == 4


def test_the_process_that_listens_is_found(server):
    assert processes.listener_at(f"http://127.0.0.1:{server.server_port}/x") == os.getpid()
