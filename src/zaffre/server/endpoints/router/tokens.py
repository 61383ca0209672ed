"""Endpoints that are opened by signed tokens (JWT): Envoy's filter that checks them, and who may pass then. Pure.

Called by `files` and `routes`. The filter is off on every route that does not ask for it, so that keys cost no more than before.
It checks signature, issuer and times, and notes what it found; the role-based filter behind it lets pass only what was signed
for this very endpoint, so that a request which was not checked at all cannot pass either, and counts whom it refuses.
"""

from collections.abc import Iterable, Mapping

from zaffre.server.endpoints.router import files, replies, wanted

FOLDER = "ecds"
KNOWN_AS = f"extension_config_discovery.http_filter.{files.TOKENS}"
_JWT = files.HTTP + "jwt_authn.v3."


def document(providers: Iterable[wanted.Provider]) -> files.Document:
    """The filter's configuration as a resource of its own: keys change without a new listener."""
    known = [item for item in sorted(providers, key=lambda item: item.name) if item.keys]
    configuration: files.Document = {"@type": _JWT + "JwtAuthentication"}
    if known:
        configuration["providers"] = {item.name: _provider(item) for item in known}
        # Whoever has no good token goes on without claims, so that the next filter refuses, and counts for the endpoint.
        configuration["requirement_map"] = {item.name: _checked(item) for item in known}
    resource = {
        "@type": files.TYPE + "config.core.v3.TypedExtensionConfig",
        "name": files.TOKENS,
        "typed_config": configuration,
    }
    return files.versioned([resource])


def per_route(rule: wanted.TokenRule) -> files.Document:
    """What a route of the endpoint says to the filter."""
    return {files.TOKENS: {"@type": _JWT + "PerRouteConfig", "requirement_name": rule.provider}}


def principal(rule: wanted.TokenRule) -> files.Document:
    """Who may pass, as the role-based filter asks."""
    claims: Mapping[str, str] = {"aud": rule.audience, **rule.claims}
    conditions = [_one_of([_body(rule.provider), name], value) for name, value in sorted(claims.items())]
    signed_by_a_named_key = _metadata(
        [_head(rule.provider), "kid"], {"string_match": {"safe_regex": {"regex": ".+"}}}
    )
    return {"and_ids": {"ids": [*conditions, signed_by_a_named_key]}}


def _one_of(path: list[str], value: str) -> files.Document:
    """A claim is a text, or a list of texts."""
    exact: files.Document = {"string_match": {"exact": value}}
    alternatives = [exact, {"list_match": {"one_of": exact}}]
    return {"or_ids": {"ids": [_metadata(path, item) for item in alternatives]}}


def _metadata(path: list[str], value: files.Document) -> files.Document:
    matcher = {"filter": replies.TOKEN_FILTER, "path": [{"key": key} for key in path], "value": value}
    return {"sourced_metadata": {"metadata_matcher": matcher}}


def _checked(item: wanted.Provider) -> files.Document:
    alternatives = [{"provider_name": item.name}, {"allow_missing_or_failed": {}}]
    return {"requires_any": {"requirements": alternatives}}


def _body(provider: str) -> str:
    """Where the filter notes the claims of a token that this provider has signed: nobody else's are read there."""
    return f"{provider} claims"


def _head(provider: str) -> str:
    return f"{provider} head"


def _provider(item: wanted.Provider) -> files.Document:
    return {
        "issuer": item.issuer,
        "local_jwks": {"inline_string": item.keys},
        # Whatever stands before the blank: the scheme's name may be written in any case, which a text here may not.
        "from_headers": [{"name": "Authorization", "value_prefix": " "}],
        "require_expiration": True,
        "clock_skew_seconds": item.clock_skew_s,
        "payload_in_metadata": _body(item.name),
        "header_in_metadata": _head(item.name),
        "failed_status_in_metadata": replies.TOKEN_TROUBLE,
        "jwt_cache_config": {"jwt_cache_size": 500},
    }
