"""The noise that quantizing a float network has made, layer by layer."""

from dataclasses import dataclass

from hwsim.report.table import Table


@dataclass(frozen=True)
class LayerNoise:
    """A map of the float network, and the noise of it in the quantized one."""

    name: str
    """Name of the map in the file."""
    operator: str
    """The operator that leaves it."""
    signal_to_noise_db: float | None
    """The map's variance over the mean square of the error; None without either of them."""


@dataclass(frozen=True)
class Quantization:
    """The ranges' origin, and the noise of every map on the first samples of them."""

    network: str
    """Name of the network."""
    calibration: str
    """The data that the ranges are taken from, in words."""
    operator_set: int
    """ONNX's operator set of the float file."""
    weight_bits: int
    """Width of a weight; maps have 8 bits."""
    layers: tuple[LayerNoise, ...]
    """The maps in the order of execution."""

    @property
    def heading(self) -> str:
        by = "ONNX Runtime to 8 bits"
        if self.weight_bits == 4:
            by = "Brevitas and ONNX Runtime to weights of 4 bits and maps of 8"
        return f"{self.network}, quantized by {by}, on {self.calibration}"

    @property
    def table(self) -> Table:
        """The signal-to-noise of every map."""
        rows = tuple((each.name, each.operator, _decibels(each)) for each in self.layers)
        return Table(
            "Signal-to-noise of ONNX Runtime's simulation against the float network",
            ("map", "operator"),
            ("dB",),
            rows,
        )


def _decibels(layer: LayerNoise) -> str:
    noise = layer.signal_to_noise_db
    return "-" if noise is None else f"{noise:.1f}"
