"""From a file and flags to an entity, and from an entity to what `show` prints. Called by the verbs of every noun."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zaffre.cli import grammar, patches
from zaffre.core import errors, names

_VIEWS = {
    (False, False): "ActiveOnly",
    (True, False): "ArchivedOnly",
    (False, True): "All",
    (True, True): "All",
}


def load(kind: str, given: grammar.Given, flags: Mapping[str, Any]) -> Any:
    """The entity of `--file` (or of nothing), with `--set` and then the flags laid over it. Raises Invalid."""
    from zaffre.contracts import files

    # A pipe is as good as a file: `-f /dev/stdin`, `-f <(...)`.
    if given.file is not None and (not Path(given.file).exists() or Path(given.file).is_dir()):
        raise errors.NotFound(f"There is no file {given.file}.", hint="Correct --file.")
    overrides: list[Any] = [*getattr(given, "set", ())]
    overrides += [{key: value} for key, value in flags.items() if value is not None and value != {}]
    try:
        return files.load_yaml(given.file, kind, params_override=overrides)
    except errors.Invalid as error:
        raise _by_flags(error, given, flags) from error


def _by_flags(error: errors.Invalid, given: grammar.Given, flags: Mapping[str, Any]) -> errors.Invalid:
    """The same error in the words that were typed: flags, where there is no file."""
    detail, hint = error.detail, error.hint
    for key in flags:
        detail = detail.replace(f"--set {key}:", f"{_flag(key)}:")
    if given.file is None and detail.endswith("is required."):
        key = detail.partition(":")[0]
        detail = f"{_flag(key)} is required." if key in flags else detail
        hint = hint or "Give the flags, or a file: --file."
    return errors.Invalid(detail, hint=hint)


def _flag(key: str) -> str:
    return {"build.path": "--build-context", "build.dockerfile_path": "--dockerfile-path"}.get(
        key, f"--{key.replace('_', '-')}"
    )


def path_flag(text: str | None) -> str | None:
    """A path that was typed: relative to where the person is, not to any file."""
    if text is None or not names.is_local_path(text):
        return text
    return str(Path(text).absolute())


def patched(entity: Any, given: grammar.Given, flags: Mapping[str, Any]) -> Any:
    """The entity with `--set`, `--add`, `--remove` and the flags applied. Raises Invalid, also when nothing is asked for."""
    body = entity.to_dict(status=False)
    for key in ("tags", "properties"):
        if key in type(entity).model_fields:
            body.setdefault(key, {})
    changed = patches.apply(
        body, set_=given.set, add=given.add, remove=given.remove, force_string=given.force_string
    )
    changed.update({key: value for key, value in flags.items() if value is not None})
    gone = sorted(set(body.get("properties") or ()) - set(changed.get("properties") or ()))
    if gone and "version" in body:
        raise errors.Conflict(
            f"Property {gone[0]!r} of {body.get('name')}:{body['version']} stays: properties can only be added.",
            hint="Use tags for what comes and goes.",
        )
    asked = given.set or given.add or given.remove or any(value is not None for value in flags.values())
    if changed == body and not asked:  # a script that runs twice asks for what is so already
        raise errors.Invalid("Nothing would change.", hint="Give --set key=value, or another change.")
    for key in ("name", "version", "endpoint_name"):
        if changed.get(key) != body.get(key):
            raise errors.Invalid(f"{key!r} cannot be changed.", hint="Create another one instead.")
    return type(entity).from_body(changed)


def requirement_lines(file: Path) -> list[str]:
    """The requirements of a file, without comments. Raises Invalid for options, which name places and not packages."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise errors.NotFound(
            f"{file} cannot be read: {error.strerror}.", hint="Correct the path."
        ) from error
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.replace("\\\n", " ").splitlines()]
    kept = [" ".join(line.split()) for line in lines if line]
    for line in kept:
        if line.startswith("-"):
            raise errors.Invalid(
                f"{file.name}: {line!r} is an option, not a requirement.",
                hint="List the packages themselves, or use a conda file.",
            )
    return kept


def view(given: grammar.Given) -> str:
    """What `--archived-only` and `--include-archived` ask for."""
    return _VIEWS[bool(given.archived_only), bool(given.include_archived)]


def refuse_registry(given: grammar.Given) -> None:
    """`--registry-name` comes later. Raises Unsupported."""
    if given.registry_name:
        raise errors.Unsupported(
            "A registry beside workspaces (--registry-name) is not part of Zaffre yet.",
            hint="Register in the workspace instead. Environments: `--registry-name azureml` shows the curated ones.",
        )
