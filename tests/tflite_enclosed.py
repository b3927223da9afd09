"""Draws `.tflite` files in which convolutions stand around one operator of any kind."""

import numpy as np

from tests.tflite_drawn import DRAWN, Draw, Values

CHANNELS = 3  # of what comes from outside, and of what goes there


class Enclosed(Draw):
    """A file whose one operator reads what convolutions leave, and leaves what others read."""

    def enclose(self) -> None:
        """Put a convolution before each input and behind each output."""
        file = self.file
        inner, given, left = file.operators, file.inputs, file.outputs
        file.operators, file.inputs, self.inputs = [], [], []
        for number in given:
            self._lead_to(number)
        file.operators += inner
        file.outputs = [self._convolved(self._as_map(number)) for number in left]

    def _lead_to(self, number: int) -> None:
        """Let a convolution of a new input leave a tensor."""
        tensor = self.file.tensors[number]
        dims = _four(tensor.dims)
        given = self.input((*dims[:3], CHANNELS))
        if tensor.type == "float32":
            quantized = self.file.tensor(dims, self.type, [self.scale()], [self.zero_point()])
            self._convolve(given, quantized)
            self.file.operator("DEQUANTIZE", [quantized], number)
        elif len(tensor.dims) == 4:
            self._convolve(given, number)
        else:
            quantization = tensor.scales, tensor.zero_points
            whole = self.file.tensor(dims, self.type, *quantization)
            self._convolve(given, whole)
            self._reshape(whole, number)

    def _as_map(self, number: int) -> int:
        """Return a tensor of four axes and of integers with the values of another."""
        tensor = self.file.tensors[number]
        if tensor.type == "float32":
            left = self.file.tensor(tensor.dims, self.type, [self.scale()], [self.zero_point()])
            self.file.operator("QUANTIZE", [number], left)
            return self._as_map(left)
        if len(tensor.dims) == 4:
            return number
        left = self.file.tensor(_four(tensor.dims), self.type, tensor.scales, tensor.zero_points)
        self._reshape(number, left)
        return left

    def _convolved(self, number: int) -> int:
        dims = tuple(self.file.tensors[number].dims)
        scale = self.scale_of(number) * float(self.rng.uniform(0.5, 2))
        left = self.file.tensor((*dims[:3], CHANNELS), self.type, [scale], [self.zero_point()])
        self._convolve(number, left)
        return left

    def _convolve(self, number: int, left: int) -> None:
        """Add a convolution of single pixels whose sums use most codes of what it leaves."""
        channels, filters = (self.file.tensors[each].dims[3] for each in (number, left))
        zero = 128 if self.type == "uint8" else 0
        own, out = self.scale_of(number), self.scale_of(left)
        scale = float(np.float32(out / own / 80 / np.sqrt(channels)))
        values = self.rng.integers(-127, 128, (filters, 1, 1, channels)) + zero
        bias = self.rng.integers(-500, 500, filters).astype(np.int32)
        weights = self.file.constant(values.astype(self.type), scales=[scale], zero_points=[zero])
        steps = [float(np.float32(np.float32(own) * np.float32(scale)))]
        stored = self.file.constant(bias, scales=steps, zero_points=[0])
        self.file.operator("CONV_2D", [number, weights, stored], left, StrideH=1, StrideW=1)

    def _reshape(self, number: int, left: int) -> None:
        shape = self.file.constant(np.array(self.file.tensors[left].dims, np.int32))
        self.file.operator("RESHAPE", [number, shape], left)


def _four(dims: object) -> tuple[int, ...]:
    """Return the axes of a map that has those of a tensor last."""
    own = tuple(map(int, np.ravel(np.array(dims))))
    return (1,) * (4 - len(own)) + own


def enclosed_file(word: str, kind: str, seed: int) -> tuple[bytes, list[Values]]:
    """Return a file of int8 or uint8 with one operator of a kind inside, and its inputs."""
    draw = Enclosed(np.random.default_rng(seed), kind)
    DRAWN[word](draw)
    draw.enclose()
    return draw.file.content(), draw.inputs
