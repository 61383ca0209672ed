"""`ml_client.online_deployments`: deployments, their revisions and their logs."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx

from zaffre.contracts import online_deployment
from zaffre.core import errors
from zaffre.sdk import following, operations, paging, pollers, private

Deployment = online_deployment.OnlineDeployment
_SERVING, _FETCHING = "inference-server", "storage-initializer"


class OnlineDeploymentOperations:
    """Operations on the deployments of online endpoints."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def begin_create_or_update(
        self,
        deployment: Deployment,
        *,
        local: bool = False,
        vscode_debug: bool = False,
        all_traffic: bool = False,
        **_: Any,
    ) -> pollers.Poller[Deployment]:
        """Makes a deployment or a new revision of it; the old revision serves until the new one is ready.

        With `all_traffic` it gets every request of the endpoint as soon as it is ready; so does the first deployment
        of a local endpoint. `vscode_debug` starts the script only when a debugger has attached; it needs `local`.
        """
        if local and self._scope.outer is None:
            here = self._at(local)
            return here.begin_create_or_update(deployment, vscode_debug=vscode_debug, all_traffic=all_traffic)
        if self._scope.outer is not None:
            with private.fetched(deployment, self._scope.outer) as found:
                waiting = private.debugged(found)[0] if vscode_debug else found
                return self._begin_put(waiting, all_traffic=all_traffic or self._is_first(waiting))
        if vscode_debug:
            raise errors.Invalid(
                "A debugger can wait on this machine only.", hint="Add local=True (--local)."
            )
        return self._begin_put(deployment, all_traffic=all_traffic)

    def _begin_put(self, deployment: Deployment, *, all_traffic: bool) -> pollers.Poller[Deployment]:
        name, endpoint = deployment.name, deployment.endpoint_name
        if not name or not endpoint:
            lacks = "name" if not name else "endpoint_name"
            raise errors.Invalid(f"The deployment has no {lacks}.", hint=f"Give it one: {lacks}.")
        body = self._scope.bundled(deployment)
        parameters = {"all_traffic": True} if all_traffic else None
        output = self._output(name, endpoint)
        response = self._scope.wire.send("PUT", self._path(endpoint, name), body=body, parameters=parameters)
        return self._poller(response, name, endpoint, output)

    def begin_update(
        self, name: str, endpoint_name: str, change: Callable[[Deployment], Deployment]
    ) -> pollers.Poller[Deployment]:
        """Reads a deployment, changes it, sends it back. Raises Conflict when somebody else changed it meanwhile."""
        path = self._path(endpoint_name, name)
        found, unless_changed = self._scope.tagged("online-deployment", path)
        body = self._scope.bundled(change(found))
        output = self._output(name, endpoint_name)
        response = self._scope.wire.send("PUT", path, body=body, headers=unless_changed)
        return self._poller(response, name, endpoint_name, output)

    def get(self, name: str, endpoint_name: str, *, local: bool | None = False) -> Deployment:
        """One deployment as it is now."""
        here = self._at(local)
        return _read(here._scope.wire.get(here._path(endpoint_name, name)))

    def list(
        self, endpoint_name: str, *, local: bool = False, max_results: int | None = None
    ) -> Iterator[Deployment]:
        """Every deployment of an endpoint."""
        here = self._at(local)
        return paging.items(here._scope.wire, here._path(endpoint_name), _read, most=max_results)

    def begin_delete(
        self, name: str, endpoint_name: str, *, local: bool | None = False
    ) -> pollers.Poller[None]:
        """Removes a deployment. Raises InUse while it takes traffic."""
        here = self._at(local)
        response = here._scope.wire.send("DELETE", here._path(endpoint_name, name))
        return here._scope.poller(response, lambda _: None)

    def delete(self, name: str, endpoint_name: str) -> None:
        """As `begin_delete`, waiting for the end."""
        self.begin_delete(name, endpoint_name).result()

    def get_logs(
        self,
        name: str,
        endpoint_name: str,
        lines: int = 5000,
        *,
        container_type: str | None = None,
        local: bool = False,
    ) -> str:
        """The last lines of every instance, from the first line of `init()` on."""
        here = self._at(local)
        if container_type == _FETCHING:  # scripts print both, to find out why a deployment failed
            here.get(name, endpoint_name)
            return "Nothing was fetched: the model lies on this machine already.\n"
        if container_type not in (None, _SERVING):
            raise errors.Invalid(
                f"There is no container {container_type!r}.",
                hint=f"Leave it out, or name {_SERVING} or {_FETCHING}.",
            )
        path = here._path(endpoint_name, name, "logs")
        return here._scope.wire.send("GET", path, parameters={"lines": lines}).text

    def get_metrics(self, name: str, endpoint_name: str, *, window: str = "1h") -> dict[str, Any]:
        """Requests, latency percentiles, error rate and use of the machine within a window that ends now.

        `window` is a number of seconds, or a text such as `15m` or `PT1H`.
        """
        path = self._path(endpoint_name, name, "metrics")
        found: dict[str, Any] = self._scope.wire.get(path, window=str(window))
        return found

    def list_revisions(self, name: str, endpoint_name: str) -> Sequence[dict[str, Any]]:
        """Every accepted change of a deployment, newest first."""
        return list(paging.items(self._scope.wire, self._path(endpoint_name, name, "revisions"), dict))

    def begin_rollback(
        self, name: str, endpoint_name: str, *, revision: str | None = None
    ) -> pollers.Poller[Deployment]:
        """Makes a new revision that equals an old one: the one named, or the one before the current."""
        body = {"revision": revision} if revision else {}
        output = self._output(name, endpoint_name)
        response = self._scope.wire.send("POST", self._path(endpoint_name, name, "rollback"), body=body)
        return self._poller(response, name, endpoint_name, output)

    def rollback(self, name: str, endpoint_name: str, *, revision: str | None = None) -> Deployment:
        """As `begin_rollback`, waiting for the end."""
        return self.begin_rollback(name, endpoint_name, revision=revision).result()

    def follow(self, name: str, endpoint_name: str) -> Iterator[following.Lines]:
        """Every line that comes from now on, in the batches they are asked for; ends with the deployment."""
        return following.batches(self._scope.wire, self._path(endpoint_name, name, "logs", "news"))

    def _at(self, local: bool | None) -> "OnlineDeploymentOperations":
        """These operations, on the private server when that is meant."""
        return OnlineDeploymentOperations(private.scope(self._scope)) if local else self

    def _is_first(self, deployment: Deployment) -> bool:
        """Whether no deployment of its endpoint has traffic: a local endpoint then gives it to the one there is."""
        path = self._scope.path("online-endpoints", str(deployment.endpoint_name))
        return not any((self._scope.wire.get(path).get("traffic") or {}).values())

    def _output(self, name: str, endpoint: str) -> following.Output | None:
        """What the build will say from now on, if anybody listens."""
        if self._scope.progress is None:
            return None
        path = self._path(endpoint, name, "logs", "news")
        return following.Output(
            self._scope.wire,
            path,
            operations=self._scope.path("operations"),
            instances=self._scope.outer is not None,
        )

    def _poller(
        self, response: httpx.Response, name: str, endpoint: str, output: following.Output | None
    ) -> pollers.Poller[Deployment]:
        look = output.look_at if output else None
        return self._scope.poller(response, lambda _: self.get(name, endpoint), look=look)

    def _path(self, endpoint: str, *more: str) -> str:
        return self._scope.path("online-endpoints", endpoint, "deployments", *more)


def _read(body: Any) -> Deployment:
    found: Deployment = operations.entity("online-deployment", body)
    return found
