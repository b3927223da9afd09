"""Find the network that a user names, and its widths on an accelerator."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from hwsim.arch.config import Config
from hwsim.errors import InputError, UnsupportedError, shown
from hwsim.escape import quoted
from hwsim.files import file_refusal, path_text
from hwsim.flows.configuration import ConfigSource, configuration
from hwsim.flows.contract_file import with_stated_file
from hwsim.flows.progress import Progress, check_progress, silent, single_step
from hwsim.frontends.builtin import NETWORKS, build_network
from hwsim.frontends.installed import FrontEnd, installed_front_end
from hwsim.graph import Graph
from hwsim.graph.kernels import TFLITE_KERNELS, Kernels
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.graph.program_graphs import ProgramGraphs
from hwsim.graph.steps import FileNetwork
from hwsim.passes.weight_width import with_weight_bits
from hwsim.report.records import Records

File = str | PathLike[str]
Network = Graph | FileNetwork
NetworkSource = File | Network
Size = int | str | tuple[int, int]  # a square's side, a text like "320x256", or width and height
DARKNET_SUFFIX = ".cfg"  # in capitals or not, as the others
GRAPH_SUFFIX = ".safetensors"
TFLITE_SUFFIX = ".tflite"
ONNX_SUFFIX = ".onnx"
SUFFIXES = (DARKNET_SUFFIX, GRAPH_SUFFIX, TFLITE_SUFFIX, ONNX_SUFFIX)
SIZE = re.compile(r"([0-9]{1,6})(?:x([0-9]{1,6}))?")


@dataclass(frozen=True)
class BuiltInNetwork:
    """A network that is built in, so that it needs no file."""

    name: str
    default_size_pixels: int
    default_k: int
    macs: int
    summary: str


def networks() -> Records[BuiltInNetwork]:
    """Return the built-in networks, each with its own size and k."""
    rows = (
        BuiltInNetwork(
            spec.name,
            spec.default_size,
            spec.default_k,
            build_network(spec.name).macs,
            spec.summary,
        )
        for spec in NETWORKS.values()
    )
    return Records(BuiltInNetwork, rows)


def load(
    source: File,
    *,
    size: Size | None = None,
    k: int | None = None,
    kernels: str | None = None,
    fast_rescale: bool = False,
    images: File | None = None,
    contract: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> Network:
    """Return a built-in network or that of a file: its graph, or the steps of a quantized one.

    `source` names a built-in network, which has shapes and no constants; `networks()` lists them.
    Otherwise it is the path of a file: darknet's if it ends in .cfg, a quantized network's if in
    .tflite or .onnx, else one that `save_graph` wrote, which ends in .safetensors or exists.

    `size` is that of the image in pixels: one number for a square, width and height, or either as
    text: 416, (320, 256), "320x256". `k` is the number of filters that are condensed into each
    stored channel, which only built-in networks have. Both are the network's own unless they are
    given; saved graphs and .tflite files take neither, an .onnx takes a size. `kernels` is the
    runtime with whose arithmetic a .tflite is computed: "litert", the default, or "tflm".
    `fast_rescale` rounds the factors of a .tflite's rescales to 16 bits, which take half of the
    cycles; outputs may then differ from the runtime's. A float .onnx is quantized on the way:
    on the photographs in the folder `images`, which become what `contract` says, or else on random
    data; the user's cache keeps the result. Raises `InputError` for what the network does not take.
    """
    check_progress(progress)
    if kernels is not None and not is_tflite(source):
        raise InputError(f"kernels {shown(kernels)}: only a .tflite takes them")
    check_fast_rescale(fast_rescale, source)
    check_images(images, contract, source)
    width, height = (None, None) if size is None else width_and_height(size)
    path = graph_path(source)
    if path is None:
        name = str(source) if isinstance(source, str | PathLike) else shown(source)
        return build_network(name, height, width, k)
    if (front_end := _front_end(path)) is not None:
        if k is not None:
            raise InputError(f"k {shown(k)}: only built-in networks take one")
        with single_step(progress, reading(path)):
            return _taken(front_end, path, height, width)
    is_darknet, is_onnx = (path.lower().endswith(each) for each in (DARKNET_SUFFIX, ONNX_SUFFIX))
    for option, value in (("k", k),) if is_darknet or is_onnx else (("size", size), ("k", k)):
        if value is not None:
            kinds = "built-in networks" if option == "k" else "built-in networks, .cfg and .onnx"
            raise InputError(
                f"{option} {shown(value)}: only {kinds} take one; {quoted(path)} has its own"
            )
    if is_onnx:
        operators = load_onnx(path, height, width, images, contract, progress)
        return with_stated_file(_in_steps(operators, Kernels.ONNXRUNTIME, path), path)
    with single_step(progress, reading(path)):
        if is_tflite(path):
            chosen = Kernels.LITERT if kernels is None else kernels
            exact = _in_steps(load_operators(path, chosen), Kernels(chosen), path)
            exact = with_stated_file(exact, path)
            return faster(exact) if fast_rescale else exact
        if is_darknet:
            return _lowered(path, height, width)
        from hwsim.graph.file import is_graph_file, load_graph  # built-in networks do not pay

        if not path.lower().endswith(GRAPH_SUFFIX) and not is_graph_file(path):
            raise InputError(
                f"network {quoted(path)}: neither its name nor its content is that of a network: "
                "files are a quantized .tflite or .onnx, darknet's .cfg, or a .safetensors that "
                "hwsim saved"
            )
        return load_graph(path)


def check_images(images: object, contract: object, source: object) -> None:
    """Raise `InputError` for photographs to quantize on where nothing is quantized on the way."""
    if images is not None and not is_onnx(source):
        raise InputError(f"images {quoted(images)}: only a float .onnx is quantized on the way")
    if contract is not None and images is None:
        raise InputError("contract: it says what the photographs of images become: none are given")


def _front_end(path: str) -> FrontEnd | None:
    """Return another package's front end for a file that none of hwsim's own reads."""
    return None if path.lower().endswith(SUFFIXES) else installed_front_end(path)


def _taken(front_end: FrontEnd, path: str, height: int | None, width: int | None) -> Network:
    """Return a network that another package's front end has read; a refusal names the file."""
    size = None if height is None or width is None else (height, width)
    operators = front_end.operators(path, size)
    if front_end.kernels is None:
        return _staged(operators, path)
    return with_stated_file(_in_steps(operators, front_end.kernels, path), path)


