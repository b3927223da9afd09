"""The examples of docs/sweeps.md print what it says, and its commands are some."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hwsim.cli.commands import hwsim as cli

TEXT = (Path(__file__).parents[1] / "docs" / "sweeps.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^    (hwsim (?:.*\\\n)*.*)$", TEXT, re.MULTILINE)


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == TEXT.count("```python") == 2
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("example", EXAMPLES, ids=["sweep", "search"])
def test_an_example_prints_what_it_says(example: tuple[str, str]) -> None:
    code, printed = example
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == printed


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_one(text: str) -> None:
    _, name, *words = shlex.split(text.replace("\\\n", " "))
    whole = click.Context(cli, info_name="hwsim", **cli.context_settings)
    command = cli.get_command(whole, name)
    assert command is not None
    command.make_context(name, words, parent=whole)
