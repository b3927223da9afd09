"""The compiler refuses a layer in one line, with its name and the least value that works."""

import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.arch.config import Config, load_config
from hwsim.compiler import (
    compile_graph,
    limits,
    plan_graph,
    plan_of_any_size,
    residency,
    write_program,
)
from hwsim.compiler.count import least_computes
from hwsim.compiler.pack import folded_bias
from hwsim.cost.comparison import compare
from hwsim.errors import InputError
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph, Shape, Source, SpatialPool, Stage, Tensor
from hwsim.isa.descriptor import Compute, Store
from hwsim.passes.baselines import materialized
from tests.drawn import (
    branching_graphs,
    configs,
    preset_with,
    shapes_of_graphs,
    with_drawn_constants,
)
from tests.test_machine import compiled

drawing = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def refusal(graph: Graph, config: Config) -> str:
    """Return the compiler's refusal, or an empty text."""
    try:
        compile_graph(graph, config)
    except InputError as error:
        return str(error)
    return ""


def least_that_works(graph: Graph, with_bytes: Callable[[int], Config], little: int) -> None:
    """Check that the least value of the message suffices, and that one word less is refused."""
    with pytest.raises(InputError, match=r"holds no tile; the least that works is \d+") as refused:
        compile_graph(graph, with_bytes(little))
    message = str(refused.value)
    least = int(message.rsplit(" ", 1)[1])
    stage = re.match(r"layer (\w+):", message)
    assert stage
    assert f"layer {stage[1]}:" not in refusal(graph, with_bytes(least))
    with pytest.raises(InputError, match=f"layer {stage[1]}: .* the least that works is {least}$"):
        compile_graph(graph, with_bytes(least - with_bytes(least).word_bytes))


@pytest.mark.parametrize("network", ["tiny-yolov2", "condensation-net-mini"])
@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
def test_a_feature_buffer_too_small_names_the_least_that_works(network: str, preset: str) -> None:
    least_that_works(
        build_network(network),
        lambda size: preset_with(preset, buffers={"feature_bytes": size}),
        2 * load_config(preset).word_bytes,
    )


@drawing
@given(st.data())
def test_the_least_feature_buffer_is_the_least(data: st.DataObject) -> None:
    graph, config = data.draw(shapes_of_graphs(max_layers=1)), data.draw(configs(8))
    compiled(graph, config)

    def with_bytes(size: int) -> Config:
        buffers = config.buffers.model_copy(update={"feature_bytes": size})
        return Config.model_validate(config.model_dump() | {"buffers": buffers.model_dump()})

    stage = graph.stages[0]
    source = stage.sources[0]
    if source.kernel == (1, 1) and stage.spatial_pool == SpatialPool.NONE and source.channels <= 4:
        return  # one word is a tile
    smallest = 2 * config.word_bytes
    if refusal(graph, with_bytes(smallest)):
        least_that_works(graph, with_bytes, smallest)


def test_too_few_accumulators_name_the_least_that_works() -> None:
    config = preset_with("edge", buffers={"accumulator_depth": 2})
    with pytest.raises(InputError, match=r"layer conv1: buffers.accumulator_depth = 2 .* is 4$"):
        compile_graph(build_network("tiny-yolov2"), config)


@pytest.mark.parametrize(
    ("network", "sections", "message"),
    [
        ("condensation-net", {"channel_pool": False}, "k = 2 needs channel_pool = true"),
        ("tiny-yolov2", {"widths": {"weight_bits": 4}}, "weights have 8 bits"),
    ],
)
def test_a_build_that_cannot_run_a_layer_says_so(
    network: str, sections: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=f"layer conv1: {message}"):
        compile_graph(build_network(network), preset_with("edge", **sections))


def test_an_accumulator_that_could_overflow_is_refused_by_name() -> None:
    graph = with_drawn_constants(build_network("tiny-yolov2-mini"), seed=0)
    constants = graph.stages[3].constants
    assert constants is not None
    constants.bias[0] = 2**31 - 1
    with pytest.raises(InputError, match=r"layer conv4: an accumulator could reach \d+"):
        compile_graph(graph, load_config("edge"))


