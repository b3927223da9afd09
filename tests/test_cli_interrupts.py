"""Control-C and SIGTERM at any time end a command with one line, status 130 and no left files."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from hwsim.errors import InputError
from hwsim.extras import importing_extra
from hwsim.interrupts import temporary_folder
from hwsim.synthesis.yosys import CHILD, run_passes

# Runs like the console script; the signal comes when a module is first searched for.
AT_IMPORT = """\
import os, sys
from importlib.abc import MetaPathFinder

class Interrupt(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Interrupt())
from hwsim.__main__ import main
sys.argv = ["hwsim", *{arguments!r}]
sys.exit(main())
"""
# The signal comes when the core has made its units but has used none of them.
IN_THE_HARDWARE = """\
import os, sys
from hwsim.rtl.core import Core

elaborate = Core.elaborate

def interrupted(self, platform):
    module = elaborate(self, platform)
    os.kill(os.getpid(), {number})
    return module

Core.elaborate = interrupted
from hwsim.__main__ import main
sys.argv = ["hwsim", *{arguments!r}]
sys.exit(main())
"""


def ended(code: str, folder: Path) -> tuple[int, str, str]:
    """Return status, standard output and stderr of Python code that ran in `folder`."""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "module", ["hwsim.cli", "click", "pydantic", "hwsim.cli.estimate", "hwsim.flows.estimate",
               "numpy", "jinja2", "hwsim.report.web_page"]
)  # fmt: skip
def test_while_modules_are_imported(module: str, number: int, tmp_path: Path) -> None:
    arguments = ["estimate", "tiny-yolov2-mini", "--html", "page", "--json", "figures.json"]
    code = AT_IMPORT.format(module=module, number=int(number), arguments=arguments)
    assert ended(code, tmp_path) == (130, "", "hwsim: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["torch._C", "brevitas.nn"])
def test_native_code_is_imported_to_its_end(module: str, tmp_path: Path) -> None:
    """An interrupt inside PyTorch's initialisation would end in an abort."""
    image = str(files("skimage") / "data" / "rocket.jpg")
    arguments = ["run", "condensation-net-mini", "--image", image, "--html", "page", "-q"]
    finder, _, _ = AT_IMPORT.partition("from hwsim")
    code = (
        f"import os; os.environ['XDG_CACHE_HOME'] = {str(tmp_path)!r}\n"
        f"{finder.format(module=module, number=int(signal.SIGINT))}"
        f"from hwsim.cli import main; print(main({arguments!r}), {module!r} in sys.modules)"
    )
    assert ended(code, tmp_path) == (0, "130 True\n", "hwsim: interrupted\n")
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_end_of_an_import(number: int) -> None:
    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    steps = []

    def interrupted_import() -> None:
        with importing_extra("golden", "this test"):
            os.kill(os.getpid(), number)
            steps.append("imported")

    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted_import()
        with (
            pytest.raises(InputError, match="this test needs nowhere"),
            importing_extra("golden", "this test"),
        ):
            raise ModuleNotFoundError(name="nowhere.to.be.found")
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)
    assert steps == ["imported"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_the_hardware_is_made(number: int, tmp_path: Path) -> None:
    """An interrupt hides Amaranth's warnings about components that were never used."""
    arguments = ["rtl", "--config", "nano", "--out", "deep/nano", "-q"]  # however slow it is
    code = IN_THE_HARDWARE.format(number=int(number), arguments=arguments)
    assert ended(code, tmp_path) == (130, "", "hwsim: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_job_in_the_background_ignores_what_its_shell_ignores(tmp_path: Path) -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + AT_IMPORT.format(
        module="numpy", number=int(signal.SIGINT), arguments=["estimate", "tiny-yolov2-mini", "-q"]
    )
    assert ended(code, tmp_path) == (0, "", "")


def test_an_interrupt_after_the_last_word_is_silent(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, hwsim.__main__ as entry;"
        "sys.argv = ['hwsim', 'networks', '-q']; entry.main();"
        "os.kill(os.getpid(), signal.SIGINT)"
    )
    status, _, errors = ended(code, tmp_path)
    assert (status, errors) == (-signal.SIGINT, "")


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hwsim", "--version"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("hwsim 0.")


def test_yosys_ends_at_once(tmp_path: Path) -> None:
    """An interrupt ends Yosys within a pass, since one of ABC's takes half a minute."""
    result = subprocess.run(
        [sys.executable, "-c", CHILD, "yosys.log"],
        cwd=tmp_path,
        input="exec -- kill -INT $PPID\nexec -- touch later\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (-signal.SIGINT, "")
    assert not (tmp_path / "later").exists()


@pytest.mark.parametrize("function", ["tempfile.mkdtemp", "shutil.rmtree"])
def test_a_temporary_folder_goes_whenever_interrupts_come(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt comes right behind the making of the folder, or before its removal."""
    module, name = function.split(".")
    work = getattr({"tempfile": tempfile, "shutil": shutil}[module], name)

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if name == "rmtree":
            os.kill(os.getpid(), signal.SIGINT)
        made = work(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return made

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(function, interrupted)
    with pytest.raises(KeyboardInterrupt), temporary_folder("hwsim-") as folder:
        assert folder.is_dir()
    assert not list(tmp_path.iterdir())


def test_what_yosys_leaves_goes_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files of Yosys lie in its folder, so that they go even if it is killed."""
    folder, others = tmp_path / "folder", tmp_path / "others"
    folder.mkdir()
    others.mkdir()
    monkeypatch.setenv("TMPDIR", str(others))
    run_passes(["exec -- mktemp -d"], folder)
    assert not list(others.iterdir())
