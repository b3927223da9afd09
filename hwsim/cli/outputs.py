"""The output files of a command: all are reserved first, and at the end all or none are written."""

import errno
import fcntl
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hwsim.cli.options import STANDARD_OUTPUT
from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.files import create_partial, put_in_place

MOST_LINKS = 40  # Linux follows no longer chain
OPEN_FILES = Path("/proc/self/fd")

Place = tuple[int, int] | Path


@dataclass(frozen=True)
class _Reserved:
    """The destination of an output, and the temporary file that holds it until the end.

    Without a temporary file it is written in place: into the open file `descriptor` of this
    process, such as /dev/stdout or what a shell put in place of >(command), or else into the device
    or the named pipe at `path`.
    """

    path: Path
    partial: Path | None = None
    descriptor: int | None = None


class Outputs:
    """Reserves every file by a temporary one beside it, so that a wrong name is refused early.

    As a context manager it removes the temporary files that are left; after a complete `write`
    there are none. It also removes the folders that it made and that are still empty. Devices,
    pipes and this process's own open files are written in place.

    `inputs` are the files that the command reads, None for none; no output may replace them.
    """

    def __init__(self, *inputs: str | None) -> None:
        self._inputs = {_place(Path(name)) for name in inputs if name is not None}
        self._outputs: set[Place] = set()
        self._reserved: dict[Path, _Reserved] = {}  # by destination
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for reserved in self._reserved.values():
            if reserved.partial is not None:
                reserved.partial.unlink(missing_ok=True)
        for folder in reversed(self._created):
            if not any(folder.iterdir()):
                folder.rmdir()

    def reserve(self, name: str) -> None:
        """Make sure that a file of this name can be written later.

        The name `-` is standard output, which then belongs to the caller alone.
        """
        try:
            path = OPEN_FILES / "1" if name == STANDARD_OUTPUT else _real(name)
            place = _place(path)
            self._refuse_input(name, place)
            if place in self._outputs:
                raise InputError(f"cannot write {quoted(name)}: it is named for two outputs")
            self._outputs.add(place)
            if name != STANDARD_OUTPUT:
                self._reserved[path] = _reserve(path, len(self._reserved))
        except OSError as error:
            raise InputError(f"cannot write {quoted(name)}: {error.strerror}") from None

    def refuse_input(self, name: str) -> None:
        """Raise `InputError` for a file that the command reads, whatever it is called there."""
        self._refuse_input(name, _place(Path(name)))

    def _refuse_input(self, name: str, place: Place) -> None:
        if place in self._inputs:
            raise InputError(f"cannot write {quoted(name)}: the same command reads it")

    def create_folder(self, name: str) -> None:
        """Make sure that there is a folder of this name."""
        if not name:
            raise InputError("cannot create folder '': it has no name")
        try:
            folder = _real(name)
            missing = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
            for part in reversed(missing):
                part.mkdir()
                self._created.append(part)
        except OSError as error:
            raise InputError(f"cannot create folder {quoted(name)}: {error.strerror}") from None
        if not folder.is_dir():
            raise InputError(f"cannot write into {quoted(name)}: it is not a folder")

    def write(self, contents: Mapping[str, str | bytes]) -> None:
        """Fill the reserved files, each with the content under its name; then put all in place."""
        data = {_real(name): (name, _encoded(content)) for name, content in contents.items()}
        # Data written in place cannot be taken back, so it goes after the files that may fail.
        for path in sorted(data, key=lambda path: self._reserved[path].partial is None):
            name, content = data[path]
            try:
                _fill(self._reserved[path], content)
            except BrokenPipeError:
                pass  # its reader needs no more
            except OSError as error:
                raise InputError(f"cannot write {quoted(name)}: {error.strerror}") from None
        for path, reserved in self._reserved.items():
            if reserved.partial is not None:
                put_in_place(reserved.partial, path)


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _fill(reserved: _Reserved, content: bytes) -> None:
    if reserved.descriptor is None:
        (reserved.partial or reserved.path).write_bytes(content)
        return
    sys.stdout.flush()  # keep the order of the output
    with os.fdopen(os.dup(reserved.descriptor), "wb") as file:
        file.write(content)


def _real(name: str) -> Path:
    """Return the absolute path that a name leads to. Links are followed, so that they stay links.

    The name of an open file of this process becomes /proc/self/fd/N and is not followed further,
    because the target of that link, for example pipe:[123], is no path. Raises `OSError` for links
    that lead round in a circle.
    """
    path = Path(name)
    for _ in range(MOST_LINKS + 1):
        folder = os.path.realpath(path.parent)
        if folder == f"/proc/{os.getpid()}/fd" and path.name.isdecimal():
            return OPEN_FILES / path.name
        if not path.is_symlink():
            return Path(os.path.realpath(name))
        path = Path(folder, path.readlink())
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _place(path: Path) -> Place:
    """Return a value that is equal for two names of one file: its inode, or the path of no file."""
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def _reserve(path: Path, index: int) -> _Reserved:
    """Reserve `path`; raise `OSError` where it cannot be written."""
    if path.parent == OPEN_FILES:
        path.stat()
        descriptor = int(path.name)
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise PermissionError(0, "it is open for reading only")
        return _Reserved(path, descriptor=descriptor)
    if path.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise PermissionError(0, "Permission denied")
        if not path.is_file():
            return _Reserved(path)
    partial = path.with_name(f".hwsim-{os.getpid()}-{index}.part")
    create_partial(partial, path)
    return _Reserved(path, partial)
