"""The optional parts that a plain installation leaves out."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hwsim.errors import InputError


@contextmanager
def needing_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn a missing module into an error of one line that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module == "hwsim":
            raise
        raise InputError(
            f"{purpose} needs {module}, which is not installed: pip install 'hwsim[{extra}]'"
        ) from None


@contextmanager
def importing_extra(extra: str, purpose: str) -> Iterator[None]:
    """Act as `needing_extra` does, for a block that only imports: interrupts wait for its end.

    An exception inside the native code that initialises PyTorch would abort the process, and what
    it has half written would be left.
    """
    with needing_extra(extra, purpose), _interrupts_wait():
        yield


@contextmanager
def _interrupts_wait() -> Iterator[None]:
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
