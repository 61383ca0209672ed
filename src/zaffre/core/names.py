"""Names and references: which words may name a thing, and what `azureml:churn@latest` points at.

Used by the contracts, the services, the SDK and the command line. Reads no file and asks no server: whether
the thing exists is not decided here.
"""

import dataclasses
import re

from zaffre.core import errors

PREFIX = "azureml:"
KINDS = ("models", "environments", "data", "components")
LATEST = "latest"

_ASSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_ENDPOINT = re.compile(r"[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
_WORKSPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}")
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ARM_KEYS = ("subscriptions", "resourcegroups", "providers", "workspaces")
_KIND_BY_WORD = {
    "models": "models", "model": "models",
    "environments": "environments", "environment": "environments",
    "data": "data", "datasets": "data",
    "components": "components", "component": "components",
    "codes": "codes",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Reference:
    """One asset, by version, by label, or (neither given) whichever version is the latest.

    `kind`, `workspace`, `resource_group`, `subscription`, `registry` and `location` are set when the text told them.
    """

    name: str
    version: str | None = None
    label: str | None = None
    kind: str | None = None
    registry: str | None = None
    workspace: str | None = None
    resource_group: str | None = None
    subscription: str | None = None
    location: str | None = None

    @property
    def short(self) -> str:
        """`churn:3`, `churn@latest` or `churn`."""
        if self.version is not None:
            return f"{self.name}:{self.version}"
        return f"{self.name}@{self.label}" if self.label is not None else self.name

    def __str__(self) -> str:
        """The text that parses to this reference again."""
        tail = f"versions/{self.version}" if self.version is not None else f"labels/{self.label or LATEST}"
        if self.registry is not None:
            return f"azureml://registries/{self.registry}/{self.kind}/{self.name}/{tail}"
        if self.location is not None:
            return f"azureml://locations/{self.location}/workspaces/{self.workspace}/{self.kind}/{self.name}/{tail}"
        if self.subscription is not None:
            return f"{PREFIX}{self._scope}/{self.kind}/{self.name}/{tail}"
        if self.workspace is not None:
            return f"{PREFIX}/workspaces/{self.workspace}/{self.kind}/{self.name}/{tail}"
        return PREFIX + self.short

    @property
    def _scope(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def parse_reference(text: str, *, kind: str | None = None) -> Reference:
    """The asset that a text points at; `kind` (`models`, `data`, ...) is demanded where the text tells one. Raises Invalid.

    Read: `azureml:name:version`, `azureml:name@label`, `azureml:name`, the same three without the prefix, full resource
    ids (with or without prefix, keys in any case), `azureml://registries/...`, `azureml://locations/...`, and the ids that
    Zaffre prints, `/workspaces/W/models/...`.
    """
    bare = text[len(PREFIX) :] if text.lower().startswith(PREFIX) else text
    if bare.startswith("//"):
        found = _parse_uri(bare[2:], text)
    elif bare.startswith("/"):
        found = _parse_resource_id(bare, text)
    else:
        found = _parse_short(bare, text)
    if kind is not None and found.kind not in (None, kind):
        raise errors.Invalid(
            f"{text!r} names something under {found.kind!r}, not under {kind!r}.", hint=_forms(kind)
        )
    return found


def require_here(reference: Reference, workspace: str) -> None:
    """Raise when a reference names another workspace (Invalid) or a registry (Unsupported): none stands in for another."""
    if reference.registry is not None:
        raise errors.Unsupported(
            f"{reference} lies in a registry outside this server.",
            hint=f"Register it in workspace {workspace} first.",
        )
    if reference.workspace is not None and reference.workspace.lower() != workspace.lower():
        if _GUID.fullmatch(reference.workspace):
            raise errors.Invalid(
                f"{reference} names its workspace by the number that Azure gave it; here workspaces go by their names.",
                hint=f"Write {PREFIX}{reference.short} for what is registered in workspace {workspace}.",
            )
        raise errors.Invalid(
            f"{reference} is of workspace {reference.workspace}, and cannot be used in workspace {workspace}.",
            hint=f"Register it in {workspace} first, or work in {reference.workspace}: --workspace-name.",
        )


def is_reference(text: str) -> bool:
    """Whether a text is certainly a reference: it carries the prefix and is no address of files."""
    if not text.lower().startswith(PREFIX):
        return False
    try:
        parse_reference(text)
    except errors.Invalid:
        return False
    return True


def check_asset_name(name: str, *, kind: str = "asset") -> str:
    """Name of a model, data asset, environment or component. Raises Invalid."""
    rule = "letters, digits, '-', '_' and '.', starting with a letter or digit, at most 255 characters"
    return _check(_ASSET, name, what=f"{kind} name", rule=rule)


def check_version(version: str) -> str:
    """Version of an asset: the same letters as a name. Raises Invalid."""
    rule = "letters, digits, '-', '_' and '.', starting with a letter or digit, at most 255 characters"
    return _check(_ASSET, version, what="version", rule=rule)


def check_label(label: str) -> str:
    """Label or alias. Raises Invalid."""
    rule = "letters, digits, '-', '_' and '.', starting with a letter or digit, at most 255 characters"
    return _check(_ASSET, label, what="label", rule=rule)


def check_alias(alias: str) -> str:
    """An alias that people may move: any label but `latest`, which the server computes. Raises Invalid."""
    if check_label(alias).lower() == LATEST:
        raise errors.Invalid("'latest' always means the newest version.", hint="Choose another alias.")
    return alias


def check_endpoint_name(name: str, *, kind: str = "endpoint") -> str:
    """Name of an endpoint or deployment: it becomes part of an address. Raises Invalid."""
    rule = "3 to 32 letters, digits and '-', starting with a letter and not ending with '-'"
    if not 3 <= len(name) <= 32:
        raise errors.Invalid(f"{name!r} is not a valid {kind} name.", hint=f"Use {rule}.")
    return _check(_ENDPOINT, name, what=f"{kind} name", rule=rule)


def check_deployment_name(name: str) -> str:
    """Name of a deployment. Raises Invalid."""
    return check_endpoint_name(name, kind="deployment")


def check_workspace_name(name: str) -> str:
    """Name of a workspace. Raises Invalid."""
    rule = "3 to 33 letters, digits, '-' and '_', starting with a letter or digit"
    return _check(_WORKSPACE, name, what="workspace name", rule=rule)


def subject(kind: str, name: str, version: str | None = None) -> str:
    """The identity of a thing in events, logs and addresses: `models/churn:3`, `endpoints/churn`."""
    return f"{kind}/{name}" if version is None else f"{kind}/{name}:{version}"


def deployment_subject(endpoint: str, deployment: str) -> str:
    """`endpoints/churn/deployments/blue`."""
    return f"endpoints/{endpoint}/deployments/{deployment}"


def _check(pattern: re.Pattern[str], value: str, *, what: str, rule: str) -> str:
    if not pattern.fullmatch(value):
        shown = value if len(value) <= 80 else value[:77] + "..."
        raise errors.Invalid(f"{shown!r} is not a valid {what}.", hint=f"Use {rule}.")
    return value


def _parse_short(bare: str, text: str) -> Reference:
    name, colon, version = bare.partition(":")
    if colon:
        _check_parts(text, name, version=version)
        return Reference(name, version=version)
    name, at, label = bare.partition("@")
    _check_parts(text, name, label=label if at else None)
    return Reference(name, label=label if at else None)


def _parse_resource_id(bare: str, text: str) -> Reference:
    parts = bare.strip("/").split("/")
    if parts[0].lower() == "workspaces" and len(parts) in (4, 6):
        _check_with(text, _REGISTRY, parts[1])
        return dataclasses.replace(_parse_tail(parts[2:], text), workspace=parts[1])
    keys = tuple(part.lower() for part in parts[0:7:2])
    if (
        len(parts) not in (10, 12)
        or keys != _ARM_KEYS
        or parts[5].lower() != "microsoft.machinelearningservices"
    ):
        raise _bad(text)
    values = dict(zip(_ARM_KEYS, parts[1:8:2], strict=True))
    return dataclasses.replace(
        _parse_tail(parts[8:], text),
        workspace=values["workspaces"],
        resource_group=values["resourcegroups"],
        subscription=values["subscriptions"],
    )


def _parse_uri(rest: str, text: str) -> Reference:
    parts = rest.split("/")
    head = parts[0].lower()
    if head in ("registries", "feeds") and len(parts) == 6:
        _check_with(text, _REGISTRY, parts[1])
        return dataclasses.replace(_parse_tail(parts[2:], text), registry=parts[1])
    if head == "locations" and len(parts) == 8 and parts[2].lower() == "workspaces":
        return dataclasses.replace(_parse_tail(parts[4:], text), location=parts[1], workspace=parts[3])
    if head == "subscriptions" and len(parts) == 10:
        return _parse_long_uri(parts, text)
    raise _bad(text)


def _parse_long_uri(parts: list[str], text: str) -> Reference:
    if parts[2].lower() != "resourcegroups" or parts[4].lower() != "workspaces":
        raise _bad(text)
    return dataclasses.replace(
        _parse_tail(parts[6:], text), subscription=parts[1], resource_group=parts[3], workspace=parts[5]
    )


def _parse_tail(parts: list[str], text: str) -> Reference:
    """`models/churn/versions/3`, `models/churn/labels/latest` or `models/churn`."""
    if len(parts) not in (2, 4) or parts[0].lower() not in _KIND_BY_WORD:
        raise _bad(text)
    kind, name = _KIND_BY_WORD[parts[0].lower()], parts[1]
    if len(parts) == 2:
        _check_parts(text, name)
        return Reference(name, kind=kind)
    if parts[2].lower() == "versions":
        _check_parts(text, name, version=parts[3])
        return Reference(name, version=parts[3], kind=kind)
    if parts[2].lower() == "labels":
        _check_parts(text, name, label=parts[3])
        return Reference(name, label=parts[3], kind=kind)
    raise _bad(text)


def _check_parts(text: str, name: str, *, version: str | None = None, label: str | None = None) -> None:
    for part in (name, version, label):
        if part is not None:
            _check_with(text, _ASSET, part)


def _check_with(text: str, pattern: re.Pattern[str], part: str) -> None:
    if not pattern.fullmatch(part):
        raise _bad(text)


def _bad(text: str) -> errors.Invalid:
    shown = text if len(text) <= 120 else text[:117] + "..."
    return errors.Invalid(f"{shown!r} is not a reference to an asset.", hint=_forms("models"))


def _forms(kind: str) -> str:
    return (
        "Write azureml:NAME:VERSION, azureml:NAME@LABEL, "
        f"or azureml://registries/REGISTRY/{kind}/NAME/versions/VERSION."
    )


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_OTHER_ADDRESSES = (PREFIX, "runs:/", "git+", "zaffre://", "models:/")


def is_local_path(text: str) -> bool:
    """Whether a text in a place for files means the local disk: it has no scheme but `file:`.

    `C:/models` is local (one letter is a drive), `https://...` and `azureml:...` are not.
    """
    lowered = text.lower()
    if lowered.startswith("file:"):
        return True
    return not (_SCHEME.match(text) or lowered.startswith(_OTHER_ADDRESSES))
