"""The inputs of a stage, and the geometry in which the taps of its kernels read them."""

from dataclasses import dataclass

from hwsim.graph.tensors import Tensor


@dataclass(frozen=True)
class Padding:
    """Rows and columns beyond each border of a map, where taps read the zero point."""

    top: int = 0
    left: int = 0
    bottom: int = 0
    right: int = 0

    @classmethod
    def even(cls, size: int) -> "Padding":
        """Return the same padding on all four sides."""
        return cls(size, size, size, size)

    @property
    def is_even(self) -> bool:
        return self == Padding.even(self.top)


NO_PADDING = Padding()


@dataclass(frozen=True)
class Source:
    """One input of a stage: some channels of a tensor, and a kernel's way over them.

    The map is x[first_channel : first_channel + channels], each pixel repeated `upsample` times in
    rows and in columns. Output pixel (p, q) and tap (r, s) read its row
    p x stride + r x dilation - padding.top, and its column likewise. Pairs are (rows, columns).
    A filter sees channels / `groups` channels, consecutive filters those of the same group.
    """

    tensor: Tensor
    first_channel: int
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: Padding = NO_PADDING
    upsample: int = 1
    groups: int = 1

    @classmethod
    def whole(
        cls,
        tensor: Tensor,
        kernel: tuple[int, int],
        padding: int = 0,
        *,
        stride: tuple[int, int] = (1, 1),
        groups: int = 1,
    ) -> "Source":
        """Return a source that reads all channels of a tensor, padded evenly."""
        return cls(
            tensor,
            first_channel=0,
            channels=tensor.shape.channels,
            kernel=kernel,
            stride=stride,
            padding=Padding.even(padding),
            groups=groups,
        )

    @property
    def outer(self) -> "Source":
        """The source that the network knows, which is another one where an input lies in cells."""
        return self

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns from a kernel's first tap to its last."""
        rows, columns = self.kernel
        return (rows - 1) * self.dilation[0] + 1, (columns - 1) * self.dilation[1] + 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the map that is read, after upsampling and without padding."""
        return self.tensor.shape.height * self.upsample, self.tensor.shape.width * self.upsample

    @property
    def is_slice(self) -> bool:
        """True if some channels of the tensor are left out."""
        return self.channels != self.tensor.shape.channels

    @property
    def is_depthwise(self) -> bool:
        """True if every filter sees one channel."""
        return self.groups == self.channels and self.groups > 1

    def weights_shape(self, filters: int) -> tuple[int, int, int, int]:
        """Return [K, C / groups, R, S]."""
        return (filters, self.channels // self.groups, *self.kernel)
