"""The guard of STOREs, some of whose bursts go to the feature buffer and not to the bus."""

from amaranth.hdl import Const, Value
from amaranth.lib import data
from amaranth.utils import exact_log2

from hwsim.arch.config import Config
from hwsim.isa.error_codes import ErrorCode
from hwsim.isa.fields import StoreDestination
from hwsim.rtl.memory.burst_guard import BurstGuard


class StoreGuard(BurstGuard):
    """Passes bursts on that lie in staging, and in the window or in the feature buffer.

    Latency and members are those of `BurstGuard`. The tag has the member `destination`; with
    FEATURES, the address is that of a byte in the feature buffer, and no window is asked.
    """

    def __init__(self, config: Config, layout: data.StructLayout):
        self._config = config
        super().__init__(layout, 1, config.staging_words, ErrorCode.WRITE_WINDOW)

    def _inside(self, windows: Value) -> Value:
        return windows | self._is_kept()

    def _fits(self) -> Value:
        burst, most = self.i.payload, self._config.feature_words
        first = burst.address[exact_log2(self._config.word_bytes) :]
        bits = len(Const(most))
        fits = ~first[bits:].any() & (first[:bits] + burst.beats <= most)
        return super()._fits() & (~self._is_kept() | fits)

    def _is_kept(self) -> Value:
        kept: Value = self.i.payload.tag.destination == StoreDestination.FEATURES
        return kept
