"""The folders of a user's caches. A file that cannot be stored there is made again each time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import platformdirs

from hwsim.interrupts import temporary_folder

VARIABLE = "XDG_CACHE_HOME"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/hwsim`, or `~/.cache/hwsim` where that is unset or relative."""
    try:
        return platformdirs.user_cache_path("hwsim", appauthor=False)
    except RuntimeError:  # a user without a home
        return Path(os.devnull, "hwsim")  # nothing can be stored there


@contextmanager
def tools_can_cache() -> Iterator[None]:
    """Lend a temporary cache folder to tools that need one, if the user's cannot be written.

    Yosys from the wheel stores its compiled form in the user's cache. If that cannot be written,
    `$XDG_CACHE_HOME` names a temporary folder inside the context, for hwsim itself too.
    """
    if _is_writable(cache_folder().parent):
        yield
        return
    before = os.environ.get(VARIABLE)
    with temporary_folder("hwsim-cache-") as folder:
        os.environ[VARIABLE] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
