"""Scripts that opt in to batches: what waits during a call is in the next one, each caller gets its own result."""

import concurrent.futures
import json

SCRIPT = """
    import json, time
    sizes = []
    def init(): pass
    def run(raw_data):
        return [json.loads(raw_data)["n"], 1]
    def run_batch(bodies):
        sizes.append(len(bodies))
        time.sleep(0.05)
        if any("bad" in body for body in bodies):
            raise ValueError("a bad one")
        if any("short" in body for body in bodies):
            return []
        return [[json.loads(body)["n"], len(bodies)] for body in bodies]
"""


def ask_all(replica, bodies):
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(lambda body: replica.ask(body=json.dumps(body)), bodies))


def test_requests_that_wait_are_scored_together(start):
    replica = start(SCRIPT, max_batch=8)
    found = [answer.json() for answer in ask_all(replica, [{"n": n} for n in range(40)])]
    assert [n for n, _ in found] == list(range(40))
    assert 1 < max(size for _, size in found) <= 8
    assert replica.score({"n": 7}).json() == [7, 1]  # one alone goes to run()


def test_a_bad_request_fails_alone_and_a_short_list_is_not_believed(start):
    replica = start(SCRIPT, max_batch=64)
    bodies = [{"n": n, "bad" if n == 13 else "good": 1} for n in range(30)]
    assert [answer.json()[0] for answer in ask_all(replica, bodies)] == list(range(30))
    bodies = [{"n": n, "short": 1} for n in range(30)]
    assert [answer.json()[0] for answer in ask_all(replica, bodies)] == list(range(30))
    assert "run_batch() must return a list" in replica.log()


def test_a_script_without_it_is_called_once_for_each(start):
    replica = start(SCRIPT.replace("def run_batch", "def other"), max_batch=64)
    assert {answer.json()[1] for answer in ask_all(replica, [{"n": n} for n in range(20)])} == {1}


def test_it_does_not_go_with_headers(start):
    replica = start(SCRIPT.replace("run(raw_data)", "run(raw_data, request_headers)"), ready=False)
    assert replica.exit_code() == 3
    assert "run_batch" in replica.log()
