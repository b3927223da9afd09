"""Files that a command was asked to write: reserved first, written last, all of them or none."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from hwsim.errors import InputError


class Outputs:
    """Reserves every file by creating a temporary one beside it, so that nothing fails late.

    As a context manager it removes what is left of them: nothing, if `write` came to its end.
    Folders that it made and that stay empty go too. Devices and pipes are written in place.
    """

    def __init__(self) -> None:
        self._partial: dict[Path, Path] = {}  # where to -> temporary file, or a device itself
        self._created: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for path, partial in self._partial.items():
            if partial != path:
                partial.unlink(missing_ok=True)
        for folder in reversed(self._created):
            if not any(folder.iterdir()):
                folder.rmdir()

    def reserve(self, name: str) -> None:
        """Make sure that a file of this name can be written when the time comes."""
        path = _real(name)
        if path in self._partial:
            raise InputError(f"cannot write '{name}': it is named for two outputs")
        try:
            self._partial[path] = _reserved(path)
        except OSError as error:
            raise InputError(f"cannot write '{name}': {error.strerror}") from None

    def create_folder(self, name: str) -> None:
        """Make sure that there is a folder of this name."""
        if not name:
            raise InputError("cannot create folder '': it has no name")
        folder = _real(name)
        try:
            missing = [part for part in (folder, *folder.parents) if not part.exists()]
            for part in reversed(missing):
                part.mkdir()
                self._created.append(part)
        except OSError as error:
            raise InputError(f"cannot create folder '{name}': {error.strerror}") from None
        if not folder.is_dir():
            raise InputError(f"cannot write into '{name}': it is not a folder")

    def write(self, contents: Mapping[str, str | bytes]) -> None:
        """Fill the reserved files, each with what is under its name; then put all in place."""
        for name, content in contents.items():
            partial = self._partial[_real(name)]
            try:
                if isinstance(content, str):
                    partial.write_text(content, "utf-8", newline="")
                else:
                    partial.write_bytes(content)
            except OSError as error:
                raise InputError(f"cannot write '{name}': {error.strerror}") from None
        for path, partial in self._partial.items():
            if partial != path:
                partial.replace(path)


def _real(name: str) -> Path:
    """Absolute, symbolic links followed: a link to a file stays a link."""
    return Path(os.path.realpath(name))


def _reserved(path: Path) -> Path:
    """An empty temporary file in the folder of `path`; a device or pipe itself."""
    if path.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise PermissionError(0, "Permission denied")
        if not path.is_file():
            return path
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    return partial
