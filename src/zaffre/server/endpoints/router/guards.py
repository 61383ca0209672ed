"""Who may pass at an endpoint, and the counts of those that went no further. Pure.

Called by `routes`. Envoy's role-based filter refuses (a 403, which becomes a 401 on its way out) and counts by the name
of the policy: `WORKSPACE/ENDPOINT/401`, with `/token` behind it where tokens open. What a route answers by itself is counted by a shadow policy that decides nothing.
`stats` reads both. (Envoy's own API-key filter is work in progress and outside its threat model; this one is stable.)
"""

from collections.abc import Iterable, Mapping

from zaffre.server.endpoints.router import files, tokens, wanted

_ANYBODY: list[files.Document] = [{"any": True}]


def of(endpoint: wanted.Endpoint, *, answered_here: int | None = None) -> files.Document:
    """What a route of the endpoint says to the filters. `answered_here` is the status that the route itself answers with."""
    name = f"{endpoint.workspace}/{endpoint.name}"
    if endpoint.tokens:
        return {
            **tokens.per_route(endpoint.tokens),
            **_rbac(name, [tokens.principal(endpoint.tokens)], answered_here, refused="401/token"),
        }
    return _rbac(name, list(_keys(endpoint.keys)), answered_here)


def nowhere() -> files.Document:
    """For the answer to who asked for an endpoint that does not exist."""
    return {"rbac": _filter({"shadow_rules": _rules("ALLOW", "//404", _ANYBODY)})}


def _rbac(
    name: str, accepted: list[files.Document], answered_here: int | None, *, refused: str = "401"
) -> files.Document:
    """Everybody else is refused; where nobody is accepted, that is everybody."""
    others = [{"not_id": {"or_ids": {"ids": accepted}}}] if accepted else _ANYBODY
    rules = {"rules": _rules("DENY", f"{name}/{refused}", others)}
    if answered_here is not None and accepted:
        rules["shadow_rules"] = _rules("ALLOW", f"{name}/{answered_here}", accepted)
    return {"rbac": _filter(rules)}


def _keys(keys: Mapping[str, str]) -> Iterable[files.Document]:
    """The usual way of writing first: Envoy compares until one fits."""
    for scheme in ("Bearer", "bearer"):
        for _, key in sorted(keys.items()):
            yield {"header": {"name": "authorization", "string_match": {"exact": f"{scheme} {key}"}}}


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
