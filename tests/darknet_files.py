"""Texts of darknet's `.cfg` for tests, and the folder with real ones."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "networks"
NETWORKS = Path(os.environ.get("HWSIM_NETWORKS", BESIDE)).resolve()

NET = "[net]\nwidth=64\nheight=48\nchannels=3\n"
CONVOLUTION = "[convolutional]\nbatch_normalize=1\nfilters={}\nsize=3\npad=1\nactivation=leaky\n"
LAST = "[convolutional]\nfilters={}\nsize=1\nactivation=linear\n"
POOL = "[maxpool]\nsize=2\nstride={}\n"
CONV = CONVOLUTION.format(8)


def network_file(name: str) -> Path:
    """Return a real file; skip the test where it is missing."""
    path = NETWORKS / name
    if not path.exists():
        pytest.skip(f"{path} is missing: HWSIM_NETWORKS names the folder")
    return path


def tiny_yolov2(size: int) -> str:
    """Return Tiny-YOLOv2 for a square image, as darknet's file has it."""
    net = f"[net]\nwidth={size}\nheight={size}\nchannels=3\nlearning_rate=0.001\n"
    layers = [CONVOLUTION.format(16 << n) + POOL.format(2 if n < 5 else 1) for n in range(6)]
    layers += [CONVOLUTION.format(1024)] * 2 + [LAST.format(125)]
    anchors = "1.08,1.19,  3.42,4.41,  6.63,11.38,  9.42,5.11,  16.62,10.52"
    return net + "".join(layers) + f"[region]\nanchors = {anchors}\nclasses=20\nnum=5\nsoftmax=1\n"


TWO_HEADS = (  # a network as yolov3-tiny and yolov4-tiny are, small
    NET + CONVOLUTION.format(16) + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"
    + CONVOLUTION.format(8) + "[route]\nlayers = -1, -2\n" + CONVOLUTION.format(16)
    + "[route]\nlayers=0,-1\n" + POOL.format(2) + CONVOLUTION.format(24) + LAST.format(18)
    + "[yolo]\nmask=0,1\nanchors=10,14, 23,27\nnum=2\nclasses=4\n" + "[route]\nlayers=-3\n"
    + "[upsample]\nstride=2\n[route]\nlayers=-1,4\n" + LAST.format(9)
    + "[yolo]\nmask=1\nanchors=10,14, 23,27\nnum=2\nclasses=4\nscale_x_y=1.05\n"
)  # fmt: skip
