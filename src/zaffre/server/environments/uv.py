"""uv, the rim where pip parts are solved and installed: one method per command, log lines streamed, errors in words.

Called by `solving`, `builds` and `overlay`. What goes in travels by standard input, never by argument, because an
index address may carry a password. Building a source distribution runs its author's code as the server's user;
`source_builds=False` allows wheels alone, and is what a server that isolates its users' code should say.
"""

import collections
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from uv import find_uv_bin

from zaffre.core import errors
from zaffre.server.environments import addresses, index_settings

Log = Callable[[str], None]

_KEPT_LINES = 400
_SHOWN_LINES = 30
_SHOWN_CHARACTERS = 4000
_SOLVE = "The environment cannot be solved"
_BUILD = "The environment cannot be built"
_HINTS = {
    _SOLVE: "Change the versions that contradict each other, or the Python version.",
    _BUILD: "Look at the whole log; lock the definition again as a new version if an index has changed.",
}
_NO_BUILD_SIGN = "building from source is disabled"
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
    ) -> None:
        self._binary = find_uv_bin()
        self._environ = {
            **index_settings.for_uv(environ),
            "UV_CACHE_DIR": str(cache),
            "UV_LINK_MODE": "hardlink",
        }
        self._timeout_s = timeout_s
        self._build_rule: tuple[str, ...] = () if source_builds else ("--no-build",)

    def compile(
        self,
        lines: Sequence[str],
        options: Sequence[str],
        *,
        python: str,
        version: str,
        present: Mapping[str, str] | None = None,
        log: Log,
    ) -> str:
        """Solve requirement lines for a Python version; the answer is every package, pinned and hashed.

        `python` is the interpreter that source distributions are asked with; `present` are packages that are there
        already, with their versions: they are respected and left out of the answer. Raises Invalid with the resolver's last
        lines, Unavailable when no index can be reached.
        """
        self._check_sources(options)
        if not lines:
            return ""
        with tempfile.TemporaryDirectory(prefix="zaffre-lock-") as folder:
            out, there = Path(folder) / "requirements.txt", Path(folder) / "present.txt"
            there.write_text("".join(f"{name}=={held}\n" for name, held in (present or {}).items()))
            command = [
                "pip", "compile", "-", "--output-file", str(out), "--python", python, "--python-version", version,
                "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate",
                "--quiet", "--constraints", str(there), *(f"--no-emit-package={name}" for name in present or {}), *_arguments(options), *self._build_rule,
            ]  # fmt: skip
            self._run(command, _file_text(lines, options), log=log, what=_SOLVE)
            return out.read_text(encoding="utf-8")

    def venv(self, folder: Path, *, python: str, log: Log, hold: int | None = None) -> None:
        """Make an empty virtual environment."""
        command = ["venv", "--quiet", "--no-project", "--python", python, str(folder)]
        self._run(command, "", log=log, what=_BUILD, hold=hold)

    def install(
        self,
        requirements: str,
        options: Sequence[str],
        *,
        into: Sequence[str],
        log: Log,
        hold: int | None = None,
    ) -> None:
        """Install a locked text, every file checked by its hash; `into` says where (`--python P` or `--target F`).

        `hold` is a file descriptor that stays open until uv has ended, whatever becomes of this process.
        """
        self._check_sources(options)
        command = [
            "pip", "install", "-r", "-", "--no-deps", "--require-hashes", *into,
            *_arguments(options), *self._build_rule,
        ]  # fmt: skip
        text = _file_text([requirements], options)
        self._run(command, text, log=log, what=_BUILD, hold=hold)

    def _check_sources(self, options: Sequence[str]) -> None:
        if self._build_rule and any(option.startswith("--no-binary") for option in options):
            raise errors.Unsupported(
                "--no-binary asks for packages to be built from source, which this server does not do.",
                hint="Leave the option out, so that wheels are taken.",
            )

    def _run(self, arguments: list[str], text: str, *, log: Log, what: str, hold: int | None = None) -> None:
        last: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        with (
            tempfile.TemporaryDirectory(prefix="zaffre-uv-") as folder,
            tempfile.TemporaryFile("w+") as given,
        ):
            given.write(text)
            given.seek(0)
            process = subprocess.Popen(
                [self._binary, *arguments],
                stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                env=self._environ, cwd=folder, pass_fds=() if hold is None else (hold,), umask=0o022,
            )  # fmt: skip
            watchdog = threading.Timer(self._timeout_s, process.kill)
            watchdog.start()
            try:
                assert process.stdout
                for line in process.stdout:
                    clean = addresses.redact(line.rstrip())
                    last.append(clean)
                    if not clean.startswith("Using "):  # a folder of this machine
                        log(clean)
                code = process.wait()
            finally:
                watchdog.cancel()
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if code:
            raise _failure(what, last, code)


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
    hint = _WHEELS_ONLY if _NO_BUILD_SIGN in said else _HINTS[what]
    return errors.Invalid(f"{what}.\n{said}", hint=hint)
