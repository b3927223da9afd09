"""Networks from `.cfg` files that branch: the machine computes what golden does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hwsim.arch.config import load_config
from hwsim.compiler import compile_graph
from hwsim.golden.reference import run_graph
from hwsim.graph import Graph, Stage
from hwsim.machine import Machine
from tests.darknet_files import TWO_HEADS, network_file
from tests.drawn import drawn_inputs, with_drawn_constants
from tests.loading import loaded_graph


def check_machine(graph: Graph, preset: str) -> None:
    """Assert that machine and golden store the same for drawn constants and a drawn image."""
    drawn = with_drawn_constants(graph, seed=7)
    inputs = drawn_inputs(drawn, seed=8)
    expected = run_graph(drawn, {name: torch.from_numpy(x)[None] for name, x in inputs.items()})
    compared: list[str] = []

    def on_stage(stage: Stage, stored: NDArray[np.int8]) -> None:
        assert np.array_equal(stored, expected[stage.output.name][0].numpy()), stage.name
        compared.append(stage.name)

    Machine(compile_graph(drawn, load_config(preset)), inputs, on_stage=on_stage).run()
    assert compared == [stage.name for stage in drawn.stages]


@pytest.mark.parametrize("preset", ["nano", "edge"])
@pytest.mark.parametrize("name", ["yolov3-tiny.cfg", "yolov4-tiny.cfg"])
def test_published_networks_on_the_machine(name: str, preset: str) -> None:
    check_machine(loaded_graph(network_file(name), size=96), preset)


@pytest.mark.parametrize("name", ["yolov3-tiny.cfg", "yolov4-tiny.cfg"])
def test_published_networks_on_the_machine_at_their_own_size(name: str) -> None:
    check_machine(loaded_graph(network_file(name)), "edge")


@pytest.mark.parametrize("preset", ["nano", "edge", "mid"])
def test_a_network_with_two_heads_on_the_machine(preset: str, tmp_path: Path) -> None:
    (tmp_path / "own.cfg").write_text(TWO_HEADS)
    check_machine(loaded_graph(tmp_path / "own.cfg"), preset)
    check_machine(loaded_graph(tmp_path / "own.cfg", size=(54, 38)), preset)


def test_its_content_decides_the_program_and_its_name_does_not(tmp_path: Path) -> None:
    for name, text in (
        ("first", TWO_HEADS),
        ("second", TWO_HEADS),
        ("third", TWO_HEADS.replace("filters=24", "filters=40")),
    ):
        (tmp_path / f"{name}.cfg").write_text(text)
    first, second, third = (
        compile_graph(loaded_graph(tmp_path / f"{name}.cfg"), load_config("edge")).code_bytes
        for name in ("first", "second", "third")
    )
    assert first == second
    assert first != third
