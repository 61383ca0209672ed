"""The figures that people see."""

from zaffre.server.endpoints.router import answers
from zaffre.server.endpoints.telemetry import slices, summary


def test_codes_of_the_router_become_those_that_clients_saw():
    counted = {"code.200": 10, "code.503": 4, "code.504": 3, "refused": 3, "timed_out": 3}
    seen = answers.as_clients_saw(counted)
    assert {name: n for name, n in seen.items() if name.startswith("code.")} == {
        "code.200": 10, "code.503": 1, "code.429": 3, "code.408": 3,
    }  # fmt: skip


def test_every_504_and_507_was_another_code_outside():
    """A stream that was idle for too long is no timeout to the router's counter, and 408 all the same."""
    assert answers.as_clients_saw({"code.504": 3, "timed_out": 1, "code.507": 2}) == {
        "code.408": 3, "code.413": 2, "timed_out": 1,
    }  # fmt: skip


def test_no_more_is_moved_than_there_was():
    assert answers.as_clients_saw({"code.503": 1, "refused": 5})["code.429"] == 1


def test_errors_are_what_the_deployment_did_wrong():
    assert [code for code in (200, 400, 401, 404, 408, 413, 424, 429, 500, 503) if answers.is_error(code)] == [
        408, 424, 429, 500, 503,
    ]  # fmt: skip


def test_an_idle_deployment_has_figures_too():
    found = summary.of(slices.Slice(60.0))
    assert (found["requests"], found["error_rate"], found["latency_ms"]["p95"]) == (0, None, None)
    assert summary.of(slices.Slice())["requests_per_minute"] is None


def test_rates_are_over_the_time_that_was_seen():
    window = slices.Slice(30.0, {"code.200": 90, "code.500": 10, "cpu_s": 15.0, "looks": 3, "memory_sum": 30})
    found = summary.of(window)
    assert (found["requests"], found["requests_per_minute"], found["error_rate"]) == (100, 200.0, 0.1)
    assert (found["cpu_cores"], found["memory_bytes"]["mean"]) == (0.5, 10)


def test_deployments_side_by_side_add_up_in_the_same_time():
    one = slices.Slice(60.0, {"code.200": 5}, {"in_flight": 2})
    two = slices.Slice(30.0, {"code.200": 7}, {"in_flight": 3})
    found = slices.together([one, two])
    assert (found.seconds, found.added, found.peaks) == (60.0, {"code.200": 12}, {"in_flight": 5})
