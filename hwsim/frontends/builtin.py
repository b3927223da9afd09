"""The built-in networks as shapes: Tiny-YOLOv2 with three different heads, and Condensation-Net.

Sources: Tiny-YOLOv2 from darknet's `yolov2-tiny.cfg` and `yolov2-tiny-voc.cfg`; Condensation-Net
(arXiv 2104.14124) condenses the one-class face detector. Its paper's text leaves k and the set of
condensed stages open; here k applies to the eight batch-normalised convolutions.
"""

import difflib
from dataclasses import dataclass

from hwsim.errors import InputError, shown
from hwsim.escape import quoted
from hwsim.graph import CHANNEL_POOL_FACTORS, Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.graph.check import IMAGE_CHANNELS

STRIDE = 32  # input pixels per cell of the output grid
LARGEST_SIZE = 4096
LEAKY_SLOPE = 0.1

POOLS = (*(SpatialPool.STRIDE_2,) * 5, SpatialPool.STRIDE_1, SpatialPool.NONE, SpatialPool.NONE)
TINY_FILTERS = (16, 32, 64, 128, 256, 512, 1024)
MINI_FILTERS = (16, 16, 24, 32, 40, 48, 64)


@dataclass(frozen=True)
class NetworkSpec:
    """A built-in network: the stored channels of its eight condensable stages, and its head."""

    name: str
    channels: tuple[int, ...]
    head_filters: int
    default_k: int
    default_size: int
    summary: str


NETWORKS = {
    spec.name: spec
    for spec in (
        NetworkSpec("tiny-yolov2", (*TINY_FILTERS, 1024), 125, 1, 416, "VOC, 20 classes"),
        NetworkSpec("tiny-yolov2-coco", (*TINY_FILTERS, 512), 425, 1, 416, "COCO, 80 classes"),
        NetworkSpec("tiny-yolov2-face", (*TINY_FILTERS, 1024), 30, 1, 416, "faces, one class"),
        NetworkSpec(
            "condensation-net",
            (*TINY_FILTERS, 1024),
            30,
            2,
            416,
            "faces, k filters condensed into each stored channel",
        ),
        NetworkSpec(
            "tiny-yolov2-mini",
            (*MINI_FILTERS, 64),
            30,
            1,
            64,
            "same layers, few channels: for quick tests",
        ),
        NetworkSpec(
            "condensation-net-mini",
            (*MINI_FILTERS, 64),
            30,
            2,
            64,
            "same layers, few channels: for quick tests",
        ),
    )
}


def network_spec(name: str) -> NetworkSpec:
    """Return a built-in network by its name; raise `InputError` if there is none."""
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(
            f"no network {quoted(name)}: {hint}networks are {', '.join(NETWORKS)}; "
            "the path of a darknet file must end in .cfg, that of a saved graph in .safetensors "
            "or name a file that exists"
        )
    return NETWORKS[name]


def _check_size(width: int, height: int) -> None:
    """Raise `InputError` for a size of the image that no built-in network takes."""
    if not all(STRIDE <= side <= LARGEST_SIZE for side in (width, height)):
        raise InputError(
            f"size {width}x{height}: each side must have {STRIDE} to {LARGEST_SIZE} pixels "
            f"(one output cell covers {STRIDE})"
        )


def build_network(
    name: str,
    height: int | None = None,
    width: int | None = None,
    k: int | None = None,
    weight_bits: int = 8,
) -> Graph:
    """Return the graph of a built-in network, without constants.

    `k` is the number of filters condensed into each stored channel of the eight batch-normalised
    convolutions. Raises `InputError` for an unknown name, a size outside 32..4096 or an unknown k.
    """
    spec = network_spec(name)
    height = spec.default_size if height is None else height
    width = spec.default_size if width is None else width
    k = spec.default_k if k is None else k
    if type(k) is not int or k not in CHANNEL_POOL_FACTORS:
        raise InputError(
            f"k = {shown(k)}: must be one of {', '.join(map(str, CHANNEL_POOL_FACTORS))}"
        )
    _check_size(width, height)

    stages: list[Stage] = []
    tensor = Tensor("image", Shape(IMAGE_CHANNELS, height, width), is_image=True)
    for index, (channels, pool) in enumerate(zip(spec.channels, POOLS, strict=True), start=1):
        stages.append(
            Stage.inferred(
                f"conv{index}",
                [Source.whole(tensor, (3, 3), padding=1)],
                f"features{index}",
                channels * k,
                LEAKY_SLOPE,
                channel_pool=k,
                spatial_pool=pool,
                weight_bits=weight_bits,
            )
        )
        tensor = stages[-1].output
    stages.append(
        Stage.inferred(
            f"conv{len(stages) + 1}",
            [Source.whole(tensor, (1, 1))],
            "detections",
            spec.head_filters,
            weight_bits=weight_bits,
        )
    )
    return Graph.chain(name, stages)
