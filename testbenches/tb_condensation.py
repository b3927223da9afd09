"""Measure the cost of condensing in Verilog: a layer of k times the filters, and the next layer."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb

from hwsim.compiler import compile_graph
from hwsim.graph import Shape
from hwsim.testbenches.bench import configuration
from hwsim.testbenches.cases import CaseStage, drawn_layers
from hwsim.testbenches.tb_accelerator import check, started

SHAPE = Shape(16, 64, 64)
STORED = 32
MEASURED = "condensation.json"  # in the folder of results: the figures by k


@cocotb.test()
async def measures(dut: Any) -> None:
    """Write the cost of two layers: 16 channels to 32 x k filters stored as 32, then 32 to 32."""
    bench, config = await started(dut), configuration()
    measured = {}
    for k in (1, 2, 4, 8) if config.channel_pool else (1,):
        stages = (CaseStage(STORED, k=k), CaseStage(STORED))
        graph = drawn_layers(f"k {k}", SHAPE, stages, config, seed=1)
        run = await check(bench, compile_graph(graph, config))
        measured[k] = {
            "macs": sum(layer.macs for layer in graph.stages),
            "cycles": run.cycles,
            "array_cycles": run.array_cycles,
            "bytes": asdict(run.counter_bytes),
        }
    Path(MEASURED).write_text(json.dumps(measured), "utf-8")
