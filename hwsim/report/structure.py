"""The document of `hwsim show`: a network's operators, and the stages that they become."""

from dataclasses import dataclass
from typing import Literal

from hwsim.report.file_figures import FileFigures, KernelsName, TypeName
from hwsim.report.layers import Operator

SCHEMA_VERSION = "1.4"  # the second number grows when fields are added

FateName = Literal["stage", "fused", "address", "host", "unread", "undecided"]


@dataclass(frozen=True)
class OperatorFigures:
    """One operator of the network's file."""

    name: str
    """Its name, which a file of darknet's or TFLite's gives by kind and number."""
    kind: str
    """Convolution, max pool, concat, slice, upsample, region, yolo, or one of TFLite's others."""
    place: str
    """Its place in the file."""
    inputs: tuple[str, ...]
    """The tensors that it reads: the image, or outputs of operators."""
    output: str
    """The tensor that it leaves."""
    output_channels: int
    """Channels of that tensor."""
    output_height_pixels: int
    """Its height."""
    output_width_pixels: int
    """Its width."""
    output_in_file: str | None
    """The name that a quantized file gives that tensor; null in a file of real values."""
    output_type: TypeName | None
    """The type of its elements in a quantized file; null in a file of real values."""
    output_scale: float | None
    """The real value of a step in a quantized file, which has the next one too."""
    output_zero_point: int | None
    """The integer in the file that stands for 0."""
    weight_scales: int
    """The number of scales of its weights in a quantized file: 1, or one for each filter."""
    macs: int
    """Useful multiply-accumulates."""
    fate: FateName
    """`stage`: it has stages of its own. `fused`: stages of other operators compute it. `address`:
    nothing computes it, its readers find the values where they are stored. `host`: the host must
    compute it. `unread`: it is left out, as no output depends on it. `undecided`: some operators
    of the network have no exact stages, so that none are made."""
    own_stages: tuple[str, ...]
    """The stages that were made for it."""
    fused_into: tuple[str, ...]
    """The stages of other operators that compute it or a part of it."""


@dataclass(frozen=True)
class SourceFigures:
    """One input of a stage."""

    tensor: str
    """The stored tensor that is read."""
    first_channel: int
    """The first of its channels that is read."""
    channels: int
    """The number of channels that are read."""
    upsample: int
    """How often each pixel stands in each direction."""
    kernel_rows: int
    """Rows of the kernel."""
    kernel_columns: int
    """Columns of the kernel."""
    stride_rows: int
    """Rows from one output to the next."""
    stride_columns: int
    """Columns from one output to the next."""
    dilation_rows: int
    """Rows from tap to tap."""
    dilation_columns: int
    """Columns from tap to tap."""
    is_slice: bool
    """True if the tensor has more channels."""


@dataclass(frozen=True)
class StageFigures:
    """One stage, which the accelerator computes in one go."""

    name: str
    """Its name, under which `hwsim estimate` prices it."""
    program: str
    """Name of the program that computes it, a step of `file`; `program` if there is one."""
    sources: tuple[SourceFigures, ...]
    """Its inputs, whose convolutions are added."""
    filters: int
    """Output channels of the convolutions."""
    operators: tuple[Operator, ...]
    """Everything that is computed in one go, as in `hwsim estimate --json`."""
    output: str
    """The tensor that it stores."""
    output_channels: int
    """Channels of that tensor."""
    output_height_pixels: int
    """Its height."""
    output_width_pixels: int
    """Its width."""
    macs: int
    """Useful multiply-accumulates; none where stored values are only pooled or copied."""


@dataclass(frozen=True)
class ProvedSum:
    """A sum of two tensors that was proved to be the file's for all pairs of their values.

    It is (first weight x first value + second weight x second value + bias) x multiplier / 2^shift,
    of values less their zero points.
    """

    stage: str
    """The stage that computes it."""
    first_weight: int
    """The factor of the first tensor's values."""
    second_weight: int
    """That of the second's."""
    multiplier: int
    """The factor of the sum."""
    shift: int
    """The places by which the product is shifted."""
    roundings: Literal[1, 2]
    """Times that the scaled sum is rounded."""
    pairs: int
    """The pairs of values that were tried: all there are."""


@dataclass(frozen=True)
class InputFigures:
    """A tensor that the host writes before the network runs."""

    name: str
    """Its name, under which `--input` gives it an array."""
    input_channels: int
    """Its channels."""
    input_height_pixels: int
    """Its height."""
    input_width_pixels: int
    """Its width."""


@dataclass(frozen=True)
class Structure:
    """The document that describes a network."""

    schema_version: str
    """Version of this document's shape: major.minor."""
    hwsim_version: str
    """Version of the program that wrote it."""
    command: Literal["show"]
    """The subcommand."""
    name: str
    """Name of a built-in network, or of a file without its ending."""
    inputs: tuple[InputFigures, ...]
    """The tensors that the host writes, in the network's order."""
    kernels: KernelsName | None
    """The runtime whose arithmetic a quantized file is taken with; null for other networks."""
    file: FileFigures | None
    """The steps, inputs and outputs of a quantized file with their bytes; null for other networks,
    and for a file of which no stages can be made."""
    macs: int
    """Useful multiply-accumulates of one frame."""
    outputs: tuple[str, ...]
    """The stored tensors that the accelerator leaves to the host."""
    operators: tuple[OperatorFigures, ...]
    """The operators in the file's order; empty for a built-in network, which has stages only."""
    stages: tuple[StageFigures, ...]
    """The stages in the order in which they are computed."""
    proved_sums: tuple[ProvedSum, ...]
    """The sums of a quantized file, each with what was proved."""
    refusals: tuple[str, ...]
    """Why stages cannot be made of a quantized file, if they cannot: a line for each operator."""
