"""Conda channels, the rim where conda parts are solved and installed by py-rattler.

Called by `solving` and `builds`. Post-link scripts of packages are never run.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rattler
from rattler import exceptions

from zaffre.core import errors
from zaffre.server.environments import addresses, caches, errands, locks

Answer = TypeVar("Answer")

# What conda itself means by these words; any other word is a channel below the alias.
_DEFAULTS = ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/r")
_UNREACHABLE_SIGNS = ("(connect)", "dns error", "timed out", "connection refused", "timeout", "503", "502")
_SHOWN_CHARACTERS = 4000
_LOOK_S = 0.1


class Channels:
    """Channels by name or address, with one cache. `alias` is the address that channel names stand below."""

    def __init__(
        self, cache: Path, *, alias: str = "https://conda.anaconda.org/", timeout_s: float = 600.0
    ) -> None:
        self._cache = cache
        self._alias = rattler.ChannelConfig(alias)
        self._timeout_s = timeout_s

    def solve(
        self, specs: Sequence[str], channels: Sequence[str], *, errand: errands.Errand
    ) -> tuple[locks.CondaPackage, ...]:
        """Every package of a prefix that satisfies the specs. Raises Invalid (no solution), Unavailable (no channel)."""
        named = [address for name in channels for address in (_DEFAULTS if name == "defaults" else (name,))]
        errand.say(
            f"Solving {len(specs)} conda specs from {', '.join(addresses.redact(name) for name in channels)}."
        )
        records = self._run(self._solve(specs, named), errand)
        errand.say(f"Solved: {len(records)} conda packages.")
        return tuple(sorted((_package(record) for record in records), key=lambda one: one.name))

    def install(
        self,
        packages: Sequence[locks.CondaPackage],
        prefix: Path,
        *,
        credentials: Sequence[str] = (),
        errand: errands.Errand,
    ) -> None:
        """Put locked packages into an empty prefix, each file checked by its hash. Raises Invalid, Unavailable."""
        records = [_record(package, credentials) for package in packages]
        for package in packages:
            errand.say(f" + {package.name}={package.version}={package.build}")
        self._run(
            rattler.install(
                records,
                prefix,
                cache_dir=self._cache / "packages",
                show_progress=False,
                execute_link_scripts=False,
            ),
            errand,
        )

    async def _solve(self, specs: Sequence[str], channels: Sequence[str]) -> list[Any]:
        records: list[Any] = await rattler.solve(
            sources=[rattler.Channel(name, self._alias) for name in channels],
            specs=list(specs),
            gateway=rattler.Gateway(cache_dir=self._cache / "repodata"),
            virtual_packages=rattler.VirtualPackage.detect(),
            timeout=dt.timedelta(seconds=self._timeout_s),
        )
        return records

    def _run(self, work: Awaitable[Answer], errand: errands.Errand) -> Answer:
        async def limited() -> Answer:
            async with asyncio.timeout(self._timeout_s):
                task = asyncio.ensure_future(work)
                while not task.done():
                    errand.check()
                    await asyncio.wait([task], timeout=_LOOK_S)
                return await task

        try:
            with caches.Guard(self._cache).used():
                return asyncio.run(limited())
        except TimeoutError:
            raise errors.Unavailable(
                "A conda channel did not answer in time.", hint="Try again later."
            ) from None
        except InterruptedError:
            raise  # an OSError, too; nobody wants this any more
        except exceptions.SolverError as error:
            raise errors.Invalid(f"The conda packages cannot be solved.\n{_words(error)}") from None
        except (
            exceptions.GatewayError,
            exceptions.FetchRepoDataError,
            exceptions.InstallerError,
            OSError,
        ) as error:
            raise _failure(error) from None
        except (exceptions.InvalidMatchSpecError, exceptions.InvalidChannelError) as error:
            raise errors.Invalid(f"conda_file: {_words(error)}.") from None


def _failure(error: Exception) -> errors.ZaffreError:
    said = _words(error)
    if any(sign in said.lower() for sign in _UNREACHABLE_SIGNS):
        return errors.Unavailable(f"A conda channel cannot be reached.\n{said}", hint="Try again later.")
    return errors.Invalid(f"The conda packages cannot be fetched or installed.\n{said}")


def _words(error: Exception) -> str:
    return addresses.redact(str(error)).strip()[-_SHOWN_CHARACTERS:]


def _package(record: Any) -> locks.CondaPackage:
    if record.sha256 is None:
        raise errors.Invalid(
            f"The channel gives no SHA-256 for {record.name.normalized} {record.version}, so it cannot be locked."
        )
    return locks.CondaPackage(
        name=record.name.normalized,
        version=str(record.version),
        build=str(record.build),
        build_number=record.build_number,
        subdir=str(record.subdir),
        url=addresses.without_credentials(record.url),
        sha256=record.sha256.hex(),
        noarch="python" if record.noarch.python else "generic" if record.noarch.generic else "",
        depends=tuple(record.depends),
        site_packages=record.python_site_packages_path or "",
    )


def _record(package: locks.CondaPackage, credentials: Sequence[str]) -> Any:
    facts = rattler.PackageRecord(
        package.name,
        package.version,
        rattler.BuildString(package.build),
        package.build_number,
        rattler.Subdir(package.subdir),
        noarch=package.noarch or None,
        depends=list(package.depends),
        sha256=bytes.fromhex(package.sha256),
        python_site_packages_path=package.site_packages or None,
    )
    url = addresses.with_credentials(package.url, credentials)
    folder, _, file_name = url.rpartition("/")
    return rattler.RepoDataRecord(facts, file_name, url, folder.rpartition("/")[0])
