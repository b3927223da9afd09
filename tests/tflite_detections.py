"""Writes `.tflite` files with detection post-processing: alone, and behind a small SSD."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from tests.tflite_writer import File, WrittenOperator

Values = NDArray[Any]
WORD = "CUSTOM TFLite_Detection_PostProcess"
OPTIONS: Mapping[str, Any] = {
    "detections_per_class": 5,
    "h_scale": 5.0,
    "max_classes_per_detection": 1,
    "max_detections": 8,
    "nms_iou_threshold": 0.5,
    "nms_score_threshold": 0.3,
    "num_classes": 3,
    "use_regular_nms": False,
    "w_scale": 5.0,
    "x_scale": 10.0,
    "y_scale": 10.0,
}
SIDE = 8


def add_detections(
    file: File, read: tuple[int, int, int], options: Mapping[str, Any], content: bytes | None = None
) -> None:
    """Add the operator that reads boxes, scores and anchors, and make its outputs the file's."""
    places = options["max_detections"] * options["max_classes_per_detection"]
    names = "boxes", "classes", "scores", "count"
    shapes = (1, places, 4), (1, places), (1, places), (1,)
    left = [
        file.tensor(dims, "float32", name=name) for name, dims in zip(names, shapes, strict=True)
    ]
    content = bytes(flexbuffers.Dumps(dict(options))) if content is None else content
    file.operators.append(WrittenOperator(WORD, read, left, custom_options=content))
    file.outputs = left


def drawn_options(rng: np.random.Generator) -> dict[str, Any]:
    """Return options that ask for few or many detections."""
    return dict(OPTIONS) | {
        "detections_per_class": int(rng.integers(1, 10)),
        "max_classes_per_detection": int(rng.integers(1, 6)),
        "max_detections": int(rng.integers(1, 20)),
        "nms_iou_threshold": float(rng.choice([0.3, 0.5, 0.6, 1.0])),
        "nms_score_threshold": float(rng.choice([-1.0, 0.0, 0.3, 0.5])),
        "num_classes": int(rng.integers(1, 12)),
        "use_regular_nms": bool(rng.integers(0, 2)),
    }


def drawn_file(kind: str, seed: int) -> tuple[File, list[Values], dict[str, Any]]:
    """Return a file of detection post-processing alone, its inputs with ties, and its options."""
    rng = np.random.default_rng(seed)
    options, boxes = drawn_options(rng), int(rng.integers(1, 60))
    numbers = int(rng.choice([4, 4, 6]))
    classes = options["num_classes"] + int(rng.integers(0, 2))
    shapes = (1, boxes, numbers), (1, boxes, classes)
    file = File()
    if kind == "float32":
        read = [file.tensor(dims, kind) for dims in shapes]
        inputs = [_encodings(rng, shapes[0]), _scores(rng, shapes[1])]
        read.append(file.constant(rng.uniform(0.01, 1, (boxes, 4)).astype(np.float32)))
    else:
        scales = [float(np.float32(rng.uniform(0.001, 0.2))) for _ in range(3)]
        zeros = [int(rng.integers(0, 256)) for _ in range(3)]
        ends = tuple(zip(scales, zeros, strict=True))
        read = [
            file.tensor(dims, kind, [scale], [zero])
            for dims, (scale, zero) in zip(shapes, ends, strict=False)
        ]
        most = int(rng.choice([4, 256]))
        inputs = [rng.integers(0, high, dims).astype(kind)
                  for dims, high in zip(shapes, (256, most), strict=True)]  # fmt: skip
        zero = int(rng.integers(0, 100))
        anchors = rng.integers(zero + 1, 256, (boxes, 4)).astype(kind)
        read.append(file.constant(anchors, scales=[0.01], zero_points=[zero]))
    add_detections(file, (read[0], read[1], read[2]), options)
    file.inputs = read[:2]
    return file, inputs, options


def _encodings(rng: np.random.Generator, dims: tuple[int, ...]) -> Values:
    drawn = rng.normal(0, rng.choice([0.5, 3, 300]), dims).astype(np.float32)
    return np.round(drawn) if rng.random() < 0.3 else drawn


def _scores(rng: np.random.Generator, dims: tuple[int, ...]) -> Values:
    drawn = rng.uniform(0, 1, dims).astype(np.float32)
    if rng.random() < 0.4:
        return drawn
    return (np.round(drawn * int(rng.integers(1, 10))) / 8).astype(np.float32)


def ssd(kind: str = "int8", options: Mapping[str, Any] = OPTIONS) -> File:
    """Return convolutions whose two heads are joined, with detection post-processing behind.

    Heads of int8 are dequantized for it, and those of uint8 are not.
    """
    rng = np.random.default_rng(3)
    zero = 128 if kind == "uint8" else 0
    file = File()

    def convolution(read: int, channels: int, size: tuple[int, int], scale: float) -> int:
        (_, _, _, depth), (side, stride) = file.tensors[read].dims, size
        values = rng.integers(-90, 91, (channels, 3, 3, depth))
        weights = file.constant((values + zero).astype(kind), scales=[0.01], zero_points=[zero])
        step = float(file.tensors[read].scales[0]) * 0.01
        bias = file.constant(np.zeros(channels, np.int32), scales=[step], zero_points=[0])
        left = file.tensor((1, side, side, channels), kind, [scale], [zero])
        file.operator("CONV_2D", [read, weights, bias], left, StrideH=stride, StrideW=stride)
        return left

    def joined(heads: list[int], scale: float) -> int:
        """Reshape maps to a row for each box, and join the rows."""
        rows = []
        for head in heads:
            _, height, width, depth = file.tensors[head].dims
            shape = (1, height * width, depth)
            row = file.tensor(shape, kind, [scale], [zero])
            file.operator("RESHAPE", [head, file.constant(np.array(shape, np.int32))], row)
            rows.append(row)
        count = sum(file.tensors[row].dims[1] for row in rows)
        left = file.tensor((1, count, depth), kind, [scale], [zero])
        file.operator("CONCATENATION", rows, left, Axis=1)
        if kind == "uint8":
            return left
        real = file.tensor((1, count, depth), "float32")
        file.operator("DEQUANTIZE", [left], real)
        return real

    image = file.tensor((1, SIDE, SIDE, 3), kind, [0.02], [zero], name="image")
    first = convolution(image, 8, (SIDE // 2, 2), 0.03)
    second = convolution(first, 8, (SIDE // 4, 2), 0.03)
    classes = options["num_classes"] + 1
    boxes = joined([convolution(x, 4, (SIDE // d, 1), 0.05) for x, d in ((first, 2), (second, 4))],
                   0.05)  # fmt: skip
    scores = joined(
        [convolution(x, classes, (SIDE // d, 1), 0.01) for x, d in ((first, 2), (second, 4))], 0.01
    )
    count = file.tensors[boxes].dims[1]
    anchors = rng.uniform(0.1, 0.9, (count, 4)).astype(np.float32)
    place = file.constant(anchors)
    if kind == "uint8":
        place = file.constant((anchors * 200).astype(kind), scales=[0.005], zero_points=[0])
    add_detections(file, (boxes, scores, place), options)
    file.inputs = [image]
    return file
