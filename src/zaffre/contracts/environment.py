"""An environment: what must be installed for code to run; the lock of it is made once and kept with the version."""

from typing import Annotated, ClassVar, Literal

import pydantic

from zaffre.contracts import assets, base, values

OsType = Annotated[Literal["linux", "windows"], values.LOWER]


class EnvironmentStatus(assets.AssetStatus):
    """What the server knows of an environment version."""

    lock_digest: str | None = None
    python: str | None = None
    # Said when another Python version stands in for the one that was asked for.
    stand_in: str | None = None
    # Where each part came from, e.g. that a conda package was taken from the Python index.
    notes: list[str] = []
    # What a curated name was mapped to.
    source: str | None = None
    # The base image that a conda file came with: recorded for packaging.
    image: str | None = None
    used_by: list[str] = []


class EnvironmentExtension(base.Part):
    """`zaffre:` in an environment's file."""

    aliases: values.Aliases = []
    # Plain requirement lines, for an environment without a conda file.
    requirements: Annotated[list[values.Text] | None, values.Items] = None
    # Python version to run; needed only where the conda file names none.
    python: values.Version | None = None


class BuildContext(base.Part):
    """A folder with a Dockerfile."""

    PATHS: ClassVar[frozenset[str]] = frozenset({"path"})
    INSIDE: ClassVar[frozenset[str]] = frozenset({"dockerfile_path"})
    MUST_EXIST: ClassVar[frozenset[str]] = frozenset({"path"})

    path: values.PathText | None = None
    dockerfile_path: values.Text | None = None


class Route(base.Part):
    """Where a container answers."""

    port: values.Whole
    path: values.Text


class InferenceConfig(base.Part):
    """The routes of a container that brings its own server."""

    liveness_route: Route
    readiness_route: Route
    scoring_route: Route


class Environment(assets.Asset):
    """One version of an environment. `conda_file` is a path, or the file's content."""

    KIND: ClassVar[str] = "environment"
    STATUS: ClassVar[type[base.Status]] = EnvironmentStatus
    READ_ONLY: ClassVar[frozenset[str]] = frozenset(
        {"creation_context", "latest_version", "intellectual_property", "$schema"}
    )
    HINTS: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            ("dependencies", "channels"),
            "This looks like a conda file; name it under 'conda_file', or give --conda-file.",
        ),
        "docker": "This key is of an early preview; write 'image', or 'build' with 'path'.",
    }
    COMPUTED: ClassVar[frozenset[str]] = frozenset({"id"})
    NOT_IN_FILES: ClassVar[frozenset[str]] = frozenset({"properties"})
    CONTENTS: ClassVar[frozenset[str]] = frozenset({"conda_file"})

    tags: values.TextWords = {}
    image: values.Text | None = None
    conda_file: Annotated[
        values.Free | values.PathText | None, pydantic.Field(union_mode="left_to_right")
    ] = None
    build: BuildContext | None = None
    inference_config: InferenceConfig | None = None
    os_type: OsType | None = None
    zaffre: EnvironmentExtension | None = None
    status: EnvironmentStatus | None = pydantic.Field(default=None, repr=False)

    @property
    def has_packages(self) -> bool:
        """Whether there is anything to install without a container engine."""
        extension = self.zaffre
        return bool(self.conda_file) or bool(extension and extension.requirements)
