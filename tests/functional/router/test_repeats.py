"""A request that a replica had begun when it died: given to another one, or not where the deployment says so."""

import concurrent.futures

import pytest

from zaffre.testing import waiting


@pytest.mark.parametrize("retry", [True, False])
def test_what_was_begun_is_repeated_unless_the_deployment_says_no(router, upstreams, state, call, retry):
    both = [upstreams("one"), upstreams("two")]
    router.apply(state(("blue", "r1", both), traffic={"blue": 100}, timeout_ms=60_000, retry=retry))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call, json={"hold": True})
        waiting.until(lambda: any(one.requests for one in both))
        dying, other = sorted(both, key=lambda one: -one.requests)
        other.release()
        dying.close()
        answer = asked.result()
    assert answer.status_code == (200 if retry else 503)
    assert other.requests == (1 if retry else 0)
    assert answer.json().get("name") == (other.name if retry else None)
    assert retry or answer.json()["code"] == "unavailable"
