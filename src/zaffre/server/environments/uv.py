"""uv, the rim where pip parts are solved and installed: one method per command, log lines streamed, errors in words.

Called by `solving`, `builds` and `overlay`. What goes in travels by standard input, never by argument, because an
index address may carry a password. Building a source distribution runs its author's code: as the server's own user
(`source_builds=True`), in a sandbox for what has no wheel (`sandbox`), or not at all.
"""

import collections
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from uv import find_uv_bin

from zaffre.core import errors
from zaffre.server.environments import addresses, caches, errands, index_settings, sources
from zaffre.server.environments import requirements as checked
from zaffre.server.environments import sandbox as sandboxes

_PRUNE_S = 600.0
_KEPT_LINES = 400
_SHOWN_LINES = 30
_SHOWN_CHARACTERS = 4000
_SOLVE = "The environment cannot be solved"
_BUILD = "The environment cannot be built"
_HINTS = {
    _SOLVE: "Change the versions that contradict each other, or the Python version.",
    _BUILD: "Look at the whole log; lock the definition again as a new version if an index has changed.",
}
_WITHOUT_WHEEL = re.compile(
    r"Wheels are required for `(?P<name>[^`]+)` because building from source is disabled"
)
_WHEELS_ONLY = "This server runs as root, so it builds nothing from source: take a version that has a wheel."
_FULL_SIGNS = ("No space left", "Disk quota exceeded")
_NETWORK_SIGNS = ("dns error", "error sending request", "Failed to fetch", "connection refused", "timed out")


class Uv:
    """A uv binary with its cache. `environ` is the server's process environment; only what uv needs is passed on."""

    def __init__(
        self,
        cache: Path,
        environ: Mapping[str, str],
        *,
        timeout_s: float = 3600.0,
        source_builds: bool = True,
        sandbox: sandboxes.Sandbox | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._cache = cache
        self._binary = find_uv_bin()
        self._environ = {
            **index_settings.for_uv(environ),
            "UV_CACHE_DIR": str(cache),
            "UV_LINK_MODE": "hardlink",
        }
        self._timeout_s = timeout_s
        self._no_build: tuple[str, ...] = () if source_builds else ("--no-build",)

    def compile(
        self,
        lines: Sequence[str],
        options: Sequence[str],
        *,
        python: str,
        version: str,
        present: Mapping[str, str] | None = None,
        errand: errands.Errand,
    ) -> str:
        """Solve requirement lines for a Python version; the answer is every package, pinned and hashed.

        `python` is the interpreter that source distributions are asked with; `present` are packages that are there
        already, with their versions: they are respected and left out of the answer. Raises Invalid with the resolver's last
        lines, Unavailable when no index can be reached.
        """
        self._check_sources(options)
        if not lines:
            return ""

        def solve(inside: Path | None) -> str:
            with tempfile.TemporaryDirectory(prefix="zaffre-lock-") as folder:
                there = inside or Path(folder)
                out, held = there / "solved.txt", there / "present.txt"
                held.write_text("".join(f"{name}=={known}\n" for name, known in (present or {}).items()))
                held.chmod(0o644)  # the sandbox's user reads it
                constraints = ("--constraints", str(held)) if present else ()
                command = [
                    "pip", "compile", "-", "--output-file", str(out), "--python", python, "--python-version", version,
                    "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate", "--quiet",
                    *constraints, *(f"--no-emit-package={name}" for name in present or {}), *_arguments(options),
                ]  # fmt: skip
                text = _file_text(lines, options)
                self._run(command, text, errand=errand, what=_SOLVE, inside=inside, readable=[python])
                return _read_solved(out)

        try:
            return solve(None)
        except errors.Invalid as error:
            if not (self._sandbox and error.fields.get("without_wheel")):
                raise
        errand.say("A package has no wheel; solving again in a sandbox, where it can be built.")
        with self._sandbox.folder() as inside:
            return solve(inside)

    def venv(self, folder: Path, *, python: str, errand: errands.Errand, hold: int | None = None) -> None:
        """Make an empty virtual environment."""
        command = ["venv", "--quiet", "--no-project", "--python", python, str(folder)]
        self._run(command, "", errand=errand, what=_BUILD, hold=hold)

    def install(
        self,
        requirements: str,
        options: Sequence[str],
        *,
        python: str,
        version: str,
        target: Path | None = None,
        errand: errands.Errand,
        hold: int | None = None,
    ) -> None:
        """Install a locked text, every file checked by its hash: into the environment of `python`, or into the folder
        `target` for Python `version`, which `python` then only helps with.

        `hold` is a file descriptor that stays open until uv has ended, whatever becomes of this process.
        """
        self._check_sources(options)
        where = ("--python", python, "--python-version", version) if target else ("--python", python)
        into = (*where, *(("--target", str(target)) if target else ()))

        def put(text: str, *more: str) -> None:
            command = [
                "pip",
                "install",
                "-r",
                "-",
                "--no-deps",
                "--require-hashes",
                *into,
                *_arguments(options),
                *more,
            ]
            self._run(command, _file_text([text], options), errand=errand, what=_BUILD, hold=hold)

        if not self._sandbox:
            put(requirements)
            return
        with tempfile.TemporaryDirectory(prefix="zaffre-wheels-") as folder:
            built = sources.Built(Path(folder), requirements)
            while True:
                try:
                    put(built.requirements, "--find-links", folder)
                    return
                except errors.Invalid as error:
                    name = str(error.fields.get("without_wheel") or "")
                    if not name or not built.can_build(name):
                        raise
                errand.say(f"{name} has no wheel; building it in a sandbox.")
                self._build_wheel(
                    built, name, options, python=python, version=version, errand=errand, hold=hold
                )

    def _build_wheel(
        self,
        built: sources.Built,
        name: str,
        options: Sequence[str],
        *,
        python: str,
        version: str,
        errand: errands.Errand,
        hold: int | None,
    ) -> None:
        assert self._sandbox
        with self._sandbox.folder() as inside:
            command = [
                "pip", "install", "-r", "-", "--no-deps", "--require-hashes", "--quiet", "--python", sources.base(python),
                "--python-version", version, "--target", str(inside / "target"), *_arguments(options),
            ]  # fmt: skip
            text = _file_text([built.line(name)], options)
            self._run(
                command,
                text,
                errand=errand,
                what=_BUILD,
                hold=hold,
                inside=inside,
                readable=[sources.base(python)],
            )
            built.take(name, inside / "cache")

    def _check_sources(self, options: Sequence[str]) -> None:
        if (
            self._no_build
            and not self._sandbox
            and any(option.startswith("--no-binary") for option in options)
        ):
            raise errors.Unsupported(
                "--no-binary asks for packages to be built from source, which this server does not do.",
                hint="Leave the option out, so that wheels are taken.",
            )

    def _run(
        self,
        arguments: list[str],
        text: str,
        *,
        errand: errands.Errand,
        what: str,
        hold: int | None = None,
        inside: Path | None = None,
        readable: Sequence[str] = (),
    ) -> None:
        command, environ = [self._binary, *arguments], self._environ
        if inside and self._sandbox:
            command = self._sandbox.wrap(
                command, inside, readable=[self._binary, *sources.prefixes(readable)]
            )
            environ = {**environ, **self._sandbox.environ(inside), "UV_CACHE_DIR": str(inside / "cache")}
        elif arguments[0] == "pip":
            command += self._no_build
        last: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)

        def heard(line: str) -> None:
            clean = addresses.redact(line)
            last.append(clean)
            if not clean.startswith("Using "):  # a folder of this machine
                errand.say(clean)

        with (
            caches.Guard(self._cache).used() as guard,
            tempfile.TemporaryDirectory(prefix="zaffre-uv-") as folder,
        ):
            code = errand.run(
                command, given=text, environ=environ, cwd=folder, timeout_s=self._timeout_s,
                held=_held(hold, None if inside else guard), heard=heard,
            )  # fmt: skip
        if code:
            raise _failure(what, last, code)


