"""The netlists whose gates are counted equal golden on Verilator.

The operators before synthesis are compared with golden in a test_rtl_*.py of their own.
"""

import warnings
from pathlib import Path
from typing import Any

import pytest
from amaranth.back import verilog
from amaranth.hdl import Const, Value

from hwsim.rtl.arithmetic.channel_pool import ChannelPool
from hwsim.rtl.arithmetic.rescale import Rescale
from hwsim.rtl.arithmetic.spatial_pool import SpatialPool
from hwsim.synthesis.gates import gate_netlist
from hwsim.testbenches import simulator
from hwsim.testbenches.operators import CONFIG

OPERATORS = {
    "rescale": Rescale,
    "channel_pool": ChannelPool,
    "spatial_pool": SpatialPool,
}


def ports(operator: Any) -> list[Any]:
    """Return every port that is not constant; `ready` of a stream that never stalls is constant."""
    values = [Value.cast(port) for _, _, port in operator.signature.flatten(operator)]
    return [value for value in values if not isinstance(value, Const)]


def generated(name: str) -> str:
    operator: Any = OPERATORS[name](CONFIG)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text: str = verilog.convert(operator, name=name, ports=ports(operator), emit_src=False)
    return text


@pytest.mark.verilator
@pytest.mark.parametrize(
    "name", [pytest.param("rescale", marks=pytest.mark.slow), "channel_pool", "spatial_pool"]
)
def test_gates_do_what_the_operator_does(name: str, tmp_path: Path) -> None:
    """The netlist of each operator after the accumulators computes what golden computes."""
    netlist = gate_netlist(generated(name), name)
    folder = simulator.build(netlist, name, options=["-Wno-UNUSEDSIGNAL"])
    simulator.run(folder, name, f"hwsim.testbenches.tb_{name}", tmp_path, {})
