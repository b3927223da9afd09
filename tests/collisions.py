"""Verilog whose block memories return noise for a word that is read while it is written."""

import re

ATTRIBUTE = "(* no_rw_check = 32'd1 *)"
NAME = re.compile(r"  reg \[\d+:0\] (?P<name>\S+) +\[\d+:0\];")
WRITE = re.compile(
    r"(?:    if \((?P<enable>.+)\)\n  )?    {name}\[(?P<word>.+?)\](?:\[\d+:\d+\])? <= "
)
READ = r"(?P<register>_\d+_) <= {name}\[(?P<word>.+)\];"


def with_noise(verilog: str) -> str:
    """Return Verilog whose `no_rw_check` memories answer a collision with the word's complement.

    All of the word is complemented, even if only some bytes are written: hardware promises no more.
    Raises `AssertionError` if a memory does not look as expected.
    """
    head, *memories = verilog.split(ATTRIBUTE)
    assert memories, "no memory is marked"
    return ATTRIBUTE.join([head, *map(_noisy, memories)])


def _noisy(text: str) -> str:
    """Return the text of one memory, with noise; `text` has its declaration, writes and read."""
    declared = NAME.search(text)
    assert declared, text[:200]
    name = re.escape(declared["name"])
    read = re.search(READ.format(name=name), text)
    assert read, text[:200]
    writes = re.findall(WRITE.pattern.replace("{name}", name), text[: read.start()])
    assert writes, text[:200]
    collides = " || ".join(
        f"(({enable or 1}) && ({word}) == ({read['word']}))" for enable, word in writes
    )
    stored = f"{declared['name']} [{read['word']}]"
    noisy = f"{read['register']} <= ({collides}) ? ~{stored} : {stored};"
    return text[: read.start()] + noisy + text[read.end() :]
