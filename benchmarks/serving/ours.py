"""Our side, as a user sets it up: one model, one endpoint, two deployments of it, 90 % and 10 %, behind Envoy and a key."""

from benchmarks import system
from benchmarks.serving import contender, model, processes

ENDPOINT = "iris"
MODEL = "iris"
TRAFFIC = {"blue": 90, "green": 10}


def put(
    running: system.System,
    name: str,
    source: dict[str, str] | None,
    packages: list[str],
    **settings: dict[str, str],
) -> None:
    """One more endpoint of this name with the same two deployments; `source` is its model's type and path."""
    if source is not None:
        running.create("model", f"{name}-model.yml", {"name": name, **source})
        settings["model"] = f"azureml:{name}@latest"  # type: ignore[assignment]
    conda = {"name": name, "conda_file": system.environment(*(packages or ["numpy"]))}
    running.create("environment", f"{name}-environment.yml", {**conda, "image": system.IMAGE})
    running.create("online-endpoint", f"{name}-endpoint.yml", {"name": name, "auth_mode": "key"})
    for color in TRAFFIC:
        entity = {**_deployment(color), "endpoint_name": name, "environment": f"azureml:{name}@latest"}
        del entity["model"]
        running.create("online-deployment", f"{name}-{color}.yml", {**entity, **settings})
    running.zaffre("online-endpoint", "update", "--name", name, "--traffic", _shares())


def _shares() -> str:
    return " ".join(f"{name}={share}" for name, share in TRAFFIC.items())


def deploy(running: system.System, example: model.Example) -> contender.Contender:
    """Register, deploy twice, divide the traffic. The answer of every known input is checked by the caller."""
    running.create("model", "model.yml", {"name": MODEL, "type": "custom_model", "path": str(example.file)})
    packages = {"name": MODEL, "conda_file": system.environment(*example.packages)}
    running.create("environment", "environment.yml", {**packages, "image": system.IMAGE})
    running.create("online-endpoint", "endpoint.yml", {"name": ENDPOINT, "auth_mode": "key"})
    for name in TRAFFIC:
        running.create("online-deployment", f"{name}.yml", _deployment(name))
    running.zaffre("online-endpoint", "update", "--name", ENDPOINT, "--traffic", _shares())
    url, key = running.address_of(ENDPOINT)
    bodies = [model.plain_body(row) for row in example.inputs]
    return contender.Contender("zaffre", example, url, bodies, lambda answer: answer, key)


def _deployment(name: str) -> dict[str, object]:
    return {
        "name": name,
        "endpoint_name": ENDPOINT,
        "model": f"azureml:{MODEL}@latest",
        "environment": f"azureml:{MODEL}@latest",
        "instance_type": "Standard_F4s_v2",
        "instance_count": 1,
        "request_settings": {"max_concurrent_requests_per_instance": 64},
    }


def move_router(url: str, core: int) -> None:
    """Envoy is whoever listens on the scoring address."""
    processes.pin(processes.listener_at(url), core)
