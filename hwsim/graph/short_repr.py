"""The one line that stands for a whole network where Python shows one, as a notebook does."""

from collections.abc import Mapping

from hwsim.escape import quoted

MOST_ENDS = 4  # inputs, or outputs, that are named


def short_repr(
    network: object, name: str, inputs: Mapping[str, str], outputs: Mapping[str, str], content: str
) -> str:
    """Return a network's type, name, inputs, outputs and `content`, without any constants.

    `inputs` and `outputs` have the shape of each as text, by its name.
    """
    return (
        f"<{type(network).__name__} {quoted(name)}: {_ends('input', inputs)}; "
        f"{_ends('output', outputs)}; {content}>"
    )


def _ends(word: str, ends: Mapping[str, str]) -> str:
    named = [f"{quoted(name)} {shape}" for name, shape in list(ends.items())[:MOST_ENDS]]
    more = f" and {len(ends) - MOST_ENDS} more" if len(ends) > MOST_ENDS else ""
    return f"{word if len(ends) == 1 else word + 's'} {', '.join(named)}{more}"
