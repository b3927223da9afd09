"""Every stored element of both networks, full size and calibrated, equals golden."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwsim.compiler import compile_graph
from hwsim.golden.photographs import photograph
from hwsim.golden.reference import stored_image
from hwsim.graph import Stage
from hwsim.machine import Machine
from tests.drawn import preset_with
from tests.outputs import golden_outputs
from tests.quantized import quantized_network


@pytest.mark.parametrize(
    ("network", "weight_bits", "preset"),
    [
        ("tiny-yolov2", 8, "edge"),
        ("condensation-net", 8, "edge"),
        ("condensation-net", 4, "edge"),
        pytest.param("tiny-yolov2", 8, "nano", marks=pytest.mark.slow),
        pytest.param("condensation-net", 8, "mid", marks=pytest.mark.slow),
    ],
)
def test_every_stored_element_equals_golden(network: str, weight_bits: int, preset: str) -> None:
    graph = quantized_network(network, weight_bits=weight_bits)
    image = stored_image(photograph("rocket", height=416, width=416))
    expected = iter(golden_outputs(graph, image[None]))

    def check(stage: Stage, stored: NDArray[np.int8]) -> None:
        assert torch.equal(torch.from_numpy(stored.copy()), next(expected)[0]), stage.name

    config = preset_with(preset, widths={"weight_bits": weight_bits})
    inputs = {graph.only_input.name: image.numpy()}
    Machine(compile_graph(graph, config), inputs, on_stage=check).run()
    assert next(expected, None) is None, "a layer was never stored"
