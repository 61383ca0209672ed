"""A process under another uid that sees only what it was given: private mounts, PIDs and IPC. Called by spawn, as root.

The homes of users and interpreters often lie under a folder that another uid may not enter (/root is 0700), so
nothing can simply be opened up. Instead, in a private mount namespace, everything the process needs is held by a
descriptor, an empty tmpfs covers each closed ancestor and Zaffre's own folders, and the held paths are bound back
at the same addresses. Nothing changes outside the namespace. Where the kernel or a container forbids namespaces,
`obstacle` says so and the caller records it; a path that is missing is a failure, never a reason for less isolation.
"""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from zaffre_runtime.shim import linux

_PRIVATE_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # these are covered, not used
_COVER_ENTRIES = 512


class Bind(NamedTuple):
    """A path that the process sees at `target`."""

    source: str
    target: str
    read_only: bool


class Isolation(NamedTuple):
    """The isolation part of a spec; `own` are folders the shim made for this process alone."""

    uid: int
    gid: int
    hidden: Tuple[str, ...]
    binds: Tuple[Bind, ...]
    temporary: str

    @classmethod
    def parse(
        cls, table: Dict[str, Any], own: Iterable[Tuple[str, str]], readable: Iterable[str], temporary: str
    ) -> Isolation:
        """From the spec's JSON, plus the folder's own parts; `own` are pairs of source and target."""
        wanted = [Bind(path, path, True) for path in (*table.get("read_only", ()), *readable)]
        wanted += [Bind(path, path, False) for path in table.get("writable", ())]
        wanted += [Bind(source, target, False) for source, target in own]
        wanted += [Bind(source, target, True) for source, target in table.get("binds", ())]
        unique = {bind.target: bind for bind in wanted}
        return cls(
            int(table["uid"]), int(table["gid"]), tuple(table["hidden"]), tuple(unique.values()), temporary
        )


def absent() -> str:
    """Why nobody asked for isolation."""
    return "isolation is switched off" if os.geteuid() == 0 else "the server does not run as root"


def obstacle() -> str:
    """Why this machine permits no isolation, or nothing when it does. Forks once to try it.

    Another uid alone would not do: the home is closed to it, and only private mounts can open parts of it.
    """
    if os.geteuid() != 0:
        return "not isolated: the server does not run as root"
    problem = try_namespaces()
    return f"not isolated: private mounts are not permitted here ({problem})" if problem else ""


