"""The quantized network: its nouns, the rules that they keep to, and the file that keeps them."""

from hwsim.fixed_point import Rounding
from hwsim.graph.check import CHANNEL_POOL_FACTORS
from hwsim.graph.float_weights import BatchNorm, FloatWeights
from hwsim.graph.infer import stored_shape
from hwsim.graph.sources import Padding, Source
from hwsim.graph.spatial_pool import SpatialPool
from hwsim.graph.stages import Constants, Graph, Stage
from hwsim.graph.tensors import Quantization, Shape, Tensor

__all__ = [
    "CHANNEL_POOL_FACTORS",
    "BatchNorm",
    "Constants",
    "FloatWeights",
    "Graph",
    "Padding",
    "Quantization",
    "Rounding",
    "Shape",
    "Source",
    "SpatialPool",
    "Stage",
    "Tensor",
    "stored_shape",
]
