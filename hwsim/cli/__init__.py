"""The command `hwsim`: what a network costs, from a shell."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from hwsim.cli.commands import hwsim
from hwsim.cli.status import BAD_INPUT, BROKEN_PIPE, DIFFERENT, INTERRUPTED, OK
from hwsim.errors import ComparisonError, InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. Every error is one line on stderr."""
    if sys.stdout is None:  # closed by the shell: there is nowhere to print to
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character
    try:
        with _terminate_as_interrupt():
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
        click.echo("hwsim: interrupted", err=True)
        return INTERRUPTED
    except SystemExit:  # click's answer to a reader that has gone
        return BROKEN_PIPE
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:
        _discard_output()
        return _fail(f"cannot write {error.filename or 'output'}: {error.strerror}", BAD_INPUT)
    return status if isinstance(status, int) else OK


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end as control-C does, so that nothing half-written is left behind."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _discard_output() -> None:
    """Nobody can take what is left in stdout's buffer; Python would complain again on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: object, status: int) -> int:
    message = " ".join(str(error).split())
    click.echo(f"hwsim: error: {message}", err=True)
    return status
