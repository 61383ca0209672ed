"""What an environment asks for, in one normal form, whichever way it was written.

`from_fields` reads the contract's fields (conda_file as mapping or text, plain requirements, image, build context),
`from_mlflow` the files of a model folder. Called by `service` and by the endpoints room. Pure: reads no file,
opens no connection, solves nothing.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from packaging import specifiers

from zaffre.core import errors
from zaffre.server.environments import addresses, matchspecs, requirements

# Zaffre brings its own scoring server, so these are not solved: they pin an old web stack that users' packages
# then cannot agree with. What users' scripts do import through them is named beside them.
_REPLACED = {
    "azureml-defaults": "inference-schema",
    "azureml-inference-server-http": "inference-schema",
}
_CONDA_KEYS = ("name", "channels", "dependencies", "prefix", "variables", "platforms")
_NO_CONTAINER = "It comes with container support; until then give a conda_file."


@dataclasses.dataclass(frozen=True)
class Definition:
    """The normal form. `python` is a PEP 440 specifier or None for any; `source` the curated name that it stands for;
    `notes` say what was read differently."""

    python: str | None = None
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    pip_options: tuple[str, ...] = ()
    image: str | None = None
    source: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the normal form without the credentials of its addresses."""
        plain = dataclasses.asdict(self)
        plain["pip_options"] = [addresses.without_credentials(option) for option in self.pip_options]
        plain["channels"] = [addresses.without_credentials(channel) for channel in self.channels]
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def from_fields(fields: Mapping[str, Any]) -> Definition:
    """The definition that an environment's contract fields make. Raises Invalid, Unsupported."""
    extension = fields.get("zaffre") or {}
    conda_file, plain = fields.get("conda_file"), extension.get("requirements")
    if str(fields.get("os_type") or "linux").lower() != "linux":
        raise errors.Unsupported("os_type windows needs Windows machines, and Zaffre runs models on Linux.")
    if conda_file is None and plain is None:
        raise _needs_container(fields)
    definition = _from_conda(conda_file) if conda_file is not None else Definition()
    if plain is not None:
        definition = _add_pip(definition, _lines(plain), source="requirements")
    if extension.get("python"):
        definition = dataclasses.replace(definition, python=_python_version(extension["python"]))
    return dataclasses.replace(definition, image=fields.get("image"))


def from_mlflow(files: Mapping[str, str]) -> Definition:
    """The definition in a model folder's `conda.yaml`, `python_env.yaml` or `requirements.txt`, given as texts by name.

    MLflow itself is added when no line names it, because it loads the model. Raises Invalid, NotFound.
    """
    if "conda.yaml" in files:
        definition = _from_conda(files["conda.yaml"])
    elif "requirements.txt" in files:
        definition = _add_pip(Definition(), _lines(files["requirements.txt"]), source="requirements.txt")
        if "python_env.yaml" in files:
            python = _mapping(files["python_env.yaml"], "python_env.yaml").get("python")
            definition = dataclasses.replace(definition, python=_python_version(python) if python else None)
    else:
        raise errors.NotFound(
            "The model folder says nothing about its packages: neither conda.yaml nor requirements.txt is there.",
            hint="Name an environment in the deployment.",
        )
    if {"mlflow", "mlflow-skinny"} & {requirements.project(line) for line in definition.pip}:
        return definition
    note = "mlflow-skinny was added: MLflow loads the model, and its files do not name it."
    return dataclasses.replace(
        definition, pip=(*definition.pip, "mlflow-skinny"), notes=(*definition.notes, note)
    )


def _needs_container(fields: Mapping[str, Any]) -> errors.ZaffreError:
    if fields.get("build"):
        return errors.Unsupported("A build context needs a container engine.", hint=_NO_CONTAINER)
    if fields.get("image"):
        return errors.Unsupported(
            f"The image {fields['image']!r} alone needs a container engine.", hint=_NO_CONTAINER
        )
    return errors.Invalid("The environment says nothing about its packages.", hint="Give a conda_file.")