def enter_namespaces(isolation: Isolation) -> List[str]:
    """Build this process's own view of the file system. Returns targets that had no place. Raises OSError."""
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWIPC)
    os.umask(0o022)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    held = [(bind, _hold(bind.source)) for bind in isolation.binds]
    temporary = _hold(isolation.temporary)
    ours: Set[int] = set()
    roots = hidden_roots(isolation)
    for root in roots:
        ours.add(_cover(root, "0755"))
    for folder in _PRIVATE_TEMPORARY:
        if os.path.isdir(folder):
            _private_temporary(
                folder, temporary, ours, shared=any(is_below(b.target, folder) for b in isolation.binds)
            )
    unbound = [bind.target for bind, source in held if not _bind_back(bind, source, ours)]
    if os.path.isdir("/dev/shm"):  # noqa: S108  # covered, not used
        _cover("/dev/shm", "1777")  # noqa: S108  # as above
    linux.mount("proc", "/proc", kind="proc", flags=linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    for descriptor in [temporary, *(source for _, source in held)]:
        os.close(descriptor)
    return unbound


def drop_rights(uid: int, gid: int) -> None:
    """Become the other user for good. Raises OSError."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def hidden_roots(isolation: Isolation) -> List[str]:
    """The folders to cover: those named, and the top-most closed ancestor of each needed path; none below another."""
    roots = {path for path in isolation.hidden if os.path.isdir(path)}
    for bind in isolation.binds:
        closed = closed_ancestor(bind.target, isolation.uid, isolation.gid)
        if closed:
            roots.add(closed)
    return [root for root in sorted(roots) if not any(is_below(root, other) for other in roots)]


def closed_ancestor(path: str, uid: int, gid: int) -> Optional[str]:
    """The top-most folder above `path` that the uid may not enter, or None."""
    for folder in ancestors(path):
        try:
            if not _may_enter(os.stat(folder), uid, gid):
                return folder
        except FileNotFoundError:
            return None
    return None


def needs_bind(path: str, uid: int, gid: int) -> bool:
    """Whether the uid would not find `path` inside unless it is bound: it may not enter, or /tmp is its own there."""
    covered = any(is_below(os.path.normpath(path), folder) for folder in _PRIVATE_TEMPORARY)
    return covered or closed_ancestor(path, uid, gid) is not None


def ancestors(path: str) -> List[str]:
    """The folders above a path, top-most first, without the root."""
    parts = os.path.normpath(path).strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]


def is_below(path: str, folder: str) -> bool:
    """Whether `path` lies strictly inside `folder`."""
    return path.startswith(folder.rstrip("/") + "/")


def _may_enter(status: os.stat_result, uid: int, gid: int) -> bool:
    shift = 6 if status.st_uid == uid else 3 if status.st_gid == gid else 0
    return bool(status.st_mode >> shift & 1)


def _hold(path: str) -> int:
    # The last part is never followed: a folder that the process owns could have become a link to a hidden place.
    flags = os.O_PATH | os.O_CLOEXEC
    if stat.S_ISLNK(os.lstat(path).st_mode) and os.lstat(path).st_uid == 0:
        return os.open(os.path.realpath(path), flags | os.O_NOFOLLOW)
    return os.open(path, flags | os.O_NOFOLLOW)


def _cover(folder: str, mode: str) -> int:
    linux.mount("tmpfs", folder, kind="tmpfs", flags=linux.MS_NOSUID | linux.MS_NODEV, data="mode=" + mode)
    return os.stat(folder).st_dev


def _private_temporary(folder: str, temporary: int, ours: Set[int], *, shared: bool) -> None:
    if shared:  # needed paths lie below it: they get their folders in memory
        ours.add(_cover(folder, "1777"))
        return
    linux.mount(_descriptor_path(temporary), folder, flags=linux.MS_BIND)


def _bind_back(bind: Bind, source: int, ours: Set[int]) -> bool:
    is_folder = stat.S_ISDIR(os.fstat(source).st_mode)
    if not os.path.lexists(bind.target) and not _make_place(bind.target, is_folder, ours):
        return False
    flags = linux.MS_BIND if bind.read_only else linux.MS_BIND | linux.MS_REC
    linux.mount(_descriptor_path(source), bind.target, flags=flags)
    if bind.read_only:
        again = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
        linux.mount("none", bind.target, flags=again)
    return True


def _make_place(target: str, is_folder: bool, ours: Set[int]) -> bool:
    existing = next(folder for folder in ["/", *ancestors(target)][::-1] if os.path.isdir(folder))
    if os.stat(existing).st_dev not in ours and not _cover_transparently(existing, ours):
        return False
    if is_folder:
        os.makedirs(target)
        return True
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    return True


def _cover_transparently(folder: str, ours: Set[int]) -> bool:
    """Put a tmpfs over a folder with all its entries bound back, so that a new name can stand among them."""
    names = os.listdir(folder)
    if folder == "/" or len(names) > _COVER_ENTRIES:
        return False
    held = [
        (name, os.open(os.path.join(folder, name), os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))
        for name in names
    ]
    mode = f"{stat.S_IMODE(os.stat(folder).st_mode):04o}"
    ours.add(_cover(folder, mode))
    for name, descriptor in held:
        _show_again(os.path.join(folder, name), descriptor)
        os.close(descriptor)
    return True


def _show_again(path: str, descriptor: int) -> None:
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISLNK(kind):
        os.symlink(os.readlink("", dir_fd=descriptor), path)
        return
    if stat.S_ISDIR(kind):
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
    linux.mount(_descriptor_path(descriptor), path, flags=linux.MS_BIND | linux.MS_REC)


def _descriptor_path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def try_namespaces() -> str:
    """Empty when this process may make the namespaces, else why not. Tried in a child, so that nothing here changes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _attempt(writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        problem = stream.read().decode("utf-8", "replace")
    os.waitpid(child, 0)
    return problem


def _attempt(writer: int) -> None:
    try:
        linux.unshare(linux.CLONE_NEWPID | linux.CLONE_NEWNS | linux.CLONE_NEWIPC)
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
        linux.mount("tmpfs", "/dev", kind="tmpfs")
        grandchild = os.fork()  # mounting /proc needs a process inside the new PID namespace
        if grandchild == 0:
            linux.mount("proc", "/proc", kind="proc")
            os._exit(0)
        if os.waitpid(grandchild, 0)[1] != 0:
            raise OSError(0, "mount of /proc refused")
    except OSError as error:
        os.write(writer, (error.strerror or str(error)).encode())
    finally:
        os._exit(0)
