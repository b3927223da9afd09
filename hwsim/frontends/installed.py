"""Front ends of other packages: each reads the files of one ending to operators.

A package names its front end as an entry point of the group `hwsim.frontends`, under the ending of
its files. hwsim's own front ends are no entry points, so that a checkout that nobody has installed
has them too; an entry point cannot take their place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hwsim.errors import InputError, shown
from hwsim.escape import brief, quoted
from hwsim.graph.kernels import Kernels
from hwsim.graph.operator_graph import OperatorGraph

GROUP = "hwsim.frontends"

Size = tuple[int, int]  # height and width in pixels


@dataclass(frozen=True)
class FrontEnd:
    """The way from a file to its operators.

    `read` is called with the path and with the size of the image, None for the file's own. It
    raises `hwsim.errors.InputError` for a file that it does not take. `kernels` is the runtime
    whose arithmetic quantized operators have; None where they have real numbers and no constants.
    """

    read: Callable[[str, Size | None], OperatorGraph]
    kernels: Kernels | None = None

    def operators(self, path: str, size: Size | None) -> OperatorGraph:
        """Return the operators of a file; raise `InputError` for anything else, a fault included.

        A fault of another package is told as one, and is none of hwsim's.
        """
        try:
            found = self.read(path, size)
        except (InputError, MemoryError):
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {brief(error)}"
            raise InputError(f"network {quoted(path)}: its front end fails: {reason}") from error
        if not isinstance(found, OperatorGraph):
            raise InputError(
                f"network {quoted(path)}: its front end returns {shown(found)}: must be an "
                "OperatorGraph"
            )
        return found


def installed_front_end(path: str) -> FrontEnd | None:
    """Return the front end that a package has for files with the ending of `path`, if any.

    Raises `InputError` for two of them, and for one that is none.
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    found = tuple(entry_points(group=GROUP, name=ending)) if ending else ()
    if not found:
        return None
    names = sorted({_package(each) for each in found})
    if len(names) > 1:
        raise InputError(
            f"network {quoted(path)}: packages {' and '.join(names)} read such files: uninstall "
            "one of them"
        )
    whose = f"front end {quoted(found[0].value)} of package {names[0]}"
    try:
        front_end = found[0].load()
    except Exception as error:
        reason = f"{type(error).__name__}: {brief(error)}"
        raise InputError(f"{whose} cannot be imported: {reason}") from error
    if not isinstance(front_end, FrontEnd):
        raise InputError(f"{whose} is {shown(front_end)}: must be a hwsim.frontends FrontEnd")
    return front_end


def _package(entry: EntryPoint) -> str:
    return "without a name" if entry.dist is None else brief(entry.dist.name)
