"""Functions that escape a user's text, one for each language that hwsim writes.

Names of configurations, networks, layers and files may hold any character. The templates of the
HTML pages escape by themselves.
"""

import html
import re

# Markdown, HTML and SystemRDL's format codes read these characters as text at any place.
PLAIN = re.compile(r"[^\W_]|[ .,;/+=()-]|(?<=[^\W_])_(?=[^\W_])")
LONGEST = 300  # characters of a text in a message; few paths have more
LONGEST_IN_C = 32  # C99 tells names apart by 63 characters: so many leave room for prefix and unit
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """Replace characters that do not print, line ends among them, by their Python escapes.

    A terminal would obey escape sequences, and some characters reverse the order of their
    neighbours.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def quoted(text: object) -> str:
    """Return a name or a path in quotes for a message: in one line, and of bounded length."""
    return f"'{brief(text)}'"


def brief(text: object) -> str:
    """Return a text for a message: in one line; a very long one loses its middle."""
    line = visible(str(text))
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[:half]}...{line[-half:]}"


def comment(text: str) -> str:
    """Return text as one line of printable ASCII that cannot end a comment in C or Verilog."""
    line = visible(text).encode("ascii", "backslashreplace").decode()
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)", " ", line)


def c_string(text: str) -> str:
    """Return text as a string of C and C++, quotes included: in UTF-8, and without trigraphs."""
    return '"' + "".join(map(_c_character, visible(text).encode())) + '"'


def _c_character(code: int) -> str:
    letter = chr(code)
    if letter in '"\\?':
        return f"\\{letter}"
    return letter if letter.isascii() else f"\\{code:03o}"


def c_name(text: str) -> str:
    """Return text in capitals, digits and underscores, to be put behind a prefix.

    Different texts may give the same name, and a text without letters and digits gives UNNAMED.
    """
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper())[:LONGEST_IN_C].strip("_")
    return name or "UNNAMED"


def markup(text: str) -> str:
    """Return text that Markdown, HTML and SystemRDL's format codes show unchanged."""
    return "".join(
        letter if PLAIN.match(line, place) else f"&#{ord(letter)};"
        for line in (visible(text),)
        for place, letter in enumerate(line)
    )


def markdown_code(text: str) -> str:
    """Return text as code in Markdown, between more backticks than it has in any row."""
    line = visible(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    return f"{fence}{line}{fence}" if line.strip("` ") == line else f"{fence} {line} {fence}"


def rdl_string(text: str) -> str:
    """Return text as a string of SystemRDL, quotes included."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def chart_label(text: str) -> str:
    """Return text for Plotly, which interprets some HTML in labels and hover texts."""
    return html.escape(visible(text), quote=False)


def csv_cell(text: str) -> str:
    """Return text that no spreadsheet interprets as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
