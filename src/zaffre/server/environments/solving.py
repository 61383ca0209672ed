"""From a definition to its lock: picks the interpreter, solves conda and pip parts, writes down what was decided.

Called by `service`. Takes seconds and speaks to package indexes, so never inside a transaction.
"""

import contextlib
import dataclasses
import re
from collections.abc import Sequence

from packaging import version

from zaffre.core import errors
from zaffre.server.environments import (
    addresses,
    conda,
    definitions,
    errands,
    locks,
    matchspecs,
    numpy_two,
    pythons,
    substitutes,
    uv,
)

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")
_VERSION = re.compile(version.VERSION_PATTERN + "$", re.VERBOSE | re.IGNORECASE)
_DEFAULT_CHANNELS = ("conda-forge",)


class Solver:
    """Makes locks. `channels` None takes conda packages from the Python index always (setting conda_offline)."""

    def __init__(
        self,
        uv_: uv.Uv,
        installed: Sequence[pythons.Interpreter],
        *,
        channels: conda.Channels | None = None,
        stand_in: bool = False,
        prefer_shared: bool = False,
    ) -> None:
        self._uv = uv_
        self._installed = installed
        self._channels = channels
        self._stand_in = stand_in
        self._prefer_shared = prefer_shared

    def lock(self, definition: definitions.Definition, *, errand: errands.Errand) -> locks.Lock:
        """Solve. Raises Invalid with the resolver's own last lines, Unsupported (Python, package), Unavailable."""
        unreachable: tuple[str, ...] = ()
        if self._channels and definition.conda and not _all_on_index(definition):
            try:
                return self._from_channels(self._channels, definition, errand)
            except errors.Unavailable as error:
                errand.say(error.detail)
                unreachable = ("No conda channel could be reached.",)
        return self._from_index(definition, unreachable, errand)

    def _from_index(
        self, definition: definitions.Definition, notes: tuple[str, ...], errand: errands.Errand
    ) -> locks.Lock:
        interpreter, stand_in = pythons.choose(
            definition.python, self._installed, stand_in=self._stand_in, prefer_shared=self._prefer_shared
        )
        taken = substitutes.from_index(definition.conda)
        lines = list(dict.fromkeys((*definition.pip, *taken.requirements)))
        errand.say(f"Solving {len(lines)} requirements for Python {interpreter.version}.")

        def solved(wanted: list[str], more: tuple[str, ...] = ()) -> locks.Lock:
            text = self._uv.compile(
                wanted,
                definition.pip_options,
                python=interpreter.path,
                version=interpreter.version,
                errand=errand,
            )
            all_notes = (*definition.notes, *notes, *taken.notes, *more)
            lock = _lock(definition, interpreter.version, interpreter.platform, text, notes=all_notes)
            return dataclasses.replace(lock, stand_in=stand_in)

        lock = solved(lines)
        broken = numpy_two.broken(lock.packages())
        if broken is None:
            return lock
        errand.say(f"{broken} was built for NumPy 1; solving again with {numpy_two.CONSTRAINT}.")
        note = f"{numpy_two.CONSTRAINT} was added: {broken} was built for NumPy 1 and cannot be loaded beside a later one."
        with contextlib.suppress(errors.Invalid):  # whoever demands NumPy 2 gets what was demanded
            return solved([*lines, numpy_two.CONSTRAINT], (note,))
        return lock

    def _from_channels(
        self, channels: conda.Channels, definition: definitions.Definition, errand: errands.Errand
    ) -> locks.Lock:
        specs = [_python_spec(definition.python), *definition.conda]
        packages = channels.solve(specs, definition.channels or _DEFAULT_CHANNELS, errand=errand)
        python = next((package.version for package in packages if package.name == "python"), "")
        if not python or version.Version(python) < pythons.OLDEST:
            raise errors.Unsupported(
                f"The channels gave Python {python or 'none'}, and Zaffre's runtime needs {pythons.OLDEST} or later.",
                hint=f"Ask for `python>={pythons.OLDEST}` in the dependencies.",
            )
        helper, _ = pythons.choose(None, self._installed)
        held = _python_projects(packages)
        text = self._uv.compile(
            definition.pip, definition.pip_options,
            python=helper.path, version=python, present=held, errand=errand,
        )  # fmt: skip
        chosen = () if definition.channels else ("No channel was named, so conda-forge was used.",)
        lock = _lock(definition, python, helper.platform, text, notes=(*definition.notes, *chosen))
        return dataclasses.replace(lock, conda=packages)


def _all_on_index(definition: definitions.Definition) -> bool:
    """Whether the conda part holds nothing but what every environment has anyway, so that no channel is worth asking."""
    parsed = (matchspecs.parse(spec, source="conda_file.dependencies") for spec in definition.conda)
    return all(spec.name in ("setuptools", "wheel") and not spec.channel for spec in parsed)


def _python_projects(packages: Sequence[locks.CondaPackage]) -> dict[str, str]:
    """What a prefix holds of the Python index's projects, by name with version; what pip cannot name is none."""
    held = {}
    for package in packages:
        needs_python = any(line.split(" ", 1)[0] in ("python", "python_abi") for line in package.depends)
        if (package.noarch == "python" or needs_python) and _VERSION.match(package.version):
            held[substitutes.project(package.name)] = package.version
    return {name: version for name, version in held.items() if _NAME.match(name)}


def _python_spec(wanted: str | None) -> str:
    """A PEP 440 specifier as conda says it."""
    parts = [part[2:] if part.startswith("==") else part for part in (wanted or "").split(",")]
    return f"python {','.join(parts)}".strip()


def _lock(
    definition: definitions.Definition, python: str, platform: str, text: str, *, notes: Sequence[str]
) -> locks.Lock:
    return locks.Lock(
        python=python,
        platform=platform,
        requirements=text,
        definition=definition.digest,
        options=tuple(addresses.without_credentials(option) for option in definition.pip_options),
        notes=tuple(dict.fromkeys(notes)),
        source=definition.source,
        image=definition.image,
    )
