"""A fast rescale has factors of 16 bits, with which all witnesses compute; what is off is told."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite", reason="the schema of .tflite is not installed")

import hwsim
from hwsim.arch.config import load_config
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.graph import Rounding, Stage
from hwsim.graph.steps import FileNetwork
from hwsim.passes.fast_rescale import reduced_stage
from hwsim.program.drain_reads import has_wide_factors
from hwsim.report.deviations import DeviationFigures
from hwsim.report.verification_tables import print_verification
from tests.test_report_document import keeps_to_the_schema
from tests.tflite_judges import network_file, references
from tests.tflite_small import CLASSES, DIMS, bent, classifier, residual
from tests.tflite_writer import File

GIVEN = {"image": np.random.default_rng(3).integers(-128, 128, DIMS).astype(np.int8)}


def stored(folder: Path, file: File) -> Path:
    path = folder / "small.tflite"
    path.write_bytes(file.content())
    return path


def both(path: Path) -> tuple[FileNetwork, FileNetwork]:
    """Return the exact network of a file, and the one of a fast rescale."""
    exact, fast = hwsim.load(path), hwsim.load(path, fast_rescale=True)
    assert isinstance(exact, FileNetwork)
    assert isinstance(fast, FileNetwork)
    return exact, fast


def real(stage: Stage) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return the factors of a stage, for sums from 0 on and for those below."""
    found = stage.constants
    assert found is not None
    return [
        np.ldexp(found.multiplier.astype(np.float64), -found.shift),
        np.ldexp(found.negative_multiplier.astype(np.float64), -found.shift_below_0),
    ]


@pytest.mark.parametrize("file", [classifier("int8"), residual(), bent()])
def test_factors_are_the_nearest_of_16_bits(file: File, tmp_path: Path) -> None:
    exact, fast = both(stored(tmp_path, file))
    config = load_config("edge")
    assert any(has_wide_factors(stage, config) for stage in exact.graph.stages)
    for wide, narrow in zip(exact.graph.stages, fast.graph.stages, strict=True):
        assert not has_wide_factors(narrow, config)
        for one, other in zip(real(wide), real(narrow), strict=True):
            assert (np.sign(one) == np.sign(other)).all()
            assert (np.abs(other - one) <= np.abs(one) * 2.0**-16).all()


def with_factors(tmp_path: Path, multiplier: int, shift: int) -> Stage:
    """Return a stage, all of whose factors are the same."""
    exact, _ = both(stored(tmp_path, classifier("int8")))
    stage = exact.graph.stages[0]
    assert stage.constants is not None
    factors = np.full(stage.filters, multiplier, np.int32)
    shifts = np.full(stage.filters, shift, np.int32)
    constants = replace(
        stage.constants,
        multiplier=factors,
        negative_multiplier=factors,
        shift=shifts,
        negative_shift=None,
    )
    return replace(stage, constants=constants, rounding=Rounding.TWICE)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ((0x7FFF_FFFF, 40), (0x8000, 24)),  # rounded up to a power of two
        ((0x4000_4000, 40), (0x8001, 25)),  # a half goes up
        ((0x4000_3FFF, 40), (0x8000, 25)),
        ((0x1_0001, 2), (0xFFFF, 2)),  # no room for a smaller shift: either saturates
        ((0x7FFF_FFFF, 9), (0xFFFF, 2)),
    ],
)
def test_a_factor_is_rounded_to_16_bits(
    wide: tuple[int, int], narrow: tuple[int, int], tmp_path: Path
) -> None:
    found = reduced_stage(with_factors(tmp_path, *wide))
    assert found.constants is not None
    assert found.rounding is Rounding.ONCE
    for values, expected in zip(
        (found.constants.multiplier, found.constants.shift), narrow, strict=True
    ):
        assert set(values.tolist()) == {expected}
    assert found.constants.negative_shift is None


def test_a_stage_whose_factors_have_16_bits_stays_as_it_is(tmp_path: Path) -> None:
    stage = with_factors(tmp_path, 0xFFFF, 40)
    assert reduced_stage(stage) is stage


def test_every_layer_takes_fewer_cycles(tmp_path: Path) -> None:
    exact, fast = both(stored(tmp_path, classifier("int8")))
    for one, other in zip(
        hwsim.estimate(exact, "nano").layers, hwsim.estimate(fast, "nano").layers, strict=True
    ):
        assert other.cycles < one.cycles


def test_a_run_says_what_is_off_from_the_file_s_operators(tmp_path: Path) -> None:
    exact, fast = both(stored(tmp_path, classifier("int8")))
    found = hwsim.run(fast, "edge", inputs=GIVEN, check=True)
    wanted = hwsim.run(exact, "edge", inputs=GIVEN, check=True)
    assert wanted.document.run is not None
    assert wanted.document.run.deviations == ()
    assert found.document.run is not None
    first, second, output = found.document.run.deviations
    assert (first.kind, first.name, first.elements) == ("layer", "conv_2d_0", 144)
    assert (second.kind, second.elements) == ("layer", CLASSES)
    assert (output.kind, output.name, output.elements) == ("output", "scores", CLASSES)
    off = np.abs(found.outputs["scores"].astype(int) - wanted.outputs["scores"].astype(int))
    assert output.different_elements == np.count_nonzero(off)
    assert output.largest_difference == off.max()


