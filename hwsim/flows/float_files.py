"""A float `.onnx` that is quantized on the way, of which the user's cache keeps the result."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import hwsim
from hwsim.cache import cache_folder
from hwsim.errors import InputError, UnsupportedError
from hwsim.escape import quoted
from hwsim.files import keep_file, read_file
from hwsim.flows.contract_file import ENDING
from hwsim.flows.contracts import Contract
from hwsim.flows.float_quantization import QuantizedFile, image_names, quantize_file
from hwsim.flows.progress import Progress
from hwsim.graph.operator_graph import OperatorGraph
from hwsim.interrupts import temporary_folder

LARGEST_BYTES = 1 << 28
DECIDING_PACKAGES = ("numpy", "onnx", "onnxruntime", "pillow")
DECIDING_SOURCES = ("golden/float_onnx/*.py", "golden/photographs.py", "flows/float_*.py")


def quantized_operators(
    path: str,
    height: int | None,
    width: int | None,
    images: str | None,
    contract: Contract | None,
    progress: Progress,
) -> OperatorGraph:
    """Return the operators of a float file, quantized on photographs or on random data.

    Arguments are as for `quantize_file`. Raises `InputError` as that does, and for operators that
    are not taken, by the name of the user's own file.
    """
    from hwsim.frontends.onnx import read_network

    content = _content(path, height, width, images, contract, progress)
    with temporary_folder("hwsim-") as folder:
        place = folder / Path(path).name
        place.write_bytes(content)
        try:
            return read_network(place)
        except UnsupportedError as error:
            raise UnsupportedError(f"network {quoted(path)}, quantized", error.reasons) from None
        except InputError as error:
            raise InputError(str(error).replace(quoted(place), quoted(path))) from None


def _content(
    path: str,
    height: int | None,
    width: int | None,
    images: str | None,
    contract: Contract | None,
    progress: Progress,
) -> bytes:
    """Return the quantized file, from the cache if an earlier call has stored it there."""
    digest = hashlib.sha256()
    size = None if height is None or width is None else (width, height)
    for part in (*_files(path, images), repr((size, images is None, contract)).encode(), *_code()):
        digest.update(hashlib.sha256(part).digest())
    kept = cache_folder() / f"quantized-{digest.hexdigest()}.onnx"
    try:
        content = read_file("kept network", kept, LARGEST_BYTES)
    except InputError:
        content = b""
    body, own = content[: -digest.digest_size], content[-digest.digest_size :]
    if body and hashlib.sha256(body).digest() == own:
        return body
    found: QuantizedFile = quantize_file(
        path, images=images, contract=contract, size=size, progress=progress
    )
    keep_file(kept, found.content + hashlib.sha256(found.content).digest())
    return found.content


def _files(path: str, images: str | None) -> Iterator[bytes]:
    """Yield the content of all files that decide, the photographs one after the other."""
    yield read_file("network", path, LARGEST_BYTES)
    stated = Path(f"{path}{ENDING}")
    yield read_file("contract", stated, LARGEST_BYTES) if stated.exists() else b""
    for name in () if images is None else image_names(images):
        yield read_file("image", name, LARGEST_BYTES)


def _code() -> Iterator[bytes]:
    """Yield the versions of packages and the sources that decide."""
    root = Path(hwsim.__file__).parent
    yield from (f"{name} {version(name)}".encode() for name in DECIDING_PACKAGES)
    yield from (each.read_bytes() for kind in DECIDING_SOURCES for each in sorted(root.glob(kind)))
