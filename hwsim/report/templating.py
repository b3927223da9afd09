"""The environment of all HTML templates.

They escape every text that they are given, and show control characters instead of writing them.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from hwsim.escape import visible


@cache
def environment() -> Environment:
    """Return the environment that loads from `hwsim/report/templates`."""
    made = Environment(
        loader=PackageLoader("hwsim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return made
