"""The operators of a `.tflite` that one runtime computes and another does not."""

from hwsim.errors import InputError
from hwsim.escape import quoted
from hwsim.frontends.tflite_call import Call
from hwsim.frontends.tflite_file import StoredTensor
from hwsim.graph.kernels import Kernels

NOT_OF_TFLM = ("RELU_N1_TO_1",)
UNSIGNED_IN_TFLM = ("DEQUANTIZE", "QUANTIZE", "RESHAPE")


def check_tensor(tensor: StoredTensor, kernels: Kernels) -> None:
    """Raise `InputError` for scales that LiteRT refuses wherever they stand, also of a bias."""
    axis, count = tensor.quantized_dimension, len(tensor.scales)
    if kernels is not Kernels.LITERT or not count or not tensor.dims:
        return
    whose = f"tensor {tensor.index} {quoted(tensor.name)}"
    if not 0 <= axis < len(tensor.dims):
        raise InputError(
            f"{whose}: quantized along axis {axis} of {len(tensor.dims)} axes: LiteRT refuses it"
        )
    if count not in (1, tensor.dims[axis]):
        raise InputError(
            f"{whose}: {count} scales along axis {axis}, which is {tensor.dims[axis]} long: "
            "LiteRT refuses it"
        )


def check_kernels(call: Call) -> None:
    """Raise `InputError` for an operator that the chosen runtime does not compute."""
    word = call.operator.word
    if call.kernels is Kernels.LITERT:
        if word == "CONV_2D" and not call.has_input(2):
            raise InputError("without a bias: LiteRT wants one, --kernels tflm does not")
        return
    if word in NOT_OF_TFLM:
        raise InputError("TFLM does not have it, --kernels litert has")
    read = {call.tensors[number].type for number in call.operator.inputs if number >= 0}
    left = {call.tensors[number].type for number in call.operator.outputs}
    is_to_unsigned = word == "QUANTIZE" and "uint8" in left and read != {"int8"}
    if "uint8" in read | left and (word not in UNSIGNED_IN_TFLM or is_to_unsigned):
        raise InputError("TFLM does not compute it in uint8, --kernels litert does")
