"""Real `.tflite` networks: every operator and every output is the runtimes' own, value by value."""

from collections import Counter

import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

from hwsim.frontends.tflite import read_network
from hwsim.graph.kernels import Kernels
from tests.tflite_judges import (
    NAMES,
    different,
    litert_tensors,
    maps_of,
    network_file,
    outputs_of,
    reference_file,
    references,
    tflm_outputs,
    tflm_tensors,
)

MACS = {
    "ad01_int8": 264_192,
    "kws_dscnn_int8": 2_656_768,
    "mcunet_detection_int8": 18_296_320,
    "mobilenet_v1_025_128_uint8": 13_570_304,
    "mobilenet_v2_224_int8": 300_775_552,
    "resnet8_int8": 12_501_632,
    "ssd_slim_120x160_int8": 19_267_072,
    "vww_96_int8": 7_489_664,
}
SIGNED = [name for name in NAMES if name != "mobilenet_v1_025_128_uint8"]  # as TFLM wants them


@pytest.mark.parametrize("name", NAMES)
def test_its_multiplications_are_counted(name: str) -> None:
    assert read_network(network_file(name)).total_macs == MACS[name]


def check_operators(name: str, kernels: Kernels) -> None:
    path = network_file(name)
    graph = read_network(path, kernels)
    (inputs, _), *_ = references(name)
    judge = litert_tensors if kernels is Kernels.LITERT else tflm_tensors
    maps = maps_of(path, graph, judge(path.read_bytes(), inputs))
    wrong, values = Counter[str](), Counter[str]()
    for operator in graph.operators:
        found, of = different(graph, operator, maps, kernels)
        wrong[operator.KIND] += found
        values[operator.KIND] += of
    for kind, count in values.items():
        print(f"{kernels} {name:28} {kind:16} {wrong[kind]:>6} of {count:>9,} values differ")
    assert not any(wrong.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_is_litert_s_on_its_own_input(name: str) -> None:
    check_operators(name, Kernels.LITERT)


@pytest.mark.parametrize("name", SIGNED)
def test_every_operator_is_tflm_s_on_its_own_input(name: str) -> None:
    check_operators(name, Kernels.TFLM)


@pytest.mark.parametrize("name", NAMES)
def test_its_outputs_are_the_kept_ones(name: str) -> None:
    graph = read_network(network_file(name))
    for inputs, expected in references(name):
        found = outputs_of(graph, inputs, Kernels.LITERT)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            assert (ours == theirs).all()
    print_default_kernels(name)


def print_default_kernels(name: str) -> None:
    """Print how far LiteRT's default kernels are from its own reference, so cannot judge."""
    kept = reference_file(name)
    pairs = [(kept[key], kept[key.replace("_xnn", "_ref")]) for key in kept if "_xnn" in key]
    steps = [abs(ours.astype(float) - theirs.astype(float)) for ours, theirs in pairs]
    differ = sum(int((each > 0).sum()) for each in steps)
    most = max((float(each.max()) for each in steps), default=0.0)
    total = sum(kept[key].size for key in kept if key.endswith("_ref"))
    print(f"{name:28} default kernels: {differ:>5} of {total:>7,} differ, by up to {most:g}")


@pytest.mark.parametrize("name", SIGNED)
def test_its_outputs_are_tflm_s(name: str) -> None:
    path = network_file(name)
    graph = read_network(path, Kernels.TFLM)
    for inputs, _ in references(name):
        found = outputs_of(graph, inputs, Kernels.TFLM)
        for ours, theirs in zip(found, tflm_outputs(path.read_bytes(), inputs), strict=True):
            assert (ours == theirs).all()
