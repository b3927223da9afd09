"""Another package's front end reads its own files, as `docs/library.md` shows."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError
from hwsim.graph import Graph

DOCUMENT = (Path(__file__).parents[1] / "docs" / "library.md").read_text("utf-8")
NET = "image 32 48\n16 filters, stride 2\n24 filters, stride 1\n"


def fenced(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


def install(folder: Path, name: str, module: str, code: str, ending: str = "layers") -> None:
    """Put a package where Python finds it, with one entry point."""
    (folder / f"{module}.py").write_text(code)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = f"[hwsim.frontends]\n{ending} = {module}:FRONT_END\n"
    (metadata / "entry_points.txt").write_text(lines)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    for module in ("bad", "layers_frontend", "of_first", "of_second"):
        monkeypatch.delitem(sys.modules, module, raising=False)  # another test's
    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(tmp_path)
    Path("net.layers").write_text(NET)
    return folder


def test_the_documented_front_end_takes_its_files(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (ending, value) = re.findall(r'^(\w+) = "(.*)"$', fenced("toml"), re.MULTILINE)[0]
    assert (ending, value) == ("layers", "layers_frontend:FRONT_END")
    install(packages, "layers", "layers_frontend", fenced("py"))
    found = hwsim.load("net.layers")
    assert isinstance(found, Graph)
    assert [str(stage.output.shape) for stage in found.stages] == ["16x16x24", "24x16x24"]
    assert hwsim.estimate("net.layers", "nano").totals.cycles > 0
    np.save("x.npy", np.random.default_rng(1).integers(-128, 128, (3, 32, 48), np.int8))
    assert main(["run", "net.layers", "--config", "nano", "--check", "--input", "x.npy"]) == 0
    capsys.readouterr()
    assert main(["show", "net.layers", "--size", "64"]) == 0
    assert "line 3" in capsys.readouterr().out
    larger = hwsim.load("net.layers", size=64)
    assert str(larger.inputs[0].shape) == "3x64x64"  # type: ignore[index]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("FRONT_END = 3", "front end 'bad:FRONT_END' of package bad is 3: must be a hwsim"),
        ("import missing_module", "of package bad cannot be imported: ModuleNotFoundError: No mod"),
        (
            "from hwsim.frontends.installed import FrontEnd\nFRONT_END = FrontEnd(lambda *_: 3)",
            "network 'net.layers': its front end returns 3: must be an OperatorGraph",
        ),
        (
            "from hwsim.frontends.installed import FrontEnd\nFRONT_END = FrontEnd(lambda: 3)",
            "network 'net.layers': its front end fails: TypeError: ",
        ),
    ],
)
def test_a_front_end_that_is_none_is_told_in_one_line(
    code: str, reason: str, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "bad", "bad", code)
    assert main(["estimate", "net.layers"]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_a_wrong_file_is_refused_by_its_front_end(packages: Path) -> None:
    install(packages, "layers", "layers_frontend", fenced("py"))
    Path("net.layers").write_text("image 32 48\n16 filters\n")
    with pytest.raises(InputError, match=r"net\.layers': line 2 is no 'N filters, stride N'"):
        hwsim.load("net.layers")
    Path("net.layers").write_text(NET)
    with pytest.raises(InputError, match="k 2: only built-in networks take one"):
        hwsim.load("net.layers", k=2)


def test_two_packages_for_one_ending_are_refused(packages: Path) -> None:
    for name in ("first", "second"):
        install(packages, name, f"of_{name}", fenced("py"))
    with pytest.raises(InputError, match="packages first and second read such files"):
        hwsim.load("net.layers")


def test_no_package_takes_the_place_of_an_own_front_end(packages: Path) -> None:
    install(packages, "bad", "bad", "FRONT_END = 3", "cfg")
    Path("net.cfg").write_text("[net]\n")
    with pytest.raises(InputError, match=r"network 'net\.cfg'") as caught:
        hwsim.load("net.cfg")
    assert "front end" not in str(caught.value)


def test_without_a_package_the_file_is_no_network(packages: Path) -> None:
    assert packages.is_dir()
    with pytest.raises(InputError, match="neither its name nor its content"):
        hwsim.load("net.layers")