def test_the_overflow_bound_is_exact() -> None:
    """The bound fan-in x 128 x max|w| + |folded bias| may be 2**31 - 1 and not one more."""
    graph = with_drawn_constants(build_network("tiny-yolov2-mini"), seed=0)
    stage = graph.stages[8]
    constants = stage.constants
    assert constants is not None
    (weights,) = constants.weights
    weights[:] = 0
    weights[0, 0] = 1  # one tap: the folded bias is bias - zero point
    most = 2**31 - 1 - weights[0].size * 128
    constants.bias[:] = 0
    constants.bias[0] = most + stage.sources[0].tensor.zero_point
    assert folded_bias(stage, constants)[0] == most
    constants.bias[0] += 1
    with pytest.raises(InputError, match=f"an accumulator could reach {2**31},"):
        folded_bias(stage, constants)


@pytest.mark.parametrize("weight", [-9, 8])
def test_a_weight_wider_than_the_build_is_named(weight: int) -> None:
    graph = with_drawn_constants(build_network("tiny-yolov2-mini", weight_bits=4), seed=0)
    constants = graph.stages[2].constants
    assert constants is not None
    constants.weights[0][0, 0, 0, 0] = weight
    with pytest.raises(InputError, match=f"layer conv3: weight {weight} is outside -8..7"):
        compile_graph(graph, preset_with("edge", widths={"weight_bits": 4}))


@pytest.mark.parametrize("name", ["multiplier", "negative_multiplier"])
def test_only_a_factor_wider_than_the_multipliers_takes_two_cycles(name: str) -> None:
    graph = with_drawn_constants(build_network("tiny-yolov2-mini"), seed=0)
    constants = graph.stages[4].constants
    assert constants is not None
    factors = getattr(constants, name)
    for bits, factor, wide in ((16, 2**16 - 1, 0), (16, 2**16, 1), (32, 2**31 - 1, 0)):
        factors[1] = factor
        program = compile_graph(graph, preset_with("edge", widths={"multiplier_bits": bits}))
        for number, part in enumerate(program.stages):
            own = program.descriptors[part.first_descriptor : part.last_descriptor]
            fields = {each.wide_factors for each in own if isinstance(each, Compute)}
            assert fields == {wide if number == 4 else 0}


