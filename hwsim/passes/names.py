"""Names for what a pass adds."""

from hwsim.graph.rules import LONGEST_NAME


def derived_name(name: str, what: str, taken: set[str]) -> str:
    """Return a legal name made of `name` and `what` that is not `taken`, and add it there."""
    half = LONGEST_NAME // 2
    found = f"{name[:half]} {what[:half]}"
    while found in taken:
        found += "'"
    taken.add(found)
    return found
