"""Quantizes a prepared float `.onnx` with ONNX Runtime: QDQ, maps of 8 bits, weights per channel.

Weights have 8 bits, or 4; the scales of those of 4 bits are Brevitas's choice.

Ranges of maps are percentiles of what calibration has seen, so that a single far value does not
coarsen all others. They are collected one sample at a time, because all maps of all samples
together fill any memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data
from onnxruntime.quantization.qdq_loss_debug import (
    collect_activations,
    create_activation_matching,
    modify_model_output_intermediate_tensors,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

PERCENTILE = 99.999  # of a map's values that its range holds
FROM_0_TO_1 = ("Sigmoid", "Softmax")

Sample = Mapping[str, NDArray[np.float32]]  # an array for every input, with the file's axes


class Samples(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime carries no types
    """Gives samples to ONNX Runtime one after the other."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = iter(samples)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        found = next(self._samples, None)
        return None if found is None else dict(found)


def calibrate(
    prepared: Path, samples: Iterable[Sample], ranges: Path, advance: Callable[[], None]
) -> None:
    """Write the range of every map over all samples to the file `ranges`."""
    words = sorted({*QLinearOpsRegistry, *QDQRegistry})
    calibrator = create_calibrator(
        prepared,
        words,
        augmented_model_path=str(ranges.with_suffix(".onnx")),
        calibrate_method=CalibrationMethod.Percentile,
        providers=["CPUExecutionProvider"],
        extra_options={"percentile": PERCENTILE, "symmetric": False},
    )
    for sample in samples:
        calibrator.collect_data(Samples([sample]))
        advance()
    save_tensors_data(calibrator.compute_data(), ranges)


def quantize(
    prepared: Path, ranges: Path, place: Path, told: Mapping[str, str], weight_bits: int = 8
) -> None:
    """Write the quantized network to `place`, checked, with what is `told` as its metadata."""
    model = onnx.load(prepared)
    stated = _known_ranges(model)
    if weight_bits == 4:
        from hwsim.golden.float_onnx.four_bits import weight_scales  # Brevitas takes seconds

        stated |= weight_scales(model)
    quantize_static(
        prepared,
        place,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt4 if weight_bits == 4 else QuantType.QInt8,
        calibrate_method=CalibrationMethod.Percentile,
        calibration_cache_path=ranges,
        extra_options={
            "ActivationSymmetric": False,
            "WeightSymmetric": True,
            "TensorQuantOverrides": stated,
        },
    )
    model = onnx.load(place)
    onnx.checker.check_model(model, full_check=True)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(told))
    onnx.save_model(model, place)


def _known_ranges(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """Return the scales of maps between 0 and 1, which no data need to show.

    They are those that LiteRT's kernels have for the same operators.
    """
    steps = {"scale": np.array(1 / 256, np.float32), "zero_point": np.array(-128, np.int8)}
    return {
        node.output[0]: [{"quant_type": QuantType.QInt8, **steps}]
        for node in model.graph.node
        if node.op_type in FROM_0_TO_1
    }


def layer_noise(
    prepared: Path, quantized: Path, samples: Iterable[Sample]
) -> Iterator[tuple[str, str, float | None]]:
    """Yield name, operator and signal-to-noise in dB of every map that both networks compute."""
    augmented = []
    for path in (prepared, quantized):
        augmented.append(path.with_suffix(".maps.onnx"))
        modify_model_output_intermediate_tensors(path, augmented[-1])
    kept = list(samples)
    real, simulated = (collect_activations(str(each), Samples(kept)) for each in augmented)
    matched = create_activation_matching(simulated, real)
    for node in onnx.load(prepared).graph.node:
        for name in node.output:
            if name in matched and "float" in matched[name]:
                found = matched[name]
                noise = signal_to_noise_db(found["float"], found["post_qdq"])
                yield name, node.op_type, noise


def signal_to_noise_db(real: Iterable[NDArray[Any]], found: Iterable[NDArray[Any]]) -> float | None:
    """Return the variance of `real` over the mean square of what `found` is off, in dB.

    So a map that has the mean everywhere has 0 dB. None stands for no signal, or no noise.
    """
    exact, near = (
        np.concatenate([np.ravel(each) for each in arrays]).astype(np.float64)
        for arrays in (real, found)
    )
    signal, noise = float(np.var(exact)), float(np.mean(np.square(near - exact)))
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None