def _from_conda(conda_file: object) -> Definition:
    content = _mapping(conda_file, "conda_file")
    for key in content:
        if key not in _CONDA_KEYS:
            raise errors.Invalid(
                f"conda_file: unknown key {key!r}.", hint=f"Known are {', '.join(_CONDA_KEYS)}."
            )
    entries = _list(content.get("dependencies"), "conda_file.dependencies")
    definition = Definition(channels=_channels(content))
    conda: list[str] = []
    for entry in entries:
        if isinstance(entry, Mapping):
            definition = _add_pip(definition, _pip_entries(entry), source="conda_file pip")
            continue
        if not isinstance(entry, str):
            raise errors.Invalid(f"conda_file.dependencies: {entry!r} is not text.")
        spec = matchspecs.parse(entry, source="conda_file.dependencies")
        if spec.name == "python":
            definition = dataclasses.replace(definition, python=_python_spec(entry))
        elif spec.name != "pip":  # uv installs; the packages do not need pip beside them
            conda.append(spec.text)
    return dataclasses.replace(definition, conda=tuple(dict.fromkeys(conda)))


def _mapping(given: object, source: str) -> Mapping[str, Any]:
    content = given
    if isinstance(given, str):
        try:
            content = yaml.safe_load(given)
        except yaml.YAMLError as error:
            raise errors.Invalid(f"{source} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, Mapping):
        raise errors.Invalid(f"{source} is not a mapping.", hint="It holds `dependencies:` at its top level.")
    return content


def _list(given: object, source: str) -> list[Any]:
    if given is None:
        return []
    if not isinstance(given, list | tuple):
        raise errors.Invalid(f"{source} is not a list.")
    return list(given)


def _pip_entries(entry: Mapping[str, Any]) -> Iterable[str]:
    if set(entry) != {"pip"}:
        raise errors.Invalid(
            f"conda_file.dependencies: {', '.join(map(repr, entry))} is not an installer that is known.",
            hint="Only `pip:` holds a list of its own.",
        )
    return _lines(entry["pip"])


def _lines(given: object) -> Iterable[str]:
    if isinstance(given, str):
        return given.splitlines()
    lines = _list(given, "The list of requirements")
    for line in lines:
        if not isinstance(line, str):
            raise errors.Invalid(f"The requirement {line!r} is not text.")
    return lines


def _channels(content: Mapping[str, Any]) -> tuple[str, ...]:
    channels = []
    for channel in _list(content.get("channels"), "conda_file.channels"):
        name = str(channel).strip()
        if "://" in name:
            addresses.check_remote(name, what="conda_file.channels:")
        elif not name or name.startswith((".", "/", "~")) or "\\" in name:
            raise errors.Invalid(f"conda_file.channels: {name!r} is a local path.", hint="Name a channel.")
        if name != "nodefaults":
            channels.append(name)
    return tuple(dict.fromkeys(channels))


def _add_pip(definition: Definition, lines: Iterable[str], *, source: str) -> Definition:
    parsed = requirements.parse(lines, source=source)
    wanted, notes = list(definition.pip), list(definition.notes)
    present = {requirements.project(line) for line in parsed.requirements}
    for line in parsed.requirements:
        name = requirements.project(line)
        if name == "pip":
            continue
        if name not in _REPLACED:
            wanted.append(line)
            continue
        notes.append(f"{line} was left out: Zaffre brings its own scoring server.")
        if _REPLACED[name] not in present:
            present.add(_REPLACED[name])
            wanted.append(_REPLACED[name])
    return dataclasses.replace(
        definition,
        pip=tuple(dict.fromkeys(wanted)),
        pip_options=tuple(dict.fromkeys((*definition.pip_options, *parsed.options))),
        notes=tuple(dict.fromkeys(notes)),
    )


def _python_version(given: object) -> str | None:
    """`3.11` means 3.11 and its patch releases, as conda's `python=3.11` does."""
    text = str(given).strip()
    return _python_spec(f"python={text}" if text[:1].isdigit() else f"python{text}")


def _python_spec(entry: str) -> str | None:
    spec = matchspecs.parse(entry, source="python")
    if spec.version is None:
        raise errors.Invalid(
            f"The Python version in {entry!r} is not understood.",
            hint="Write it as in `python=3.11` or `python>=3.10,<3.13`.",
        )
    return str(specifiers.SpecifierSet(spec.version)) or None
