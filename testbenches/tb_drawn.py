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
from hwsim.testbenches.drawn_cases import CASE, DrawnCase, drawn_cases, kept_cases
from hwsim.testbenches.replay import base_seed, narrowed
from hwsim.testbenches.tb_accelerator import check

EXAMPLES = "HWSIM_EXAMPLES"  # environment: how many cases are drawn
LAYERS = "HWSIM_LAYERS"  # environment: how many layers they must have, all together
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
        for program in case.programs(configuration()):
            seed = case.networks[0].seed
            await check(bench, program, hesitant(seed) if case.hesitates else REFERENCE)


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
    run = resume(run_case)

    def agree(case: DrawnCase) -> None:
        assume(fits(case, built))
        run(bench, case)
        layers[case.hesitates] += case.layers

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
    drawn_layers = sum(layers.values()) - sum(case.layers for case in kept)
    assert min(layers.values()) > 0
    assert drawn_layers >= int(os.environ.get(LAYERS, "1"))
