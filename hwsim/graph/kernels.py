"""The runtimes whose arithmetic a quantized file can be computed with."""

from enum import StrEnum


class Kernels(StrEnum):
    """Reference kernels; for one and the same `.tflite` the first two differ in some operators."""

    LITERT = "litert"
    TFLM = "tflm"
    ONNXRUNTIME = "onnxruntime"

    @property
    def is_exact(self) -> bool:
        """True where stages compute in the runtime's own integers, not in real factors near to its.

        ONNX's operators have real factors and halves that go to even. A stage rounds a product of
        integers: it may leave a value one step off where the runtime's lies next to a half.
        """
        return self is not Kernels.ONNXRUNTIME


TFLITE_KERNELS = (Kernels.LITERT, Kernels.TFLM)
