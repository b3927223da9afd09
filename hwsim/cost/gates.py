"""Gates of an accelerator, module by module, from a component model. Uncalibrated.

NAND2 equivalents. Four coefficients were seen when single components were synthesized by
themselves with Yosys and ABC, the others are textbook sizes; no command reproduces them yet and
whole modules have not been synthesized, so every print says "uncalibrated".
"""

from dataclasses import dataclass

from hwsim.config import Config
from hwsim.program.fields import FIELDS, QUEUE_DEPTH, Opcode

CALIBRATED = False

FLIP_FLOP = 6.0  # a D flip-flop without enable or reset
MULTIPLEXER_BIT = 3.0
ADDER_BIT = 8.0  # a full adder with its share of carry
COMPARE_BIT = 5.0

MAC_8_BIT = 1_330.0  # 8 x 8 bit multiply, two weight registers, adder-tree share, synthesized
MAXIMUM_8_BIT = 88.0  # synthesized
RESCALER_32_16 = 10_000.0  # 32 x 16 bit multiply, shift, round, clamp, synthesized


@dataclass(frozen=True)
class ModuleGates:
    """NAND2 equivalents of one module, memories left out."""

    name: str
    gates: int


def gate_model(config: Config) -> tuple[ModuleGates, ...]:
    """One entry per hardware module that the configuration builds."""
    modules = {
        "MAC array": _array(config),
        "accumulators": _accumulators(config),
        "rescale": _rescale(config),
        "channel pool": _channel_pool(config),
        "spatial pool": _spatial_pool(config),
        "weight queue": _address_generator(3),
        "load": _address_generator(8) + _queue(Opcode.LOAD),
        "compute": _address_generator(12) + _queue(Opcode.COMPUTE),
        "store": _address_generator(6) + _queue(Opcode.STORE),
        "AXI managers": _bus(config),
    }
    return tuple(ModuleGates(name, round(gates)) for name, gates in modules.items() if gates)


def _array(config: Config) -> float:
    """Multiply-add lanes with active and shadow weight; area goes with the weight's width."""
    return config.macs_per_cycle * MAC_8_BIT * config.widths.weight_bits / 8


def _accumulators(config: Config) -> float:
    bits = config.widths.accumulator_bits
    return config.array.output_lanes * bits * (ADDER_BIT + 2 * FLIP_FLOP + MULTIPLEXER_BIT)


def _rescale(config: Config) -> float:
    scale = config.widths.multiplier_bits / 16
    bias = config.widths.accumulator_bits * (ADDER_BIT + FLIP_FLOP)
    return config.array.rescale_lanes * (RESCALER_32_16 * scale + bias)


def _channel_pool(config: Config) -> float:
    """A tree of maxima over the rescale lanes, and a running maximum for larger groups."""
    if not config.channel_pool:
        return 0.0
    lanes, bits = config.array.rescale_lanes, config.widths.activation_bits
    return lanes * (MAXIMUM_8_BIT + bits * (FLIP_FLOP + 2 * MULTIPLEXER_BIT))


def _spatial_pool(config: Config) -> float:
    """A maximum per rescale lane, a register per output lane."""
    bits = config.widths.activation_bits
    registers = config.array.output_lanes * bits * (FLIP_FLOP + MULTIPLEXER_BIT)
    return config.array.rescale_lanes * MAXIMUM_8_BIT + registers


def _queue(opcode: Opcode) -> float:
    return sum(field.bits for field in FIELDS[opcode]) * QUEUE_DEPTH * (FLIP_FLOP + MULTIPLEXER_BIT)


def _address_generator(counters: int, bits: int = 20) -> float:
    """Counters with their limits: an adder, a comparison, a register and a reload each."""
    return counters * bits * (ADDER_BIT + COMPARE_BIT + FLIP_FLOP + MULTIPLEXER_BIT)


def _bus(config: Config) -> float:
    """Two channels with two-entry buffers and the queue of unanswered bursts."""
    buffered = 2 * 2 * config.bus.bus_bits * (FLIP_FLOP + MULTIPLEXER_BIT)
    unanswered = config.bus.outstanding_reads * 48 * (FLIP_FLOP + MULTIPLEXER_BIT)
    return buffered + unanswered + _address_generator(4, 32)
