"""The contract of every input: what is asked, then the TOML beside the file, then the file."""

from collections.abc import Mapping, Sequence

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.flows.contract_file import ENDING
from hwsim.flows.network import Network
from hwsim.graph import Graph
from hwsim.graph.file_tensors import FileTensor
from hwsim.graph.input_contract import (
    COLOUR_CHANNELS,
    Colour,
    Framing,
    InputContract,
    Normalization,
    Resize,
    StatedContract,
    contract_of,
)
from hwsim.graph.stated_contract import stated_contract
from hwsim.graph.steps import FileNetwork

Contract = Mapping[str, object]  # the keys of `hwsim/graph/stated_contract.py`
OPTIONS = {
    "colour": "--colour ({colours})",
    "normalization": "--range LOW,HIGH, or --mean and --std",
    "framing": "--resize (stretch, crop, or letterbox with --fill)",
}
# Darknet stretches an image to real values from 0 to 1, and the built-in networks are of its kind.
OF_GRAPHS = StatedContract(
    "darknet", Colour.RGB, Normalization(range=(0, 1)), Framing(Resize.STRETCH)
)


def asked_contract(keys: object) -> StatedContract:
    """Return what a caller asks for; None asks for nothing."""
    if keys is None:
        return StatedContract("the call")
    if not isinstance(keys, Mapping):
        raise InputError(f"contract {shown(keys)}: must be a dict such as {{'colour': 'rgb'}}")
    return stated_contract("the call", keys)


def input_contract(network: Network, name: str, asked: StatedContract) -> InputContract:
    """Return the contract of an image at an input; raise `InputError` with what is missing."""
    return contract_or_refusal(name, _channels(network, name), (asked, *_stated(network, name)))


def contract_or_refusal(
    name: str, channels: int, stated: Sequence[StatedContract]
) -> InputContract:
    """Return what sources state of an input; raise `InputError` with what none of them does."""
    whose = f"input {quoted(name)}"
    try:
        found, missing = contract_of(channels, stated)
    except InputError as error:
        raise InputError(f"{whose}: {error}") from None
    if found is not None:
        return found
    colours = " or ".join(each for each in Colour if each.channels == channels)
    wanted = ", ".join(OPTIONS[part].format(colours=colours) for part in missing)
    raise InputError(
        f"{whose}: nobody says how an image becomes it: give {wanted}; or the same keys in "
        f"Python's contract=, or in a file FILE{ENDING} beside the network's FILE"
    )


def check_no_contract(asked: StatedContract, reason: str) -> None:
    """Raise `InputError` with the `reason` where something is asked of an image."""
    for part in ("colour", "normalization", "framing"):
        value = getattr(asked, part)
        if value is not None:
            raise InputError(f"{part} {value}: {reason}")


def check_graph_contract(asked: StatedContract) -> None:
    """Raise `InputError` where the pixels of a graph's image are to be other real values."""
    normalization = StatedContract(asked.source, normalization=asked.normalization)
    check_no_contract(normalization, "a graph's image has real values from 0 to 1")


def known_contracts(network: Network, asked: StatedContract) -> dict[str, InputContract]:
    """Return the contracts of those inputs that take images and of which all is known."""
    found: dict[str, InputContract] = {}
    for name in network.inputs if isinstance(network, FileNetwork) else _names(network):
        try:
            found[name] = input_contract(network, name, asked)
        except InputError:  # it takes arrays alone, or nobody has said what an image becomes
            continue
    return found


def _channels(network: Network, name: str) -> int:
    if isinstance(network, Graph):
        return next(each.shape.channels for each in network.inputs if each.name == name)
    return network.inputs[name].shape.channels


def _stated(network: Network, name: str) -> tuple[StatedContract, ...]:
    if isinstance(network, Graph):
        return (OF_GRAPHS,)
    tensor: FileTensor = network.inputs[name]
    return tensor.stated


def _names(graph: Graph) -> list[str]:
    return [each.name for each in graph.inputs if each.shape.channels == COLOUR_CHANNELS]
