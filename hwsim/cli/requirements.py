"""The option `--require`, and what is told of the requirements at the end of a command."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from hwsim.cli.options import STANDARD_OUTPUT, Verbosity
from hwsim.errors import ComparisonError

if TYPE_CHECKING:
    from hwsim.flows.requirements import Requirement

require_option = click.option(
    "--require",
    "required",
    metavar="TOTAL<=NUMBER",
    multiple=True,
    help="End with status 1 unless this holds; TOTAL is a name in the JSON's totals, and <, >=, > "
    "and == compare too. As often as you like: --require 'cycles<=95000'.",
)


def judge(
    requirements: Sequence["Requirement"],
    totals: object,
    json: str | None,
    verbosity: Verbosity,
    failures: Sequence[str] = (),
) -> None:
    """Print whether each requirement holds; raise `ComparisonError` for failures and where not.

    The lines go to standard error where standard output has JSON alone.
    """
    verdicts = [requirement.judge(totals) for requirement in requirements]
    if verbosity is not Verbosity.QUIET:
        for verdict in verdicts:
            click.echo(verdict.text, err=json == STANDARD_OUTPUT)
    failed = (*failures, *(verdict.text for verdict in verdicts if not verdict.holds))
    if failed:
        more = len(failed) - 1
        raise ComparisonError(failed[0] + (f"; and {more} more" if more else ""))
