"""Safe reading of files that a user names: kind and size are checked before anything is read.

Every call ends in bounded time, and none takes more memory than the limit that it is given. What is
written is written whole.
"""

import os
import select
import shutil
import stat
import threading
import time
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from hwsim.errors import InputError, shown
from hwsim.escape import quoted

PIPE_PATIENCE_SECONDS = 30.0  # a script that writes a configuration may import slow libraries
CHUNK_BYTES = 1 << 16
IMPOSSIBLE_PATH = "a path holds neither NUL characters nor halves of surrogate pairs"
NO_FILES = {
    stat.S_IFDIR: "is a folder, no file",
    stat.S_IFCHR: "is a device, no file",
    stat.S_IFBLK: "is a device, no file",
    stat.S_IFIFO: "is a pipe, no file",
    stat.S_IFSOCK: "is a socket, no file",
}


def path_text(kind: str, path: object) -> str:
    """Return a path as text. Raises `InputError` for a value that is no path."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise InputError(f"{kind} {shown(path)}: a path must be text or a pathlib.Path")
    return text


def file_refusal(path: str | Path, name: str, error: InputError) -> InputError:
    """Return the refusal of a network's file, which stands in the place of the network's `name`."""
    reason = str(error)
    for whose in (f"network {name}: ", f"network '{name}': ", f"graph {name}: "):
        reason = reason.removeprefix(whose)
    return InputError(f"network {quoted(path)}: {reason}")


def open_file(kind: str, path: str | Path, largest_bytes: int) -> BufferedReader:
    """Open a regular file of at most `largest_bytes`; the caller closes it.

    `kind` says what the file is meant to be, for example "image". Raises `InputError` for a file
    that cannot be opened, that is larger, or that is a folder, a device, a pipe or a socket.
    """
    descriptor = _open(kind, path)
    try:
        _check(kind, path, os.fstat(descriptor), largest_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(kind: str, path: str | Path, largest_bytes: int) -> bytes:
    """Return the content of a regular file or of a pipe, at most `largest_bytes` long.

    A pipe lets a shell's `<(command)` and `/dev/stdin` stand for a file. Raises `InputError` as
    `open_file` does, and for a pipe that has no writer or that does not end in half a minute.
    """
    descriptor = _open(kind, path)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISFIFO(status.st_mode):
            return _read_pipe(kind, path, descriptor, largest_bytes)
        _check(kind, path, status, largest_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(largest_bytes + 1)  # files of /proc state a size of 0
    except OSError as error:
        raise _unreadable(kind, path, error.strerror) from None
    finally:
        os.close(descriptor)
    if len(content) > largest_bytes:
        raise _too_large(kind, path, largest_bytes, "longer")
    return content


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing: a reader never sees half of it.

    A file that is replaced leaves its permissions to the new one. Raises `OSError` where it cannot
    be written, and `ValueError` for a path that no file can have; what was there before is left as
    it was.
    """
    partial = path.with_name(f".hwsim-{os.getpid()}-{threading.get_ident()}.part")
    try:
        partial.unlink(missing_ok=True)  # left by a process of the same number that was killed
        create_partial(partial, path)
        partial.write_bytes(content)
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def create_partial(partial: Path, path: Path) -> None:
    """Create the empty file that will replace `path`; raise `OSError` where that cannot be.

    If there is a file at `path`, whose permissions it will take over, nobody else can open it until
    it is in place.
    """
    mode = 0o600 if path.is_file() else 0o666  # of which the user's umask is taken away
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))


def put_in_place(partial: Path, path: Path) -> None:
    """Rename `partial` to `path`; a file that is replaced there leaves its permissions behind."""
    if path.is_file():
        shutil.copymode(path, partial)
    partial.replace(path)


def keep_file(path: Path, content: bytes) -> None:
    """Write a file of the user's cache, if that is possible; what is missing there is made anew.

    A folder that has the file's name is removed, because nothing could ever be kept there.
    """
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)


def path_fault(error: OSError | ValueError) -> str | None:
    """Return why a path could not be opened."""
    return error.strerror if isinstance(error, OSError) else IMPOSSIBLE_PATH


def _open(kind: str, path: str | Path) -> int:
    """Open without waiting for a pipe's writer and without taking a terminal as one's own."""
    text = path_text(kind, path)
    try:
        return os.open(text, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(kind, path, path_fault(error)) from None


def _check(kind: str, path: str | Path, status: os.stat_result, largest_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        reason = NO_FILES.get(stat.S_IFMT(status.st_mode), "is no file")
        raise _unreadable(kind, path, reason)
    if status.st_size > largest_bytes:
        raise _too_large(kind, path, largest_bytes, f"{status.st_size:,} bytes")


def _read_pipe(kind: str, path: str | Path, descriptor: int, largest_bytes: int) -> bytes:
    """Read a pipe, which was opened without waiting, to its end."""
    content = bytearray()
    deadline = time.monotonic() + PIPE_PATIENCE_SECONDS
    readable = select.poll()
    readable.register(descriptor, select.POLLIN)
    while len(content) <= largest_bytes:
        try:
            chunk = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:  # it has a writer: wait for more data, or for its end
            milliseconds = 1000 * (deadline - time.monotonic())
            if milliseconds <= 0 or not readable.poll(milliseconds):
                reason = f"the pipe did not end within {PIPE_PATIENCE_SECONDS:g} s"
                raise _unreadable(kind, path, reason) from None
            continue
        if not chunk:
            break
        content += chunk
    if not content:
        raise _unreadable(kind, path, "the pipe is empty and nobody writes to it")
    if len(content) > largest_bytes:
        raise _too_large(kind, path, largest_bytes, "longer")
    return bytes(content)


def _unreadable(kind: str, path: str | Path, reason: str | None) -> InputError:
    return InputError(f"cannot read {kind} {quoted(path)}: {reason}")


def _too_large(kind: str, path: str | Path, largest_bytes: int, found: str) -> InputError:
    return _unreadable(kind, path, f"{found}, expected at most {largest_bytes:,} bytes")