def test_weights_that_no_load_can_read_name_the_layer() -> None:
    """The refusal names the layer if its weights need more words than a LOAD's 24 bits count."""
    array = {"input_lanes": 8, "output_lanes": 128, "rescale_lanes": 8}
    buffers = {"feature_bytes": 8 * 4095, "staging_bytes": 4 * 128}
    config = preset_with("nano", array=array, buffers=buffers)

    def deep(side: int) -> Graph:
        tensor = Tensor("input", Shape(8 * 4095, 1, 1))
        source = Source.whole(tensor, (side, side), padding=side // 2)
        return Graph.chain("g", [Stage.inferred("deep", [source], "output", 128)])

    schedule = compile_graph(deep(5), config).stages[0].schedule
    assert schedule.weight_read_words == 4095 * 25 * 128 + 256
    said = r"layer deep: the weights of 1 output blocks are 25684096 words, a LOAD reads 16777215$"
    with pytest.raises(InputError, match=said):
        compile_graph(deep(7), config)


def test_a_field_that_does_not_fit_names_the_layer() -> None:
    program = compile_graph(build_network("tiny-yolov2-mini"), load_config("edge"))
    first = program.stages[3].first_descriptor
    descriptors = tuple(
        item._replace(rows=1 << 16) if index > first and isinstance(item, Store) else item
        for index, item in enumerate(program.descriptors)
    )
    spoilt = replace(program, descriptors=descriptors)
    said = r"^layer conv4: STORE descriptor: rows = 65536 is outside 0\.\.65535$"
    with pytest.raises(InputError, match=said):
        assert spoilt.code_bytes


def test_a_program_too_large_to_be_written_is_refused_before_any_of_it_is() -> None:
    """Tiny tiles of a large image, some 40 million descriptors of 16 GB, are refused early."""
    graph = build_network("tiny-yolov2", 4096, 4096)
    config = preset_with("nano", buffers={"accumulator_depth": 4})
    said = r"descriptors on config 'nano': at most 4194304 can be compiled$"
    with pytest.raises(InputError, match=rf"^tiny-yolov2 needs at least \d{{8}} {said}"):
        plan_graph(graph, config)
    plan = plan_of_any_size(graph, config)
    tracemalloc.start()
    with pytest.raises(InputError, match=rf"^tiny-yolov2 needs \d{{8}} {said}"):
        write_program(plan)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_the_bound_of_descriptors_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, config = build_network("tiny-yolov2-mini"), load_config("edge")
    count = len(compile_graph(graph, config).descriptors)
    monkeypatch.setattr(limits, "MOST_DESCRIPTORS", count)
    assert plan_graph(graph, config).descriptor_count == count
    monkeypatch.setattr(limits, "MOST_DESCRIPTORS", count - 1)
    with pytest.raises(InputError, match=f"needs {count} descriptors"):
        plan_graph(graph, config)


def giant(height: int, width: int, parts: int = 1) -> Graph:
    """Return a layer that adds convolutions of many large maps."""
    maps = [Tensor(f"map{part}", Shape(64, height, width)) for part in range(parts)]
    sources = [Source.whole(tensor, (3, 3), padding=1) for tensor in maps]
    stage = Stage.inferred("sum", sources, "out", 64)
    return Graph("giant", tuple(maps), (stage,), (stage.output,))


@pytest.mark.parametrize(
    ("graph", "depth", "reason"),
    [
        (giant(100, 32767, 64), 512, "13631072000 bytes of memory: addresses end at 4294967296"),
        (giant(4000, 4000, 2), 32, "8000000 descriptors on config 'nano': at most 4194304 can"),
    ],
)
def test_what_no_schedule_makes_small_enough_is_refused_before_one_is_sought(
    graph: Graph, depth: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError("it is refused without a schedule")

    monkeypatch.setattr(residency, "schedule_stage", never)
    with pytest.raises(InputError, match=rf"^giant needs at least {reason}"):
        plan_graph(graph, preset_with("nano", buffers={"accumulator_depth": depth}))


@drawing
@given(st.data())
def test_no_program_has_fewer_computes_than_the_least(data: st.DataObject) -> None:
    drawn = data.draw(shapes_of_graphs() | branching_graphs(weight_bits=8))
    program = compiled(drawn, data.draw(configs(8)))
    computes = sum(isinstance(each, Compute) for each in program.descriptors)
    least = [least_computes(stage, program.config) for stage in program.graph.stages]
    assert len(least) <= sum(least) <= computes


def test_the_least_computes_leave_out_what_no_window_reads() -> None:
    """The pool reads 2x2 of 3x3 pixels, which are one tile."""
    pool = SpatialPool((2, 2), (2, 2))
    source = Source.whole(Tensor("input", Shape(8, 3, 3)), (1, 1))
    graph = Graph.chain("one", [Stage.inferred("pooled", [source], "output", 8, spatial_pool=pool)])
    program = compile_graph(graph, preset_with("nano", buffers={"accumulator_depth": 4}))
    computes = sum(isinstance(each, Compute) for each in program.descriptors)
    assert least_computes(graph.stages[0], program.config) == computes == 1


def test_a_network_that_memory_does_not_hold_is_refused() -> None:
    graph = build_network("condensation-net", 4096, 4096, 8)
    config = preset_with("nano", buffers={"accumulator_depth": 4})
    said = r"condensation-net needs \d+ bytes of memory: addresses end at 4294967296$"
    with pytest.raises(InputError, match=said):
        write_program(plan_of_any_size(graph, config))


def test_a_baseline_may_be_too_large_to_run() -> None:
    """The network itself has 3.6 million descriptors, with its maps written before pooling 13.7."""
    graph = build_network("condensation-net", 4096, 4096, 8)
    config = preset_with("nano", buffers={"accumulator_depth": 256})
    baseline = materialized(graph, pooled=False)
    assert plan_of_any_size(baseline, config).descriptor_count == 13_663_284
    with pytest.raises(InputError, match="needs at least 4391168 descriptors"):
        plan_graph(baseline, config)
    assert compare(plan_graph(graph, config)) is not None
