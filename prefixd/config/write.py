"""Replacing a configuration file without ever leaving half of one.

The new text goes into a temporary file beside the target, is forced to the disk, and takes the
target's name in one rename; the old file stays as `.bak`. Links are refused: who may write the
directory must not thereby choose which file we overwrite. Mode and owner of the old file are kept.
"""

import contextlib
import os
import stat
from pathlib import Path

from prefixd.errors import PrefixdError

NEW_FILE_MODE = 0o640


class WriteFailed(PrefixdError):
    """The file was not replaced; its content is what it was."""


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` by `text`; the old content is kept as `<path>.bak`."""
    backup = path.with_name(path.name + ".bak")
    for target in (path, backup):
        if target.is_symlink():
            raise WriteFailed(f"{target} is a symbolic link: configuration is not written through")
    try:
        old = path.stat() if path.exists() else None
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise WriteFailed(f"{path} is not a regular file")
        if old is not None:
            _put(backup, path.read_bytes(), old)
        _put(path, text.encode(), old)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WriteFailed(
            f"{path} cannot be written: {reason}; the user that runs prefixd needs to write the "
            "directory, and it must not be mounted read-only"
        ) from error


def _put(path: Path, data: bytes, like: os.stat_result | None) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    # O_EXCL and O_NOFOLLOW: a name that another user prepared is refused instead of followed.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # left behind by a crash of a process with our number
    descriptor = os.open(temporary, flags, NEW_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if like is not None:
                os.fchmod(stream.fileno(), stat.S_IMODE(like.st_mode))
                _keep_owner(stream.fileno(), like)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(path.parent)


def _keep_owner(descriptor: int, like: os.stat_result) -> None:
    if (like.st_uid, like.st_gid) == (os.geteuid(), os.getegid()):
        return
    # Only root may give files away; for anybody else the new file is theirs, and readable to us.
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, like.st_uid, like.st_gid)


def _sync_directory(directory: Path) -> None:
    """The rename itself is on the disk only when the directory is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