def check_fast_rescale(fast_rescale: object, source: object) -> None:
    """Raise `InputError` where a fast rescale is wanted of what has no factors of 31 bits."""
    if not isinstance(fast_rescale, bool):
        raise InputError(f"fast_rescale {shown(fast_rescale)}: must be True or False")
    if fast_rescale and not is_tflite(source):
        raise InputError("fast rescale: only a .tflite that is read from its file takes it")


def faster(network: FileNetwork) -> FileNetwork:
    """Return a `.tflite` with factors of 16 bits."""
    from hwsim.passes.fast_rescale import with_fast_rescale  # built-in networks do not pay for it

    return with_fast_rescale(network)


def reading(path: File) -> str:
    """Return what a file's progress is called."""
    return f"reading {Path(path).name}"


def _lowered(path: str, height: int | None, width: int | None) -> Graph:
    """Return the stages of a darknet file; a refusal names the file."""
    from hwsim.frontends.darknet_cfg import read_network  # built-in networks do not pay for it

    return _staged(read_network(path, height, width), path)


def _staged(operators: OperatorGraph, path: str) -> Graph:
    """Return the stages of operators of real values; a refusal names the file."""
    from hwsim.passes.lower import lower  # built-in networks do not pay for it

    try:
        return lower(operators).graph
    except InputError as error:
        raise file_refusal(path, operators.name, error) from None


def _in_steps(operators: OperatorGraph, kernels: Kernels, path: str) -> FileNetwork:
    """Return a quantized file in steps of host and accelerator; a refusal names the file."""
    from hwsim.passes.steps import in_steps  # built-in networks do not pay for it

    try:
        return in_steps(operators, kernels, tables_of(operators, kernels))
    except UnsupportedError:
        raise
    except InputError as error:
        raise file_refusal(path, operators.name, error) from None


