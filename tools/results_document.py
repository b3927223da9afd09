"""Write `docs/results.md`: what virtual feature maps save, network by network."""

from hwsim.arch.config import Config
from hwsim.compiler import compile_graph, plan_graph
from hwsim.cost.comparison import PAPER_SAVING, Comparison, Variant, compare
from hwsim.flows.configuration import configuration
from hwsim.frontends.builtin import build_network
from hwsim.graph import Graph
from hwsim.passes.baselines import materialized, plain
from hwsim.timeline import time_program
from tools.gates_document import price

NETWORKS = ("condensation-net", "tiny-yolov2")
K = 2


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


INTRODUCTION = """\
<!-- Written by `make docs` from tools/results_document.py. Do not edit. -->
# Results

The detector at 416x416 on `edge`, run four ways, with 8-bit activations. Bytes are those that
cross the accelerator's memory bus in one frame; *features* are maps read and written, *all* adds
weights with their parameters and the program. Cycles are the timeline's, with 60 cycles of
latency and 16 bytes per cycle; [model.md](model.md) has their error.

* **A** the plain network with the same stored shapes, k = 1.
* **B** the condensed network with its k x C maps written out and read back, after the spatial
  maximum, which commutes with the channel maximum.
* **B'** the same, with the maps written before the spatial maximum.
* **C** the condensed network with virtual maps: condensed before anything is written.

A and C do not compute the same thing: C's eight condensed layers have k times A's weights and
MACs. B and C do, bit for bit. All four have their maps in memory, `--no-residency`, so that what
maps save that stay on the chip is not among it.
"""

CLOSING = f"""\
## Beside the paper

The abstract of Condensation-Net ([arXiv 2104.14124](https://arxiv.org/abs/2104.14124)) states
{percent(PAPER_SAVING)} less memory bandwidth. It names neither k, nor the condensed layers, nor the
bit widths, nor what is counted (features alone or all traffic, before or after spatial pooling,
weights once or once per tile), nor what it is compared with. Many choices of these land near that
figure by chance; all traffic with 4-bit weights is one of them. Here all of them were fixed
before anything was counted (k = {K}, all eight batch-normalised convolutions, int8 features, the
bus), so the tables say what this accelerator saves, and are no reproduction of that figure.

* Savings in features do not depend on the width of weights; savings in all traffic grow as the
  weights shrink.
* C moves A's feature bytes exactly, and its peak of feature memory is A's.
* The abstract's accuracy (+1.5 to 2.0 % at a false-positive rate of 0.1) is not measured: no
  trained weights and no face data set are at hand.
* Its +0.2 % of memory and +1.0 % of gates stand below, beside ours. The channel pool has no memory,
  as the k channels lie in adjacent lanes and its output register holds the running maximum.

{price()}
[gates.md](gates.md) has the units, and `make calibrate` synthesizes them anew.

## How to see it again

`.venv/bin/hwsim estimate NETWORK --k {K} --weight-bits 8` prints the bytes of a table, layer by
layer with `--json -`. `.venv/bin/hwsim verify condensation-net --unfused` runs C and B on the
Verilog, and counts both on its bus. `make docs` writes this page anew, and a test fails where it
is out of date.
"""


def _row(variant: Variant, cycles: int) -> str:
    return (
        f"| {variant.key} | {variant.macs / 1e6:,.1f} | {cycles:,} | {variant.bytes.features:,} "
        f"| {variant.bytes.total:,} | {variant.peak_feature_bytes:,} |"
    )


def _savings(comparison: Comparison) -> str:
    b, unpooled = comparison.b, comparison.b_unpooled
    return (
        f"(B - C) / B: **{percent(comparison.feature_saving(b))}** of features, "
        f"**{percent(comparison.total_saving(b))}** of all. "
        f"(B' - C) / B': {percent(comparison.feature_saving(unpooled))} and "
        f"{percent(comparison.total_saving(unpooled))}. "
        f"C moves {comparison.c.bytes.total / comparison.a.bytes.total:.2f} times "
        "A's bytes."
    )


def _cycles(graph: Graph, config: Config) -> int:
    return time_program(compile_graph(graph, config.without_residency)).cycles


def _section(name: str, config: Config) -> str:
    bits = config.widths.weight_bits
    graph = build_network(name, k=K, weight_bits=bits)
    comparison = compare(plan_graph(graph, config))
    assert comparison is not None, f"{name} has no condensed layer"
    graphs = (plain(graph), materialized(graph), materialized(graph, pooled=False), graph)
    variants = (comparison.a, comparison.b, comparison.b_unpooled, comparison.c)
    rows = [
        _row(variant, _cycles(graph, config))
        for variant, graph in zip(variants, graphs, strict=True)
    ]
    return "\n".join(
        [
            f"## {name}, k = {K}, {bits}-bit weights",
            "",
            "| | MACs / M | cycles | features, bytes | all, bytes | peak feature memory, bytes |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            _savings(comparison),
            "",
        ]
    )


def results_document() -> str:
    configs = [configuration("edge", weight_bits) for weight_bits in (8, 4)]
    sections = [_section(name, config) for name in NETWORKS for config in configs]
    return "\n".join([INTRODUCTION, *sections, CLOSING])
