"""`zaffre deploy`: from a file, a folder or a registered model to an address that answers.

Every step is one that can be taken by itself with the verbs of models, endpoints and deployments.
"""

import dataclasses
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from zaffre.cli import debugging, entities, grammar, options, sessions
from zaffre.core import errors, names

SCRIPT = "score.py"
CONDA_FILES = ("conda.yml", "conda.yaml", "environment.yml", "environment.yaml")
REQUIREMENTS = "requirements.txt"
# What opens an endpoint, by its `auth_mode`, as `get-credentials` calls it.
_SECRETS = {"key": "primaryKey", "aml_token": "accessToken"}


def deploy(session: sessions.Session, given: grammar.Given) -> Any:
    """From a model, file or folder to an address that answers: registers, creates the endpoint, deploys, gives traffic.

    MODEL is a file or folder, or a registered model: NAME, NAME:VERSION or NAME@latest. A score.py in the folder scores,
    with the packages of conda.yml or requirements.txt beside it; without one the model is served as it is.
    """
    if given.name:  # before anything is registered
        names.check_endpoint_name(given.name)
    source = Path(given.model)
    subject = _local_subject(given, source) if given.local else _registered_subject(session, given, source)
    endpoint_name = given.name or endpoint_name_of(subject.name)
    names.check_endpoint_name(endpoint_name)
    deployment = _deployment(session, given, source, model=subject.model, endpoint_name=endpoint_name)
    deployment = debugging.awaited(session, given, deployment)
    endpoint = _endpoint(session, endpoint_name)
    session.say(f"deploying {subject.said} as {endpoint_name}/{deployment.name}")
    client = session.client
    all_traffic = bool(given.all_traffic) or not any(endpoint.traffic.values())
    poller = client.online_deployments.begin_create_or_update(deployment, all_traffic=all_traffic)
    made = session.wait(poller)
    return _report(session, given, endpoint_name, made)


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What is deployed: its name, what the deployment says of it, and what people are told."""

    name: str
    model: Any
    said: str


def _registered_subject(session: sessions.Session, given: grammar.Given, source: Path) -> _Subject:
    model = _registered(session, given, source) if source.exists() else _found(session, given.model)
    identity = f"{model.name}:{model.version}"
    return _Subject(str(model.name), names.PREFIX + identity, f"models/{identity}")


def _local_subject(given: grammar.Given, source: Path) -> _Subject:
    """Nothing is registered, as with the other local verbs: a file is taken as it is, a registered model from the
    configured server."""
    from zaffre.contracts import model

    if source.exists():
        name = given.name or asset_name_of(source.resolve())
        inline = model.Model(path=str(source.absolute()), type=_kind(given, source))
        return _Subject(name, inline, str(source))
    reference = _reference(given.model)
    text = given.model if given.model.lower().startswith(names.PREFIX) else names.PREFIX + given.model
    return _Subject(reference.name, text, given.model)


def _kind(given: grammar.Given, source: Path) -> Any:
    return given.type or ("mlflow_model" if (source / "MLmodel").is_file() else "custom_model")


def _registered(session: sessions.Session, given: grammar.Given, source: Path) -> Any:
    """The file or folder as the next version of its name."""
    from zaffre.contracts import model

    name = given.name or asset_name_of(source.resolve())
    wanted = model.Model(name=name, path=str(source), type=_kind(given, source))
    made = session.client.models.create_or_update(wanted)
    session.say(f"registered models/{made.name}:{made.version}")
    for line in (made.status.warnings if made.status else None) or ():
        session.say(f"WARNING: {line}")
    return made


def _reference(text: str) -> names.Reference:
    """The registered model that the text names; a text that looks like a path gets the news that there is no file."""
    if "/" in text and not text.lower().startswith(names.PREFIX):
        raise errors.NotFound(
            f"There is no file or folder {text}.", hint="Or name a registered model: NAME:VERSION."
        )
    return names.parse_reference(text, kind="models")


def _found(session: sessions.Session, text: str) -> Any:
    reference = _reference(text)
    names.require_here(reference, session.workspace)
    try:
        return session.client.models.get(reference.name, reference.version, reference.label)
    except errors.NotFound as error:
        raise errors.NotFound(
            f"{text!r} is neither a file or folder here nor a registered model.",
            hint="`zaffre model list` shows the registered ones.",
        ) from error


def _endpoint(session: sessions.Session, name: str) -> Any:
    from zaffre.contracts import online_endpoint

    operations = session.client.online_endpoints
    try:
        return operations.get(name)
    except errors.NotFound:
        wanted = online_endpoint.ManagedOnlineEndpoint(name=name, auth_mode="key")
        return session.wait(operations.begin_create_or_update(wanted))


def _deployment(
    session: sessions.Session, given: grammar.Given, source: Path, *, model: Any, endpoint_name: str
) -> Any:
    from zaffre.contracts import online_deployment as contract

    folder = source if source.is_dir() else source.parent
    here = source.exists()
    script = Path(given.scoring_script) if given.scoring_script else folder / SCRIPT if here else None
    scored = script is not None and script.is_file() and (source.is_dir() or bool(given.scoring_script))
    if given.scoring_script and not scored:
        raise errors.NotFound(
            f"There is no scoring script {given.scoring_script}.", hint="Correct --scoring-script."
        )
    code = None
    if scored and script is not None:
        code = contract.CodeConfiguration(code=str(script.parent), scoring_script=script.name)
    environment = _environment(
        session, given, script.parent if scored and script else folder if here else None
    )
    if code is not None and environment is None:
        raise errors.Invalid(
            f"{script} needs an environment, and none is given.",
            hint=f"Put a conda.yml or {REQUIREMENTS} beside it, or add --environment or --conda-file.",
        )
    return contract.ManagedOnlineDeployment(
        name=given.deployment_name or "blue",
        endpoint_name=endpoint_name,
        model=model,
        code_configuration=code,
        environment=environment,
        instance_count=given.instance_count or 1,
        instance_type=given.instance_type,
    )


def _environment(session: sessions.Session, given: grammar.Given, folder: Path | None) -> Any:
    """What was named, else the file of packages in the folder, else None: then the model itself says what it needs."""
    from zaffre.contracts import environment

    if given.environment:
        text: str = given.environment
        return text if text.lower().startswith(names.PREFIX) else names.PREFIX + text
    if given.conda_file:
        return environment.Environment(conda_file=str(Path(given.conda_file).absolute()))
    if folder is None or (folder / "MLmodel").is_file():
        return None
    for name in CONDA_FILES:
        if (folder / name).is_file():
            session.say(f"with the packages of {folder / name}")
            return environment.Environment(conda_file=str((folder / name).absolute()))
    if (folder / REQUIREMENTS).is_file():
        session.say(f"with the packages of {folder / REQUIREMENTS}")
        lines = entities.requirement_lines(folder / REQUIREMENTS)
        return environment.Environment(zaffre=environment.EnvironmentExtension(requirements=lines))
    return None


def asset_name_of(path: Path) -> str:
    """A name for a model from a file's name: `My model.pkl` gives `My-model`."""
    stem = path.name if path.is_dir() else path.name.partition(".")[0] or path.stem
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-_.")
    if not name:
        raise errors.Invalid(f"No name can be made from {path.name!r}.", hint="Give one: --name.")
    return names.check_asset_name(name)


