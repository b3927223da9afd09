"""The command line of hwsim: it parses options, calls the workflows and prints their results."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from hwsim.cli.commands import ReaderGoneError, UnexpectedError, hwsim
from hwsim.cli.status import BAD_INPUT, BROKEN_PIPE, DIFFERENT, FAULT, INTERRUPTED, OK
from hwsim.errors import ComparisonError, InputError, UnsupportedError
from hwsim.escape import visible


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Every error is one line on stderr, and below it one for each of several faults of a file.
    """
    if sys.stdout is None:  # closed by the shell: there is nowhere to print to
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    try:
        with _interrupts_raise():
            status = hwsim.main(arguments, prog_name="hwsim", standalone_mode=False)
            sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return BAD_INPUT
    except click.ClickException as error:
        return _fail(error.format_message(), BAD_INPUT)
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except ComparisonError as error:
        return _fail(error, DIFFERENT)
    except (KeyboardInterrupt, click.Abort):
        if sys.stderr is not None and sys.stderr.isatty():
            click.echo(err=True)  # begin a new line after the terminal's "^C"
        click.echo("hwsim: interrupted", err=True)
        return INTERRUPTED
    except SystemExit as error:  # click has completed a line for the shell
        return error.code if isinstance(error.code, int) else OK
    except (ReaderGoneError, BrokenPipeError):
        _flush_or_discard()
        return BROKEN_PIPE
    except OSError as error:
        _flush_or_discard()
        return _fail(f"{error.filename or 'cannot write output'}: {error.strerror}", BAD_INPUT)
    except MemoryError:
        return _fail("out of memory", BAD_INPUT)
    except UnexpectedError as error:
        return _fail(_fault(error), FAULT)
    return status if isinstance(status, int) else OK


@contextmanager
def _interrupts_raise() -> Iterator[None]:
    """Let control-C and SIGTERM raise an exception, so that half-written files are removed."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _flush_or_discard() -> None:
    """Flush stdout; drop its content if the reader is gone, because Python's exit would fail."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):  # the stream has no file
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fault(error: UnexpectedError) -> str:
    """Return the message of an unforeseen exception, with the place in hwsim that raised it."""
    cause = error.__cause__
    frames = traceback.extract_tb(cause.__traceback__ if cause else None)
    place = next((f for f in reversed(frames) if "hwsim" in Path(f.filename).parts), frames[-1])
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"a fault of hwsim, not of its input, in {where}: {error} (-v shows all of it)"


def _fail(error: object, status: int) -> int:
    first, *more = error.lines if isinstance(error, UnsupportedError) else [str(error)]
    click.echo(f"hwsim: error: {_one_line(first)}", err=True)
    for line in more:
        click.echo(f"  {_one_line(line)}", err=True)
    return status


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))
