"""Work that control-C and SIGTERM must not cut in two: they wait for its end."""

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold back control-C and SIGTERM, which are delivered when the block ends.

    A mask of signals would not do: another thread takes the signal, and Python calls the handler.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one runs handlers
        yield
        return
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    replaced = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in replaced:
            signal.signal(number, lambda number, _frame: came.append(number))
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Lend a new folder, which is removed at the end of the block, whenever interrupts come."""
    folder: Path | None = None
    try:
        with interrupts_wait():
            folder = Path(tempfile.mkdtemp(prefix=prefix))
        yield folder
    finally:
        with interrupts_wait():
            if folder is not None:
                shutil.rmtree(folder)
