"""The operators of a `.tflite` that one runtime computes and another does not."""

from hwsim.errors import InputError
from hwsim.frontends.tflite_call import Call
from hwsim.graph.kernels import Kernels

NOT_OF_TFLM = ("RELU_N1_TO_1",)
UNSIGNED_IN_TFLM = ("DEQUANTIZE", "QUANTIZE", "RESHAPE")


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
