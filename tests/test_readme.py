"""The README's commands can be copied one after the other."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import click

from hwsim.cli.commands import hwsim as cli

README = Path(__file__).parents[1] / "README.md"
OWN_FILES = {
    "photo.jpg",
    "face.npy",
    "l.npy",
    "r.npy",
    "thermal.npy",
}  # a user has these before the first command


def commands() -> list[list[str]]:
    """Return the words of every command of the section "Use", in its order."""
    section = README.read_text("utf-8").split("\n## Use\n")[1].split("\n## ")[0]
    lines = re.findall(r"^    (hwsim .*)$", section, re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_every_command_is_one() -> None:
    assert len(commands()) > 5
    whole = click.Context(cli, info_name="hwsim", **cli.context_settings)
    for name, *words in commands():
        arguments = words[: words.index(">")] if ">" in words else words
        command = cli.get_command(whole, name)
        assert command is not None, name
        command.make_context(name, arguments, parent=whole)


def test_every_file_that_a_command_reads_was_written_before() -> None:
    there = set(OWN_FILES)
    for words in commands():
        for option, value in pairwise(words):
            if option in ("--config", "--image", "--input", "--weights"):
                assert value.rpartition("=")[2] in there, words
        if ">" in words:
            there.add(words[words.index(">") + 1])
