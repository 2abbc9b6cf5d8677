"""Pictures in files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.reports import READINESS
from tunekit.errors import UsageError
from tunekit.report import plot
from tunekit.report.pictures import Axis, Curve, Picture, pictures

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'tunekit[plot]'")

ODD = Picture(
    title="a $price$ <of> \x1b[31m & so on",
    x=Axis(label="bytes", unit="B"),
    y=Axis(label="time", unit="s", log=False),
    curves=(Curve(label="$x$", measured=((4096, 1e-3), (1 << 20, 2e-3))),),
)


def texts(svg: bytes) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter() if each.text]


def test_a_drawing_says_what_it_shows_in_units() -> None:
    found = texts(plot.draw(pictures(READINESS), ".svg"))
    for text in (
        "a blocking call, one of them active (inet)",
        "a blocking call, all of them active (inet)",
        "descriptors watched",
        "time of a call",
        "10 us",
        "1 ms",
        "epoll",
        "lines: predicted",
    ):
        assert text in found


def test_sizes_are_written_in_powers_of_two() -> None:
    found = texts(plot.draw((ODD,), ".svg"))
    assert {"16 KiB", "1 MiB"} & set(found)


def test_text_from_elsewhere_is_shown_as_it_is() -> None:
    found = texts(plot.draw((ODD,), ".svg"))
    assert "a $price$ <of> \\x1b[31m & so on" in found
    assert "$x$" in found


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG\r\n\x1a\n"), (".svg", b"<?xml ")])
def test_the_suffix_decides_the_form(suffix: str, start: bytes) -> None:
    assert plot.draw(pictures(READINESS), suffix).startswith(start)


def test_the_same_figures_make_the_same_bytes() -> None:
    assert plot.draw(pictures(READINESS), ".svg") == plot.draw(pictures(READINESS), ".svg")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.pdf", "--plot: 'x.pdf' is no picture's name; end it in .svg or .png"),
        ("no/x.svg", "--plot: no folder 'no'; mkdir -p no"),
    ],
)
def test_a_place_that_cannot_be_drawn_to_is_said(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        plot.check(Path(name))
    assert str(caught.value) == message


def test_without_matplotlib_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    # -S leaves out site-packages, and so all that is installed.
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            "from pathlib import Path\n"
            "from tunekit.report import plot\n"
            f"plot.check(Path({str(tmp_path / 'x.svg')!r}))",
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith(
        "UsageError: --plot: drawing needs matplotlib, which is not installed; "
        "pip install 'tunekit[plot]', or apt-get install python3-matplotlib\n"
    )
