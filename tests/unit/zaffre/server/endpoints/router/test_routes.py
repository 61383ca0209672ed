"""The router's documents: which route a request meets first, and what must not be in them."""

import dataclasses
import re

import hypothesis
from hypothesis import strategies as st

from zaffre.server.endpoints.router import files, replies, routes, tracing, wanted

KEYS = {"primary": "k" * 40, "secondary": "s" * 40}


def endpoint(traffic=None, mirror=None, names=("blue", "green"), **fields):
    targets = tuple(wanted.Target(name, f"r-{name}") for name in names)
    return wanted.Endpoint("default", "churn", KEYS, targets, traffic or {}, mirror or {}, **fields)


def paths(*endpoints, domain=""):
    document = routes.document(wanted.Wanted(tuple(endpoints), (), domain))
    return {host["name"]: host["routes"] for host in document["resources"][0]["virtual_hosts"]}


def refuses(headers, credentials):
    """Whether the route of strangers meets a request with this `authorization`."""
    texts = [matcher["string_match"] for matcher in headers]
    assert all(matcher["invert_match"] and matcher["treat_missing_header_as_empty"] for matcher in headers)
    return not any(
        re.fullmatch(text["safe_regex"]["regex"], credentials)
        if "safe_regex" in text
        else text["exact"] == credentials
        for text in texts
    )


def meets(found, number, header=None, size=2, credentials=f"Bearer {KEYS['primary']}"):
    """The first route that a request with this random number, header, size and key meets, as Envoy walks them."""
    for route in found:
        match = route["match"]
        headers = match.get("headers", [])
        if route.get("direct_response", {}).get("status") == replies.REFUSED:
            if not refuses(headers, credentials):
                continue
        elif headers and headers[0]["name"] == "content-length":
            if size < headers[0]["range_match"]["start"]:
                continue
        elif headers:
            (matcher,) = headers
            assert matcher["name"] == replies.DEPLOYMENT_HEADER
            if (
                header is not None
                if "present_match" in matcher
                else header != matcher["string_match"]["exact"]
            ):
                continue
        fraction = match.get("runtime_fraction")
        if fraction and number % 100 >= fraction["default_value"]["numerator"]:
            continue
        return route
    return None


@hypothesis.given(st.lists(st.integers(0, 100), min_size=2, max_size=2))
def test_the_split_gives_each_deployment_its_share(cuts):
    low, high = sorted(cuts)
    shares = {"a": low, "b": high - low, "c": 100 - high}
    found = paths(endpoint(shares, names=("a", "b", "c")))["paths"]
    met = [meets(found, number)["route"]["cluster"] for number in range(100)]
    assert {name: met.count(f"r-{name}") for name in shares} == shares


def test_a_named_deployment_is_met_whatever_the_split_and_is_not_mirrored():
    found = paths(endpoint({"blue": 100}, {"green": 10}))["paths"]
    assert meets(found, 5, "green")["route"]["cluster"] == "r-green"
    assert meets(found, 5, "blue")["route"]["request_mirror_policies"] == []
    assert meets(found, 5, "purple")["direct_response"]["status"] == 404
    (mirror,) = meets(found, 5)["route"]["request_mirror_policies"]
    assert mirror["cluster"] == "r-green"
    assert mirror["runtime_fraction"]["default_value"] == {"numerator": 10, "denominator": "HUNDRED"}


def test_a_giant_body_is_refused_before_a_replica_is_asked():
    found = paths(endpoint({"blue": 100}))["paths"]
    assert meets(found, 0, size=100 << 20)["route"]["cluster"] == "r-blue"
    for header in (None, "blue", "purple"):
        assert meets(found, 0, header, size=(100 << 20) + 1)["direct_response"]["status"] == 413


def test_without_traffic_or_endpoint_the_answer_is_404():
    found = paths(endpoint())["paths"]
    assert meets(found, 0)["direct_response"]["status"] == 404
    assert paths()["paths"][0]["direct_response"]["status"] == 404