def tables_of(operators: OperatorGraph, kernels: Kernels) -> dict[str, tuple[int, ...]]:
    """Return a file's functions of one value, by operator, filled by the operators' own code.

    That is the source interpreter's; the model has none of its own.
    """
    if kernels is Kernels.ONNXRUNTIME:
        from hwsim.golden.onnx.tables import function_tables as tables_of_onnx

        return tables_of_onnx(operators)
    from hwsim.golden.tflite.tables import function_tables

    return function_tables(operators, kernels)


def graph_path(source: object) -> str | None:
    """Return the path of a network's file; None for a name that is, or should be, built in."""
    if not isinstance(source, str | PathLike):
        return None
    name = str(source)
    if name == "" or name in NETWORKS:
        return None
    try:
        is_path = name.lower().endswith(SUFFIXES) or Path(name).exists()
    except (OSError, ValueError):  # no file can have this name, or none may look
        is_path = False
    return name if is_path else None


def is_tflite(source: object) -> bool:
    """Return True for the path of a `.tflite`."""
    path = graph_path(source)
    return path is not None and path.lower().endswith(TFLITE_SUFFIX)


def is_onnx(source: object) -> bool:
    """Return True for the path of an `.onnx`."""
    path = graph_path(source)
    return path is not None and path.lower().endswith(ONNX_SUFFIX)


def load_onnx(
    source: File,
    height: int | None,
    width: int | None,
    images: File | None = None,
    contract: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> OperatorGraph:
    """Return the operators of an `.onnx`, quantized on the way where it has real numbers alone.

    Height and width are those of its images where they are not its own; `images` and `contract`
    are as for `load`.
    """
    from hwsim.frontends.onnx import FloatNetworkError, read_network

    path = path_text("network", source)
    size = None if height is None or width is None else (height, width)
    try:
        with single_step(progress, reading(path)):
            found = read_network(path, size)
    except FloatNetworkError:
        from hwsim.flows.float_files import quantized_operators

        folder = optional_path("images", images)
        return quantized_operators(path, height, width, folder, contract, progress)
    if images is not None:
        raise InputError(f"images {quoted(images)}: network {quoted(path)} is quantized already")
    return found


def load_operators(source: File, kernels: object) -> OperatorGraph:
    """Return the operators of a `.tflite`, as the reference kernels of one runtime take them."""
    from hwsim.frontends.tflite import read_network as read_tflite  # its schema is large

    if kernels not in TFLITE_KERNELS:
        names = " or ".join(TFLITE_KERNELS)
        raise InputError(f"kernels {shown(kernels)}: must be {names}")
    return read_tflite(path_text("network", source), Kernels(str(kernels)))


def width_and_height(size: Size) -> tuple[int, int]:
    """Return the width and the height that a size in pixels names, or raise `InputError`."""
    text = (
        "x".join(map(shown, size))
        if isinstance(size, tuple)
        else size
        if isinstance(size, str)
        else shown(size)
    )
    match = SIZE.fullmatch(text)
    if match is None:
        raise InputError(f"size {shown(size)} is no size in pixels such as 416 or 320x256")
    width, height = int(match[1]), int(match[2] or match[1])
    return width, height


def optional_path(kind: str, file: File | None) -> str | None:
    """Return the path of an optional file as text."""
    return None if file is None else path_text(kind, file)


def loaded(network: NetworkSource, progress: Progress = silent) -> Network:
    """Return the network that an argument names or is."""
    if isinstance(network, Graph | FileNetwork):
        return network
    return load(network, progress=progress)


def placed(network: NetworkSource, config: ConfigSource) -> tuple[Graph, Config]:
    """Return the graph of all that the accelerator computes and the config that two arguments name.

    A graph without constants takes the config's width of weights.
    """
    chosen, found = configuration(config), loaded(network)
    graph = found.graph if isinstance(found, FileNetwork) else found
    return with_weight_bits(graph, chosen.widths.weight_bits), chosen


def program_graphs(network: Network, graph: Graph) -> ProgramGraphs:
    """Return the graphs of a network's programs, where `graph` has the stages of all."""
    if isinstance(network, FileNetwork):
        return ProgramGraphs.of_steps(network)
    return ProgramGraphs.of(graph)
