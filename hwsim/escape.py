"""A user's text in other languages: one function for each, so that no name is read as markup.

Names of configurations, networks, layers and files may hold any character. HTML is not here: its
templates escape by themselves.
"""

import html
import re

# What Markdown, HTML and SystemRDL's format codes read as text wherever it stands in a sentence.
PLAIN = re.compile(r"[^\W_]|[ .,;/+=()-]|(?<=[^\W_])_(?=[^\W_])")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """Replace what does not print, line ends and escape sequences among it, by its Python escape.

    A terminal obeys such characters, and some turn around the order in which others are read.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def comment(text: str) -> str:
    """Return text for a comment in C or Verilog, which it cannot end: printable ASCII on a line."""
    line = visible(text).encode("ascii", "backslashreplace").decode()
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)", " ", line)


def markup(text: str) -> str:
    """Return text that Markdown, HTML and SystemRDL's format codes show as it was."""
    return "".join(
        letter if PLAIN.match(line, place) else f"&#{ord(letter)};"
        for line in (visible(text),)
        for place, letter in enumerate(line)
    )


def markdown_code(text: str) -> str:
    """Return text as code in Markdown, in more backticks than it has anywhere in a row."""
    line = visible(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if line.strip("` ") == line else f"{fence} {line} {fence}"


def rdl_string(text: str) -> str:
    """Return text as a string of SystemRDL, quotes included."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def chart_label(text: str) -> str:
    """Return text for Plotly, which reads some HTML in labels and hovering text."""
    return html.escape(visible(text), quote=False)


def csv_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