def endpoint_name_of(name: str) -> str:
    """A name for an endpoint from a model's: letters, digits and '-', 3 to 32 of them."""
    made = re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9-]", "-", name)).strip("-").lower()
    made = made if made[:1].isalpha() else f"m-{made}".rstrip("-")
    return (made if len(made) >= 3 else f"{made}-endpoint")[:32].rstrip("-")


def _report(session: sessions.Session, given: grammar.Given, endpoint_name: str, deployment: Any) -> Any:
    """Where it is, where its key is, and a line that asks it."""
    operations = session.client.online_endpoints
    endpoint = operations.get(endpoint_name)
    address = endpoint.status.scoring_uri if endpoint.status else None
    key_command = _key_command(session, given, endpoint)
    sample = operations.sample_request(endpoint_name) if key_command else None
    curl = _curl(str(address), key_command, sample)
    if given.output is not None or given.query is not None:
        return {
            "endpoint": endpoint_name,
            "deployment": deployment.name,
            "model": (deployment.status.model_ids if deployment.status else [deployment.model]),
            "scoring_uri": address,
            "key_command": key_command,
            "curl": curl,
        }
    key_line = f"key      {key_command}\n" if key_command else ""
    sys.stdout.write(f"address  {address}\n{key_line}try it   {curl}\n")
    if not key_command:
        session.say("Put a token of the issuer, for the endpoint's audience, into the variable TOKEN first.")
    if not sample:
        session.say("Write the rows that it expects to request.json first.")
    return None


def _key_command(session: sessions.Session, given: grammar.Given, endpoint: Any) -> str | None:
    """What prints the secret that opens the endpoint; None where an issuer of its own gives it."""
    field = _SECRETS.get(str(endpoint.auth_mode))
    if field is None:
        return None
    words = ["zaffre", "online-endpoint", "get-credentials", "-n", str(endpoint.name)]
    if given.local:
        words.append("--local")
    if given.workspace_name:
        words += ["-w", session.workspace]
    return shlex.join([*words, "--query", field, "-o", "tsv"])


def _curl(address: str, key_command: str | None, sample: Any) -> str:
    from zaffre.sdk import trust

    command = shlex.join(["curl", *trust.Trust.find().curl_options(address)])
    secret = f"$({key_command})" if key_command else "$TOKEN"
    body = shlex.quote(json.dumps(sample)) if sample else "@request.json"
    return (
        f'{command} -H "Authorization: Bearer {secret}" -H "Content-Type: application/json" '
        f"-d {body} {shlex.quote(address)}"
    )


command = grammar.make_verb(
    "deploy",
    deploy,
    click.Argument(["model"], metavar="MODEL"),
    grammar.option("--name", "-n", help="Name of the endpoint, and of the model when it is registered now."),
    grammar.option("--deployment-name", "-d", help="Name of the deployment; default blue."),
    grammar.option(
        "--type", "-t", help="custom_model, mlflow_model or triton_model; default by what is there."
    ),
    grammar.option("--scoring-script", "-s", help="The scoring script; default score.py in the folder."),
    grammar.option("--environment", "-e", help="A registered environment: NAME:VERSION or NAME@latest."),
    grammar.option(
        "--conda-file", "-c", help="Conda file with the packages; default conda.yml in the folder."
    ),
    grammar.option("--instance-count", type=click.IntRange(min=1), help="How many replicas; default 1."),
    grammar.option("--instance-type", help="Upper limits of cores and memory, by the name of a machine."),
    grammar.option("--all-traffic", takes="none", help="All traffic, even when other deployments have some."),
    options.LOCAL,
    options.VSCODE,
    changes=True,
)