def test_what_is_off_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A factor that is wrong by a tenth shows in the figures, and in the table."""
    from hwsim.passes import fast_rescale

    def wrong(stage: Stage) -> Stage:
        found = reduced_stage(stage)
        assert found.constants is not None
        factors = (found.constants.multiplier * 9 // 10).astype(np.int32)
        return replace(found, constants=replace(found.constants, multiplier=factors))

    monkeypatch.setattr(fast_rescale, "reduced_stage", wrong)
    _, fast = both(stored(tmp_path, classifier("int8")))
    found = hwsim.run(fast, "edge", inputs=GIVEN, check=True)
    assert found.document.run is not None
    first, *_ = found.document.run.deviations
    assert first.different_elements > 20
    assert first.largest_difference > 2
    assert any(table.title.startswith("Beside what the file") for table in found.tables)


def test_every_document_records_it(tmp_path: Path) -> None:
    path = stored(tmp_path, classifier("int8"))
    np.save(tmp_path / "x.npy", GIVEN["image"])
    out, figures, rows = (str(tmp_path / name) for name in ("out", "y.json", "y.csv"))
    for command in (
        ["estimate", str(path), "--csv", rows],
        ["run", str(path), "--input", str(tmp_path / "x.npy")],
        ["compile", str(path), "-o", out],
        ["show", str(path)],
    ):
        assert main([*command, "--fast-rescale", "-q", "--json", figures]) == 0
        document = json.loads(Path(figures).read_text())
        assert document["file"]["fast_rescale"] is True
        assert keeps_to_the_schema(document, command[0].replace("run", "estimate"))
    assert "litert kernels, fast rescale" in (Path(out) / "memory.h").read_text()
    with Path(rows).open() as opened:
        assert {row["fast_rescale"] for row in csv.DictReader(opened)} == {"True"}


def test_a_sum_of_a_fast_rescale_is_not_called_proved(tmp_path: Path) -> None:
    path = stored(tmp_path, residual())
    assert len(hwsim.show(path).document.proved_sums) == 1
    assert hwsim.show(path, fast_rescale=True).document.proved_sums == ()


@pytest.mark.parametrize("command", ["estimate", "show"])
def test_others_than_a_tflite_are_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "tiny-yolov2-mini", "--fast-rescale"]) == 2
    assert capsys.readouterr().err == (
        "hwsim: error: fast rescale: only a .tflite that is read from its file takes it\n"
    )


def test_it_is_true_or_false(tmp_path: Path) -> None:
    path = stored(tmp_path, classifier("int8"))
    number: Any = 1
    with pytest.raises(InputError, match="fast_rescale 1: must be True or False"):
        hwsim.load(path, fast_rescale=number)
    exact, fast = both(path)
    with pytest.raises(InputError, match=r"only a \.tflite that is read from its file"):
        hwsim.show(exact, fast_rescale=True)
    assert hwsim.show(fast).document.file is not None
    assert "litert kernels, fast rescale" in repr(fast)


@pytest.mark.verilator
def test_the_verilog_stores_what_golden_does(tmp_path: Path) -> None:
    _, fast = both(stored(tmp_path, classifier("int8")))
    found = hwsim.verify(fast, "nano", inputs=GIVEN)
    assert found.failures == ()
    assert [each.kind for each in found.document.deviations] == ["layer", "layer", "output"]
    text = io.StringIO()
    print_verification(found.document, text)
    assert "Beside what the file's own operators compute" in text.getvalue()
    assert keeps_to_the_schema(json.loads(json.dumps(found.to_dict())), "verify")


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("kws_dscnn_int8", 0),
        ("resnet8_int8", 0),
        ("vww_96_int8", 2),
        pytest.param("mobilenet_v2_224_int8", 12, marks=pytest.mark.slow),
    ],
)
def test_outputs_of_public_networks_stay_close(name: str, most: int) -> None:
    """The largest step by which an output is off on a kept input; a line for docs/numerics.md."""
    exact, fast = both(network_file(name))
    (given,) = fast.inputs
    off: dict[str, list[DeviationFigures]] = {"layer": [], "output": []}
    for (x,), judged in references(name):
        found = hwsim.run(fast, "edge", inputs={given: x})
        for output, values in zip(found.outputs.values(), judged, strict=True):
            assert output.argmax() == values.argmax()
        assert found.document.run is not None
        for each in found.document.run.deviations:
            off[each.kind].append(each)
    different, elements = (
        {kind: sum(getattr(each, field) for each in found) for kind, found in off.items()}
        for field in ("different_elements", "elements")
    )
    largest = max(each.largest_difference for each in off["output"])
    cycles = [hwsim.estimate(each, "edge").totals.cycles for each in (exact, fast)]
    print(
        f"\n| `{name}` | {cycles[0]:,} | {cycles[1]:,} "
        f"| {different['layer'] / elements['layer']:.1%} "
        f"| {different['output']:,} of {elements['output']:,}, by up to {largest:g} |"
    )
    assert largest <= most
    assert cycles[1] < cycles[0]
