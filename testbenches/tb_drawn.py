"""Compare golden, machine, timeline and Verilog on drawn networks and memories."""

import os
import warnings
from functools import reduce
from typing import Any

import cocotb
from cocotb.task import bridge, resume
from hypothesis import HealthCheck, assume, example, given, seed, settings
from hypothesis.errors import HypothesisSideeffectWarning

from hwsim.arch.config import Config
from hwsim.errors import InputError
from hwsim.testbenches.axi_memory import REFERENCE, hesitant
from hwsim.testbenches.bench import Bench, configuration
from hwsim.testbenches.drawn_cases import (
    CASE,
    BranchingNetwork,
    DrawnCase,
    drawn_cases,
    kept_cases,
)
from hwsim.testbenches.replay import base_seed, narrowed
from hwsim.testbenches.tb_accelerator import check

EXAMPLES = "HWSIM_EXAMPLES"  # environment: how many cases are drawn
LAYERS = "HWSIM_LAYERS"  # environment: how many layers they must have, all together
BRANCHING = "HWSIM_BRANCHING"  # environment: how many networks that branch they must hold
BRANCHING_TOLERANCE = 0.02  # the timeline's largest relative error for these, where queues are tiny
DRAWN = "HWSIM_DRAWN"  # environment: one case as JSON, to run it alone


def fits(case: DrawnCase, built: Config) -> bool:
    try:
        case.programs(built)
    except InputError:
        return False
    return True


async def run_case(bench: Bench, case: DrawnCase) -> None:
    text = CASE.dump_json(case).decode()
    with narrowed(DRAWN, text, text):
        await bench.reset()
        behaviour = hesitant(case.networks[0].seed) if case.hesitates else REFERENCE
        for network, program in zip(case.networks, case.programs(configuration()), strict=True):
            branches = isinstance(network, BranchingNetwork)
            await check(bench, program, behaviour, BRANCHING_TOLERANCE if branches else 0.0)


@cocotb.test()
async def agrees(dut: Any) -> None:
    """All witnesses agree on drawn cases; a failing case is shrunk and named."""
    bench, built = Bench(dut, configuration()), configuration()
    if alone := os.environ.get(DRAWN):
        await run_case(bench, CASE.validate_json(alone))
        return
    # The pytest plugin of hypothesis, which cocotb's assertions load, believes that pytest starts.
    warnings.simplefilter("ignore", HypothesisSideeffectWarning)
    layers = {True: 0, False: 0}  # by hesitation: a hesitant memory leaves cycles unchecked
    branching = 0
    run = resume(run_case)

    def agree(case: DrawnCase) -> None:
        nonlocal branching
        assume(fits(case, built))
        run(bench, case)
        layers[case.hesitates] += case.layers
        branching += sum(isinstance(one, BranchingNetwork) for one in case.networks)

    budget = settings(
        max_examples=int(os.environ.get(EXAMPLES, "8")),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    drawn = seed(base_seed())(budget(given(drawn_cases(built))(agree)))
    kept = kept_cases(built)
    assert all(fits(case, built) for case in kept)
    await bridge(reduce(lambda test, case: example(case)(test), kept, drawn))()
    cocotb.log.info("%d layers, and %d on memories that hesitate", layers[False], layers[True])
    cocotb.log.info("%d networks that branch", branching)
    drawn_layers = sum(layers.values()) - sum(case.layers for case in kept)
    assert min(layers.values()) > 0
    assert drawn_layers >= int(os.environ.get(LAYERS, "1"))
    assert branching >= int(os.environ.get(BRANCHING, "1"))
