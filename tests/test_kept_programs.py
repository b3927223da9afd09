"""Programs, bytes and cycles equal the kept ones, so that a change of structure changes none.

A change of the machine's behaviour on purpose needs a new `tests/kept/programs.json`, written by
`python -m tests.test_kept_programs`, and an entry in `CHANGELOG.md`.
"""

import hashlib
import json
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hwsim.arch.config import PRESETS
from hwsim.compiler import compile_graph
from hwsim.frontends.builtin import NETWORKS, build_network
from hwsim.graph import Graph
from hwsim.passes.baselines import materialized
from hwsim.timeline import time_program
from tests.drawn import preset_with, with_drawn_constants

KEPT = Path(__file__).parent / "kept" / "programs.json"
SEED = 1
SMALL = {"height": 96, "width": 96}
LANES = {"nano": 1, "edge": 4, "mid": 16}  # rescaled per cycle, whatever the presets have


def _cases() -> dict[str, tuple[str, Graph]]:
    """Return preset and graph of each case: networks as shapes, small ones with constants."""
    cases: dict[str, tuple[str, Graph]] = {}
    for preset, network in product(PRESETS, NETWORKS):
        cases[f"{network} on {preset}"] = (preset, build_network(network))
    for preset, bits, k in product(PRESETS, (8, 4), (1, 2, 4)):
        graph = build_network("condensation-net-mini", k=k, weight_bits=bits, **SMALL)
        graph = with_drawn_constants(graph, SEED)
        cases[f"drawn constants, k = {k}, {bits} bits on {preset}"] = (preset, graph)
        if k == 2:
            name = f"drawn constants, k = {k}, {bits} bits, maps written on {preset}"
            cases[name] = (preset, materialized(graph))
    return cases


CASES = _cases()


def figures(preset: str, graph: Graph) -> dict[str, Any]:
    """Return hashes of a program's bytes, and the cost of its run."""
    bits = graph.stages[0].weight_bits
    config = preset_with(
        preset,
        widths={"weight_bits": bits},
        array={"rescale_lanes": LANES[preset]},
        residency=False,
    )
    program = compile_graph(graph, config)
    timeline = time_program(program)
    return {
        "program": hashlib.sha256(program.code_bytes).hexdigest(),
        "weights": hashlib.sha256(b"".join(program.weights)).hexdigest(),
        "peak_feature_bytes": program.peak_feature_bytes,
        "cycles": [stage.cycles for stage in timeline.stages],
        "bytes": [list(astuple(stage.traffic.bytes)) for stage in timeline.stages],
    }


@pytest.mark.parametrize("name", CASES)
def test_program_is_the_kept_one(name: str) -> None:
    assert figures(*CASES[name]) == json.loads(KEPT.read_text("utf-8"))[name]


if __name__ == "__main__":
    found = {name: figures(*case) for name, case in CASES.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in found)
    KEPT.write_text(f"{{\n{lines}\n}}\n", "utf-8")
