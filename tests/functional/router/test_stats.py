"""What the router says that it counted, against what was sent."""

import concurrent.futures

import pytest

from zaffre.core import errors
from zaffre.testing import waiting


def test_what_was_sent_is_counted(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(
        state(("blue", "r00000000000a", [blue]), traffic={"blue": 100}, max_requests=2, timeout_ms=120_000)
    )
    for _ in range(20):
        assert call().status_code == 200
    assert call(key="").status_code == 401

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(call, json={"wait_s": 1, "hold": True}) for _ in range(3)]
        waiting.until(lambda: router.stats().clusters["r00000000000a"].in_flight == 2)
        waiting.until(lambda: any(item.done() for item in slow))
        blue.release()
        codes = sorted(item.result().status_code for item in slow)
    assert codes[:2] == [200, 200]

    waiting.until(lambda: router.stats().clusters["r00000000000a"].in_flight == 0)
    cluster = router.stats().clusters["r00000000000a"]
    assert (cluster.in_flight, cluster.refused, cluster.codes[200]) == (0, 1, 22)
    assert (cluster.hosts, cluster.healthy_hosts) == (1, 1)
    assert router.stats().classes[2] == 22

    waiting.until(lambda: router.stats().clusters["r00000000000a"].latency_ms.count >= 22)
    latency = router.stats().clusters["r00000000000a"].latency_ms
    assert latency.quantile(0.5) < 750
    assert latency.quantile(0.99) > 750


def test_a_router_that_is_away_says_so(make_router):
    with pytest.raises(errors.Unavailable):
        make_router().stats()


def test_what_is_refused_before_a_deployment_is_chosen_is_counted_for_its_endpoint(
    router, upstreams, state, call
):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}))
    for key in ("wrong", "", "wrong"):
        assert call(key=key).status_code == 401
    assert call(key="wrong", headers={"azureml-model-deployment": "green"}).status_code == 401
    assert call(headers={"azureml-model-deployment": "green"}).status_code == 404
    assert call("/default/absent/score").status_code == 404
    assert call().status_code == 200
    expected = {
        ("default", "churn", 401): 4,
        ("default", "churn", 404): 1,
        ("", "", 404): 1,
    }
    waiting.until(lambda: sum(router.stats().refused.values()) == sum(expected.values()))
    assert router.stats().refused == expected
    assert router.stats().bad_tokens == 0
