"""The runtimes whose integer arithmetic a TFLite file can be computed with."""

from enum import StrEnum


class Kernels(StrEnum):
    """Reference kernels; for one and the same file they differ in some operators."""

    LITERT = "litert"
    TFLM = "tflm"
