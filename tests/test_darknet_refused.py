"""Unsupported parts of darknet's `.cfg` are told with their lines, all of them at once."""

from pathlib import Path

import pytest

import hwsim
from hwsim.cli import main
from hwsim.errors import InputError, UnsupportedError
from hwsim.frontends.darknet_cfg import read_network
from tests.darknet_files import (
    CONV,
    NET,
    POOL,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.cfg"


OTHERS = [  # sections that darknet has
    "shortcut", "scale_channels", "sam", "crop", "cost", "detection", "Gaussian_yolo", "local",
    "activation", "crnn", "gru", "lstm", "conv_lstm", "history", "rnn", "conn", "connected",
    "local_avg", "local_avgpool", "reorg3d", "reorg", "avg", "avgpool", "dropout", "lrn",
    "normalization", "batchnorm", "soft", "softmax", "contrastive", "empty", "silence", "implicit",
]  # fmt: skip


REFUSED = {  # what is below [net], and what is said of it; CONV has lines 5 to 10
    "[shortcut]\nfrom=-3\n": ["line 5: section 'shortcut' is not supported"],
    CONV + "dilation=17\n": [
        "line 11: [convolutional] dilation = '17' must be an integer from 1 to 16"
    ],
    CONV.replace("pad=1\n", "dilation=2\n"): [
        "line 9: [convolutional] dilation = 2 needs an odd kernel, padded by half of it: size = 3 "
        "is padded by 0"
    ],
    CONV.replace("size=3", "size=4\ndilation=2"): [
        "line 9: [convolutional] dilation = 2 needs an odd kernel, padded by half of it: size = 4 "
        "is padded by 2"
    ],
    CONV.replace("size=3", "size=256"): [
        "line 8: [convolutional] size = '256' must be an integer from 1 to 255"
    ],
    CONV.replace("leaky", "mish"): [
        "line 10: [convolutional] activation = 'mish' must be linear, leaky or relu"
    ],
    CONV.replace("activation=leaky\n", ""): [
        "line 5: [convolutional] has no activation: darknet's own default, logistic, is not "
        "supported"
    ],
    CONV + CONV.replace("8", "8k"): [
        "line 13: [convolutional] filters = '8k' must be an integer from 1 to 65535"
    ],
    CONV + "size=3\n": ["line 11: 'size' stands twice in its section"],
    CONV + "groups=2\n": [
        "line 5: layer conv0: groups = 2 must be a divisor of channels = 3"
    ],
    CONV + "[maxpool]\nsize=2\nstride=3\n": [
        "line 12: [maxpool] size = '2' must be an integer from 3 to 15"
    ],
    CONV + "[maxpool]\nsize=2\nstride=16\n": [
        "line 13: [maxpool] stride = '16' must be an integer from 1 to 15"
    ],
    CONV + "[upsample]\nstride=4\n": ["line 12: [upsample] stride = '4' must be 2"],
    CONV + "[route]\nlayers=-2\n": ["line 11: [route] layer -2 is none of the 1 before it"],
    CONV + "[route]\nlayers=1\n": ["line 11: [route] layer 1 is none of the 1 before it"],
    "[route]\nlayers=-1\n": ["line 5: [route] layer -1 is none of the 0 before it"],
    CONV + "[route]\nlayers=-1\ngroups=3\n": [
        "line 11: [route] groups = 3 do not divide the 8 channels of conv0"
    ],
    CONV + POOL.format(2) + "[route]\nlayers=0,1\n": [
        "line 14: layer route2: joins maps of different sizes: the first has 48x64 pixels, number "
        "2 has 24x32"
    ],
    CONV + CONV + "[route]\nlayers=0\n": ["line 11: no later section reads conv1"],
    CONV + "[yolo]\nmask=0\nanchors=1,2\nclasses=4\n": [
        "line 11: layer yolo1: its input has 8 channels: 1 boxes of 4 classes need 9"
    ],
    CONV + "[yolo]\nmask=1\nanchors=1,2\nclasses=3\n": ["line 11: [yolo] mask 1: must be 0 to 0"],
    CONV + "[yolo]\nmask=0\nanchors=1\nclasses=3\n": ["line 11: [yolo] 1 anchors: num = 1 needs 2"],
    CONV + "[yolo]\nmask=0\nanchors=1,2\nclasses=3\n" + CONV: [
        "line 15: [convolutional] reads yolo1, which the host computes"
    ],
    CONV + "[yolo\n": ["line 11: '[yolo' has no ] at its end", "line 11: [yolo] has no anchors",
                       "line 11: [yolo] has no mask"],
    CONV + "nonsense\n": ["line 11: 'nonsense' is neither [a section] nor key=value"],
    "": ["line 1: no section follows [net]: a network has layers"],
    CONV + NET: ["line 11: section 'net' is not supported"],
    "letter_box=1\n" + CONV: ["line 5: [net] 'letter_box' is not supported"],
}  # fmt: skip


@pytest.mark.parametrize("below", REFUSED)
def test_what_is_not_supported_is_told_with_its_line(below: str, file: Path) -> None:
    file.write_text(NET + below)
    with pytest.raises(UnsupportedError) as caught:
        read_network(file)
    first, *others = caught.value.lines
    lines = [first.removeprefix(f"network '{file}': "), *others]
    assert lines[-len(REFUSED[below]) :] == REFUSED[below]
    assert len(others) == (len(REFUSED[below]) if len(REFUSED[below]) > 1 else 0)


@pytest.mark.parametrize("parts", [OTHERS[:18], OTHERS[18:]])
def test_every_other_section_of_darknets_is_told_with_its_line(
    parts: list[str], file: Path
) -> None:
    file.write_text(NET + "".join(f"[{kind}]\nsize=3\n" for kind in parts) + CONV)
    with pytest.raises(UnsupportedError) as caught:
        read_network(file)
    assert caught.value.lines[1:] == tuple(
        f"line {5 + 2 * index}: section '{kind}' is not supported"
        for index, kind in enumerate(parts)
    )


def test_all_of_it_is_told_at_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = NET + "swish=1\n[shortcut]\n" + CONV.replace("leaky", "mish") + "[maxpool]\nsize=25\n"
    file.write_text(text)
    assert main(["estimate", str(file)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"hwsim: error: network '{file}': it cannot be taken for these reasons:",
        "  line 5: [net] 'swish' is not supported",
        "  line 6: section 'shortcut' is not supported",
        "  line 12: [convolutional] activation = 'mish' must be linear, leaky or relu",
        "  line 14: [maxpool] size = '25' must be an integer from 1 to 15",
    ]
    file.write_text(NET + "[shortcut]\n" * 300)
    assert main(["estimate", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 280 more"


def test_a_file_has_at_most_a_thousand_sections(file: Path) -> None:
    file.write_text(NET + (CONV + POOL.format(1)) * 499 + CONV)
    assert len(read_network(file).operators) == 999
    file.write_text(NET + (CONV + POOL.format(1)) * 500)
    with pytest.raises(UnsupportedError, match=r": line 4502: more than 1,000 sections$"):
        read_network(file)


@pytest.mark.parametrize("text", ["", "\0", "[conv]\n", "width=3\n", "# nothing\n", "[]\n"])
def test_what_does_not_begin_with_net_is_refused(text: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(UnsupportedError, match=r"the first section must be \[net\]"):
        read_network(file)


def test_files_that_cannot_be_read_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read network '.*own.cfg': No such file"):
        hwsim.load(file)
    file.mkdir()
    with pytest.raises(InputError, match="is a folder, no file"):
        hwsim.load(file)


def test_what_its_stages_cannot_be_is_told_with_the_file(file: Path) -> None:
    file.write_text(NET + CONV + "[route]\nlayers=-1,-1\n" * 8 + CONV)
    with pytest.raises(InputError, match=r"^network '.*own.cfg': line \d+: layer route7 joins 128"):
        hwsim.load(file)