def test_whoever_has_no_key_meets_an_answer_that_says_nothing_of_what_is_behind():
    found = paths(endpoint({"blue": 100}), domain="models.example")
    for name, routes_ in found.items():
        for credentials in (
            "",
            "Bearer",
            "Bearer ",
            f"Bearer {'k' * 39}",
            f"Basic {'k' * 40}",
            "k" * 40,
            "Bearer .*",
        ):
            met = meets(routes_, 0, credentials=credentials, size=1 << 40)
            assert met["direct_response"] == {"status": replies.REFUSED}, (name, credentials)
            assert set(met) == {"match", "direct_response", "typed_per_filter_config"}
    for credentials in (f"Bearer {'s' * 40}", f"BEARER {'k' * 40}", f"bearer   {'s' * 40}"):
        met = meets(found["paths"], 0, credentials=credentials)
        assert met["route"]["cluster"] == "r-blue"
        assert met["request_headers_to_remove"] == ["authorization"]


def test_the_usual_key_costs_one_comparison():
    """Envoy looks at conditions in order until one does not hold."""
    first, *_ = paths(endpoint({"blue": 100}))["paths"][0]["match"]["headers"]
    assert first["string_match"] == {"exact": f"Bearer {KEYS['primary']}"}
    assert meets(paths(endpoint({"blue": 100}))["paths"], 0)["typed_per_filter_config"] == {}


def test_an_endpoint_without_keys_lets_nobody_in():
    open_door = wanted.Endpoint("default", "churn", {}, (wanted.Target("blue", "r1"),), {"blue": 100})
    first = paths(open_door)["paths"][0]
    assert first["match"] == {"prefix": "/default/churn/", "headers": []}
    assert first["direct_response"]["status"] == replies.REFUSED


def test_where_tokens_open_every_route_asks_for_one():
    rule = wanted.TokenRule("issuer", "churn")
    for route in paths(dataclasses.replace(endpoint({"blue": 100}), keys={}, tokens=rule))["paths"][:-1]:
        rules = route["typed_per_filter_config"]["rbac"]["rbac"]["rules"]
        assert (rules["action"], set(rules["policies"])) == ("DENY", {"default/churn/401/token"})


def test_host_names_are_lower_case_and_unique():
    found = paths(endpoint({"blue": 100}), domain="Models.Example")
    assert set(found) == {"paths", "churn.default.models.example"}
    assert found["churn.default.models.example"][0]["match"]["prefix"] == "/"


def test_without_retry_only_what_no_replica_began_is_repeated():
    target = wanted.Target("blue", "r1", retry=False)
    found = paths(wanted.Endpoint("default", "churn", KEYS, (target,), {"blue": 100}))["paths"]
    assert meets(found, 0)["route"]["retry_policy"]["retry_on"] == (
        "connect-failure,refused-stream,retriable-headers"
    )


def test_equal_wishes_have_equal_versions_and_others_do_not():
    one = wanted.Cluster("r1", (wanted.Host("/a"), wanted.Host("/b")), 4)
    turned = wanted.Cluster("r1", (wanted.Host("/b"), wanted.Host("/a")), 4)
    drained = wanted.Cluster("r1", (wanted.Host("/b"), wanted.Host("/a", draining=True)), 4)
    assert files.assignment(one) == files.assignment(turned)
    assert files.version(files.assignment(one)) != files.version(files.assignment(drained))
    assert set(files.hosts(files.assignment(drained))) == set(drained.hosts)


def test_keys_do_not_show_in_what_is_printed():
    assert "kkkk" not in repr(endpoint())


def test_without_a_collector_there_is_no_tracer():
    place = files.Place("/f", "/a", "127.0.0.1", 1)
    assert "trac" not in files.text(files.bootstrap(place))
    traced = dataclasses.replace(place, traces=tracing.Tracing("https://there:1/x", {"token": "t"}, 0.25))
    assert '"uri":"https://there:1/x/v1/traces"' in files.text(files.bootstrap(traced))


def test_a_traced_deployment_without_a_collector_passes_traces_as_they_come():
    target = wanted.Target("blue", "r1", traced=True)
    endpoint = wanted.Endpoint("w", "e", {}, (target,), {"blue": 100})
    assert "traceparent" not in files.text(routes.document(wanted.Wanted((endpoint,))))
    traces = tracing.Tracing("http://there")
    assert "traceparent" in files.text(routes.document(wanted.Wanted((endpoint,), traces=traces)))
    plain = dataclasses.replace(endpoint, targets=(dataclasses.replace(target, traced=False),))
    assert "traceparent" not in files.text(routes.document(wanted.Wanted((plain,), traces=traces)))
