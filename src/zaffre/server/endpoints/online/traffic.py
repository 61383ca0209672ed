"""Who gets how much: rules for traffic and mirror. Pure."""

from collections.abc import Collection, Mapping

from zaffre.contracts import online_endpoint as contract
from zaffre.core import errors

Shares = Mapping[str, int]


def merged(present: Shares, asked: Shares) -> dict[str, int]:
    """The wanted shares: those asked for, or what is there when nothing was said. Deployments not named get 0."""
    if not asked:
        return dict(present)
    return {**dict.fromkeys(present, 0), **asked}


def check(endpoint: str, traffic: Shares, mirror: Shares, *, serving: Mapping[str, bool]) -> None:
    """Raise Invalid unless the shares are legal. `serving` says of each deployment whether it can answer by now."""
    contract.OnlineEndpoint(name=endpoint, traffic=dict(traffic), mirror_traffic=dict(mirror))
    for name in _named(traffic, mirror):
        if name not in serving:
            raise errors.Invalid(
                f"endpoints/{endpoint} has no deployment {name!r} that could take traffic.",
                hint=f"It has {', '.join(sorted(serving)) or 'none yet'}.",
            )
        if not serving[name]:
            raise errors.Conflict(
                f"The deployment {name!r} of endpoints/{endpoint} does not serve yet.",
                hint=f"`zaffre online-deployment show -e {endpoint} -n {name}` says what it waits for, or why it failed.",
            )


def check_new(endpoint: str, traffic: Shares, mirror: Shares) -> None:
    """Raise Invalid when shares are given before there is any deployment."""
    named = _named(traffic, mirror)
    if named:
        raise errors.Invalid(
            f"endpoints/{endpoint} is new and has no deployment {named[0]!r}; traffic cannot be set at creation.",
            hint="Create the deployment, then update the endpoint's traffic (or create it with --all-traffic).",
        )


def check_unused(endpoint: str, deployment: str, traffic: Shares, mirror: Shares) -> None:
    """Raise InUse while a deployment has live or mirrored traffic."""
    for words, shares in (("traffic", traffic), ("mirrored traffic", mirror)):
        if shares.get(deployment):
            raise errors.InUse(
                f"The deployment {deployment!r} of endpoints/{endpoint} has {shares[deployment]} % of the {words}.",
                hint="Set its traffic to 0 first: `zaffre online-endpoint update --traffic`.",
            )


def with_all(names: Collection[str], deployment: str) -> dict[str, int]:
    """All traffic to one deployment, none to the others."""
    return {**dict.fromkeys(names, 0), deployment: 100}


def _named(traffic: Shares, mirror: Shares) -> list[str]:
    return [name for shares in (traffic, mirror) for name, share in shares.items() if share]
