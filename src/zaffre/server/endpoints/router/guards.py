"""Who may pass at an endpoint, and the counts of those that went no further. Pure.

Called by `routes`. Where keys open, the endpoint's first route meets whoever has none and answers by itself, so that such an
answer says nothing of the deployments behind, and the other routes ask nothing any more. Where tokens open, Envoy's
role-based filter refuses behind the one that checks them. That filter also counts, by the name of a policy:
`WORKSPACE/ENDPOINT/401`, with `/token` behind it where it refused; what a route answers by itself is counted by a shadow
policy that decides nothing. On all other routes it is off. `stats` reads the counts.
(Envoy's own API-key filter is work in progress and outside its threat model; all of this is stable.)
"""

import re
from collections.abc import Iterable, Mapping

from zaffre.server.endpoints.router import files, replies, tokens, wanted

_ANYBODY: list[files.Document] = [{"any": True}]


def strangers(endpoint: wanted.Endpoint, prefix: str) -> Iterable[files.Document]:
    """The route that must come first: it refuses whoever has no key. None where tokens open."""
    if endpoint.tokens is None:
        yield {
            "match": {"prefix": prefix, "headers": list(_no_key(endpoint.keys))},
            "direct_response": {"status": replies.REFUSED},
            "typed_per_filter_config": _counting(f"{endpoint.workspace}/{endpoint.name}/401"),
        }


def of(endpoint: wanted.Endpoint, *, answered_here: int | None = None) -> files.Document:
    """What a further route of the endpoint says to the filters. `answered_here` is the status that it itself answers with."""
    name = f"{endpoint.workspace}/{endpoint.name}"
    counted = None if answered_here is None else f"{name}/{answered_here}"
    if endpoint.tokens is None:
        return _counting(counted) if counted else {}
    accepted = [tokens.principal(endpoint.tokens)]
    rules = {"rules": _rules("DENY", f"{name}/401/token", [{"not_id": {"or_ids": {"ids": accepted}}}])}
    if counted:
        rules["shadow_rules"] = _rules("ALLOW", counted, accepted)
    return {**tokens.per_route(endpoint.tokens), "rbac": _filter(rules)}


def nowhere() -> files.Document:
    """For the answer to who asked for an endpoint that does not exist."""
    return _counting("//404")


def _no_key(keys: Mapping[str, str]) -> Iterable[files.Document]:
    """Conditions that hold together for whoever has none of the keys. The usual way of writing first: Envoy looks until one
    does not hold. The scheme's name may be written in any case, which only those are asked that wrote it in another."""
    known = [key for _, key in sorted(keys.items())]
    for key in known:
        yield _no_match({"exact": f"Bearer {key}"})
    if known:
        anyhow = f"(?i:bearer) +(?:{'|'.join(map(re.escape, known))})"
        yield _no_match({"safe_regex": {"regex": anyhow}})


def _no_match(wish: files.Document) -> files.Document:
    return {
        "name": "authorization",
        "string_match": wish,
        "invert_match": True,
        "treat_missing_header_as_empty": True,
    }


def _counting(policy: str) -> files.Document:
    return {"rbac": _filter({"shadow_rules": _rules("ALLOW", policy, _ANYBODY)})}


def _rules(action: str, policy: str, principals: list[files.Document]) -> files.Document:
    return {
        "action": action,
        "policies": {policy: {"permissions": [{"any": True}], "principals": principals}},
    }


def _filter(rules: files.Document) -> files.Document:
    return {
        "@type": files.HTTP + "rbac.v3.RBACPerRoute",
        "rbac": {**rules, "track_per_rule_stats": True},
    }
