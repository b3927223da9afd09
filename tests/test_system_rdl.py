"""SystemRDL, C header and HTML are right, as the usual tools of integrators read them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from systemrdl.compiler import RDLCompiler
from systemrdl.rdltypes.builtin_enums import AccessType, OnWriteType

from hwsim.arch.config import load_config
from hwsim.isa.descriptor import FIELDS
from hwsim.isa.error_codes import MEANINGS, ErrorCode
from hwsim.isa.fields import Opcode
from hwsim.isa.identity import fingerprint, reset_value
from hwsim.isa.register import Access
from hwsim.isa.registers import REGISTERS
from hwsim.rtl.deliver.system_rdl import Manual, descriptor_map_name, write_manual

CONFIGS = ("nano", "edge")
SOFTWARE = {
    Access.RO: (AccessType.r, None),
    Access.WO: (AccessType.w, None),
    Access.RW: (AccessType.rw, None),
    Access.W1C: (AccessType.rw, OnWriteType.woclr),
}


@pytest.fixture(scope="module")
def manual() -> Manual:
    return write_manual(load_config("edge"), "npu")


def elaborated(rdl: str, top: str, folder: Path) -> Any:
    path = folder / "accelerator.rdl"
    path.write_text(rdl, "utf-8")
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    return compiler.elaborate(top).top


@pytest.mark.parametrize("preset", CONFIGS)
def test_the_rdl_says_what_the_table_says(preset: str, tmp_path: Path) -> None:
    config = load_config(preset)
    top = elaborated(write_manual(config).rdl, "accelerator", tmp_path)
    registers = list(top.registers())
    assert len(registers) == len(REGISTERS)
    for found, entry in zip(registers, REGISTERS, strict=True):
        assert (found.inst_name, found.address_offset) == (entry.name, entry.offset)
        assert found.get_property("desc") == entry.doc
        assert found.size == 4
        word = 0
        for node, field in zip(found.fields(), entry.fields, strict=True):
            assert (node.inst_name, node.low, node.high) == (field.name, field.low, field.high)
            assert node.get_property("desc") == field.doc
            access = (node.get_property("sw"), node.get_property("onwrite"))
            assert access == SOFTWARE[entry.access], entry.name
            word |= node.get_property("reset") << node.low
        assert word == reset_value(entry, config), entry.name


def test_the_rdl_has_the_fingerprint(manual: Manual, tmp_path: Path) -> None:
    """The RDL has the fingerprint as a constant that no hardware writes."""
    top = elaborated(manual.rdl, "npu", tmp_path)
    (node,) = top.get_child_by_name("FINGERPRINT").fields()
    assert node.get_property("reset") == fingerprint(load_config("edge"))
    assert node.get_property("hw") == AccessType.na


def test_the_rdl_names_the_error_codes(manual: Manual, tmp_path: Path) -> None:
    top = elaborated(manual.rdl, "npu", tmp_path)
    enum = top.get_child_by_name("ERROR_CODE").get_child_by_name("code").get_property("encode")
    found = {member.name: (member.value, member.rdl_desc) for member in enum}
    assert found == {code.name: (int(code), MEANINGS[code]) for code in ErrorCode}


@pytest.mark.parametrize("opcode", Opcode)
def test_the_rdl_has_the_descriptors(manual: Manual, opcode: Opcode, tmp_path: Path) -> None:
    top = elaborated(manual.rdl, descriptor_map_name("npu", opcode), tmp_path)
    (word,) = top.registers()
    assert word.size == 64
    low = 0
    for node, field in zip(word.fields(), FIELDS[opcode], strict=True):
        assert (node.inst_name, node.low, node.width) == (field.name, low, field.bits)
        low += field.bits


@pytest.mark.parametrize("standard", ["gnu99", "gnu17"])
def test_the_header_compiles_and_equals_the_table(
    manual: Manual, standard: str, tmp_path: Path
) -> None:
    (tmp_path / "npu.h").write_text(manual.header, "utf-8")
    expected: dict[str, int] = {}
    for entry in REGISTERS:
        expected[f"offsetof(npu_registers_t, {entry.name})"] = entry.offset
        for field in entry.fields:
            prefix = f"NPU__{entry.name}__{field.name.upper()}"
            expected |= {f"{prefix}_bm": field.mask, f"{prefix}_bp": field.low}
            expected[f"{prefix}_bw"] = field.width
    expected |= {f"NPU__ERROR__{code.name}": int(code) for code in ErrorCode}
    for opcode, fields in FIELDS.items():
        low = 0
        for part in fields:
            prefix = f"NPU__DESCRIPTOR__{opcode.name}__{part.name.upper()}"
            expected |= {f"{prefix}_bp": low, f"{prefix}_bw": part.bits}
            low += part.bits
        expected[f"NPU__DESCRIPTOR__{opcode.name}__OPCODE_value"] = int(opcode)
    prints = "\n".join(f'printf("%llu\\n", (unsigned long long){key});' for key in expected)
    (tmp_path / "main.c").write_text(
        '#include "npu.h"\n#include <stddef.h>\n#include <stdio.h>\n'
        f"int main(void) {{\n{prints}\nreturn 0; }}\n"
    )
    flags = ["-Wall", "-Wextra", "-Werror", f"-std={standard}"]
    subprocess.run(["cc", *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    output = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    found = [int(line) for line in output.stdout.split()]
    assert dict(zip(expected, found, strict=True)) == expected


def test_the_html_stands_alone(manual: Manual) -> None:
    """The HTML opens from a disk and fetches nothing, not even a file in its folder."""
    index = manual.files["index.html"].decode()
    assert not re.search(r'(src|href)="https?:', index.replace('<a href="https:', ""))
    script = manual.files["data/files.js"].decode()
    pages = json.loads(script[script.index("{") : script.index(";\nwindow.MathJax")])
    fetched = {path for path in manual.files if path.startswith("content/")}
    assert fetched <= pages.keys()
    assert {"data/ral-data-0.json", "search/bkt-0.json"} <= pages.keys()
    assert "window.fetch = async (path) => {" in script
    scripts = [text.decode() for path, text in manual.files.items() if path.startswith("js/")]
    calls = [call for text in scripts for call in re.findall(r"\bfetch\((.*?)\)", text)]
    assert calls
    assert set(calls) == {"path"}, "something is fetched in another way"
    text = " ".join(pages.values())
    for entry in REGISTERS:
        assert entry.name in text
    for code in ErrorCode:
        assert MEANINGS[code].split(":")[0].split("'")[0] in text
    assert len(pages) >= len(REGISTERS) + len(Opcode)
    assert sum(map(len, manual.files.values())) < 2_000_000


@pytest.mark.parametrize("name", ["opcode", "field", "addrmap", "x", "my_accelerator"])
def test_any_name_will_do(name: str, tmp_path: Path) -> None:
    top = elaborated(write_manual(load_config("nano"), name).rdl, name, tmp_path)
    assert top.inst_name == name


def test_the_manual_is_the_same_every_time(manual: Manual) -> None:
    assert write_manual(load_config("edge"), "npu") == manual