def prune(cache: Path) -> None:
    """Drop what uv itself can no longer reach in its cache. Nobody else may use the cache meanwhile."""
    command = [find_uv_bin(), "cache", "prune", "--quiet", "--cache-dir", str(cache), "--no-config"]
    subprocess.run(command, env={"HOME": str(cache)}, timeout=_PRUNE_S, check=False, capture_output=True)


def _held(*descriptors: int | None) -> tuple[int, ...]:
    """The descriptors of locks that uv holds on, whatever becomes of this process."""
    return tuple(one for one in descriptors if one is not None)


def _arguments(options: Sequence[str]) -> list[str]:
    """The options that uv does not read from a requirements file."""
    said: dict[tuple[str, str], None] = {}
    for option in options:
        name, _, value = option.partition(" ")
        if name == "--pre":
            said["--prerelease", "allow"] = None
        elif name == "--trusted-host":
            said["--allow-insecure-host", value] = None
        elif name == "--extra-index-url":
            said["--index-strategy", "unsafe-best-match"] = None  # pip looks at all indexes at once
    return [word for pair in said for word in pair]


def _file_text(lines: Sequence[str], options: Sequence[str]) -> str:
    in_file = [option for option in options if option.partition(" ")[0] not in ("--pre", "--trusted-host")]
    return "\n".join([*in_file, *lines, ""])


def _failure(what: str, last: Sequence[str], code: int) -> errors.ZaffreError:
    """The resolver's own last lines, from its word `error` on, short enough to be read."""
    lines = [line for line in last if line.strip()]
    begin = next(
        (at for at, line in enumerate(lines) if line.startswith("error:")), max(len(lines) - _SHOWN_LINES, 0)
    )
    shown = "\n".join(lines[begin:][-_SHOWN_LINES:])[-_SHOWN_CHARACTERS:].strip()
    said = shown or f"uv ended with code {code} and said nothing."
    if any(sign in said for sign in _FULL_SIGNS):
        return errors.Unavailable(f"{what}: the disk is full.\n{said}", hint="Free space, then try again.")
    if any(sign.lower() in said.lower() for sign in _NETWORK_SIGNS):
        return errors.Unavailable(
            f"{what}: the package index cannot be reached.\n{said}", hint="Try again later."
        )
    if without := _WITHOUT_WHEEL.search(said):
        return errors.Invalid(f"{what}.\n{said}", hint=_WHEELS_ONLY, without_wheel=without["name"])
    return errors.Invalid(f"{what}.\n{said}", hint=_HINTS[what])


def _read_solved(out: Path) -> str:
    """The solver's answer; checked, because in a sandbox a package's own code may have written it."""
    text = sources.read_regular(out).decode()
    if checked.parse(text.splitlines(), source="The solved list").options:
        raise errors.Invalid("The solved list holds options, which a solver never writes.")
    return text
