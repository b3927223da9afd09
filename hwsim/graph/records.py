"""A graph without its constants as the JSON of its file, in the formats that can be read.

A record is checked by its types alone; what it says becomes a `Graph`, which has the rules.
"""

import json
from dataclasses import fields
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from hwsim.arch.refusal import first_line
from hwsim.errors import InputError, shown
from hwsim.fixed_point import Rounding
from hwsim.graph.sources import Padding, Source
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.stages import Graph, Stage
from hwsim.graph.tensors import Tensor

FORMAT_NUMBER = 2  # grows with every change of what a file holds


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, from_attributes=True)


class NumberAlone(BaseModel):
    """The part of the entry that can be read in every format: its number."""

    format_number: int


USUAL_POOLS = (SpatialPool.NONE, SpatialPool.STRIDE_2, SpatialPool.STRIDE_1)


class PoolRecord(Record):
    """A spatial pool, field by field."""

    window: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding


def _read_pool(written: Any) -> Any:
    """Return a pool, which a file has as a number or, since there are others, field by field."""
    if isinstance(written, SpatialPool):
        return written
    if isinstance(written, dict):
        return SpatialPool(**dict(PoolRecord.model_validate_json(json.dumps(written))))
    if type(written) is not int or not 0 <= written < len(USUAL_POOLS):
        raise ValueError("must be 0, 1, 2 or an object of window, stride and padding")
    return USUAL_POOLS[written]


def _written_pool(pool: SpatialPool) -> int | PoolRecord:
    return USUAL_POOLS.index(pool) if pool in USUAL_POOLS else PoolRecord.model_validate(pool)


PoolField = Annotated[SpatialPool, BeforeValidator(_read_pool), PlainSerializer(_written_pool)]


class SourceRecord(Record):
    """A source, field by field, with the name of its tensor."""

    tensor: str
    first_channel: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    upsample: int
    groups: int


class StageRecord(Record):
    """A stage without constants, field by field.

    A field with a default is written only where it has another value, so that files from before
    there was such a field are read and written alike.
    """

    name: str
    sources: list[SourceRecord]
    output: Tensor
    filters: int
    leaky_slope: float | None
    channel_pool: int
    spatial_pool: PoolField
    weight_bits: int
    is_reduction: bool
    rounding: Rounding = Rounding.ONCE
    weight_limbs: int = 1
    offset: int | None = None
    clamp: tuple[int, int] | None = None
    table: tuple[int, ...] | None = None

    @model_serializer(mode="wrap")
    def _without_defaults(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = written(self)
        kinds = type(self).model_fields
        return {
            name: value
            for name, value in found.items()
            if kinds[name].is_required() or getattr(self, name) != kinds[name].default
        }


class GraphRecord(Record):
    """A graph of format 2: every tensor stands where it is stored, and is read by its name."""

    format_number: int
    name: str
    inputs: list[Tensor]
    stages: list[StageRecord]
    outputs: list[str]

    @classmethod
    def of(cls, graph: Graph) -> Self:
        stages = [
            StageRecord(
                **_fields(stage, "constants", "sources"),
                sources=[
                    SourceRecord(**_fields(source, "tensor"), tensor=source.tensor.name)
                    for source in stage.sources
                ],
            )
            for stage in graph.stages
        ]
        return cls(
            format_number=FORMAT_NUMBER,
            name=graph.name,
            inputs=list(graph.inputs),
            stages=stages,
            outputs=[tensor.name for tensor in graph.outputs],
        )

    def graph(self) -> Graph:
        """Return the graph, whose names must be those of tensors; its other rules are its own."""
        known = {tensor.name: tensor for tensor in self.inputs}
        known |= {stage.output.name: stage.output for stage in self.stages}

        def named(whose: str, name: str) -> Tensor:
            if name not in known:
                raise InputError(f"{whose} tensor {shown(name)}: no input and no output of a layer")
            return known[name]

        stages = [
            Stage(
                **dict(stage)
                | {
                    "sources": tuple(
                        Source(**dict(source) | {"tensor": named("a layer reads", source.tensor)})
                        for source in stage.sources
                    )
                }
            )
            for stage in self.stages
        ]
        outputs = tuple(named("the outputs have", name) for name in self.outputs)
        return Graph(self.name, tuple(self.inputs), tuple(stages), outputs)


class LayerRecord(Record):
    """A layer of format 1: it reads one tensor, all of it, with stride 1."""

    name: str
    filters: int
    kernel: tuple[int, int]
    padding: int
    leaky_slope: float | None
    channel_pool: int
    spatial_pool: PoolField
    groups: int
    weight_bits: int
    is_reduction: bool


class ChainRecord(Record):
    """A graph of format 1: layer i reads tensor i and writes tensor i + 1."""

    format_number: int
    name: str
    tensors: list[Tensor]
    layers: list[LayerRecord]

    def graph(self) -> Graph:
        if len(self.tensors) != len(self.layers) + 1:
            counts = f"{len(self.tensors)} tensors for {len(self.layers)} layers"
            raise InputError(f"{counts}: must be one more")
        stages: list[Stage] = []
        for layer, stored, output in zip(
            self.layers, self.tensors[:-1], self.tensors[1:], strict=True
        ):
            given = dict(layer)
            kernel, padding, groups = (given.pop(name) for name in ("kernel", "padding", "groups"))
            source = Source.whole(stored, kernel, padding, groups=groups)
            stages.append(Stage(sources=(source,), output=output, **given))
        return Graph.chain(self.name, stages)


FORMATS: dict[int, type[ChainRecord | GraphRecord]] = {1: ChainRecord, FORMAT_NUMBER: GraphRecord}


def canonical_json(graph: Graph) -> str:
    """Return all of a graph but its constants as JSON: the same text for the same graph."""
    return GraphRecord.of(graph).model_dump_json()


def read_json(text: str) -> tuple[Graph, int]:
    """Return the graph that a text describes, without its constants, and the text's format.

    Raises `InputError` for a text of no known format, and for a graph that breaks a rule.
    """
    try:
        number = NumberAlone.model_validate_json(text).format_number
        if number not in FORMATS:
            newer = " was written by a newer version" if number > FORMAT_NUMBER else " is unknown"
            raise InputError(f"format number {number}{newer}: this one reads 1 to {FORMAT_NUMBER}")
        return FORMATS[number].model_validate_json(text).graph(), number
    except ValidationError as error:
        raise InputError(f"hwsim-graph: {first_line(error)}") from None


def _fields(value: Source | Stage, *without: str) -> dict[str, Any]:
    names = [field.name for field in fields(value) if field.name not in without]
    return {name: getattr(value, name) for name in names}
