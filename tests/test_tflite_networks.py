"""Real `.tflite` networks: every operator and every output is the runtimes' own, value by value."""

from collections import Counter

import pytest

from hwsim.frontends.tflite import read_network
from hwsim.graph.kernels import Kernels
from tests.tflite_judges import (
    NAMES,
    different,
    litert_tensors,
    maps_of,
    network_file,
    outputs_of,
    references,
    tflm_outputs,
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
UNSIGNED = "mobilenet_v1_025_128_uint8"  # TFLM has no convolution of uint8


@pytest.mark.parametrize("name", NAMES)
def test_its_multiplications_are_counted(name: str) -> None:
    assert read_network(network_file(name)).total_macs == MACS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_operator_is_litert_s_on_its_own_input(name: str) -> None:
    path = network_file(name)
    graph = read_network(path)
    (inputs, _), *_ = references(name)
    maps = maps_of(path, graph, litert_tensors(path.read_bytes(), inputs))
    wrong, values = Counter[str](), Counter[str]()
    for operator in graph.operators:
        found, of = different(graph, operator, maps, Kernels.LITERT)
        wrong[operator.KIND] += found
        values[operator.KIND] += of
    for kind, count in values.items():
        print(f"{name:28} {kind:16} {wrong[kind]:>6} of {count:>9,} values differ")
    assert not any(wrong.values())


@pytest.mark.parametrize("name", NAMES)
def test_its_outputs_are_the_kept_ones(name: str) -> None:
    graph = read_network(network_file(name))
    for inputs, expected in references(name):
        found = outputs_of(graph, inputs, Kernels.LITERT)
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            assert (ours == theirs).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != UNSIGNED])
def test_its_outputs_are_tflm_s(name: str) -> None:
    path = network_file(name)
    graph = read_network(path, Kernels.TFLM)
    for inputs, _ in references(name):
        found = outputs_of(graph, inputs, Kernels.TFLM)
        for ours, theirs in zip(found, tflm_outputs(path.read_bytes(), inputs), strict=True):
            assert (ours == theirs).all()
