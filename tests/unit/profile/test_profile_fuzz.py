"""Whatever the bytes, loading ends in a profile or a TunekitError.

The long run takes 100,000 inputs for each target, or as many as TUNEKIT_FUZZ_EXAMPLES says:

    pytest -m full tests/unit/profile/test_profile_fuzz.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tunekit.errors import TunekitError
from tunekit.kernel.host import HostFacts
from tunekit.profile import nodes
from tunekit.profile.files import from_bytes
from tunekit.profile.problems import UNSAFE, Problems
from tunekit.profile.resolve import resolve
from tunekit.profile.variables import parse_assignments
from tunekit.values import SysctlKey

FULL = int(os.environ.get("TUNEKIT_FUZZ_EXAMPLES", "100000"))
PARTS = 20
CI = 1_000
FACTS = HostFacts(ram=16 << 30, cpus=4, page_size=4096)

VALID = """\
tunekit: 1
name: many
summary: Hold many connections
extends: [base, ./other.yaml]
vars:
  connections: 10k
  processes: 1
sysctl:
  fs.file-max: {at_least: 4 * connections + 65536, optional: true, reason: r, source: s}
  net.core.somaxconn: {at_least: 65535, at_most: 1m}
  net.ipv4.tcp_wmem: {at_least: [4096, 16384, 4MiB]}
  net.ipv4.tcp_rmem: 4096 131072 32MiB
  net.ipv4.tcp_congestion_control: {prefer: [bbr, cubic]}
  net.ipv4.ip_local_reserved_ports: 8080,9000-9100
  net.ipv4.conf.eth0/100.forwarding: 1
  kernel.odd: &a [1, keep]
limits:
  nofile: {at_least: connections // processes + 1024}
  memlock: unlimited
probe:
  connections: min(connections, ram // 64KiB)
allow: [kernel.odd, net.ipv4.conf.eth0/100.forwarding]
"""
PIECES = [
    *["[", "]", "{", "}", "- ", "? ", ": ", ", ", "\n", "\n  ", "\n    ", "\t", "#", "|", ">", "'"],
    *['"', "&a ", "*a", "!!int ", "!x ", "%YAML 1.1\n", "---\n", "...\n", "<<: ", "@", "`", "~"],
    *["tunekit: 1\n", "sysctl:\n", "limits:\n", "vars:\n", "probe:\n", "allow:\n", "extends: "],
    *["net.core.somaxconn", "net.ipv4.tcp_rmem", "net.ipv4.ip_local_port_range", "nofile", "keep"],
    *["net.ipv4.tcp_congestion_control", "net.ipv4.ip_local_reserved_ports", "kernel.odd", "null"],
    *["at_least", "at_most", "exactly", "prefer", "optional", "reason", "connections", "true"],
    *["max(", "min(", "(", ")", "+", "-", "*", "//", "/", "**", "0", "030", "12:30:45", "1_000"],
    *["0x10", "0o30", "1e5", "1e99", "9**9**9", "9" * 30, "4m", "4MiB", "-1", "on", "ram", "cpus"],
    *[
        "\0",
        "\x1b",
        "\x85",
        "\u2028",
        "\ufeff",
        "\U0001f600",
        "\\ud800",
        "\\x00",
        "\\U0010ffff",
        "\\Uffffffff",
    ],
    *["٣", "²", "é"],
]

# What can stand where a value or a name does without breaking the YAML around it.
WORDS = [piece for piece in PIECES if re.fullmatch(r"[\w.+/(): -]*\w[\w.+/() -]*", piece)]
WORDS += ["+ 1", "// 0", "* ram", "(1 + 2)", ")", "-", "max(1)", "4096 16384", "9093-9095"]
TOKEN = re.compile(r"([\w./-]+)")

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=60).map("".join)
values = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """A valid profile with some of its text cut out, doubled or replaced."""
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        middle = draw(st.sampled_from(["", text[start:end] * 2]) | st.sampled_from(PIECES) | values)
        text = text[:start] + middle + text[end:]
    return text


@st.composite
def amendments(draw: st.DrawFn) -> str:
    """A valid profile with some of its words replaced by others: mostly good YAML."""
    tokens = TOKEN.split(VALID)
    for _ in range(draw(st.integers(0, 3))):
        index = draw(st.integers(0, len(tokens) // 2 - 1)) * 2 + 1
        tokens[index] = draw(st.sampled_from(WORDS) | phrases)
    return "".join(tokens)


@st.composite
def statements(draw: st.DrawFn) -> str:
    """A well-formed frame around values of any kind."""
    names = st.sampled_from([piece for piece in PIECES if "." in piece])
    wild = draw(st.booleans())
    value = values if wild else phrases | st.lists(phrases).map(lambda all: f"[{', '.join(all)}]")
    lines = draw(st.lists(st.tuples(names | values if wild else names, value), max_size=6))
    section = draw(st.sampled_from(["sysctl", "limits", "vars", "probe"]))
    return f"tunekit: 1\n{section}:\n" + "".join(f"  {key}: {value}\n" for key, value in lines)


@st.composite
def nestings(draw: st.DrawFn) -> str:
    """Brackets, block lists, indentation or aliases, nested from a little to far too much."""
    depth = draw(st.sampled_from([1, 5, 15, 16, 17, 1000, 50_000]))
    part = draw(st.sampled_from(["[", "{a: ", "- ", "? ", "[[", "{[", "&a [", "!x ["]))
    close = draw(st.sampled_from(["", "]" * depth, "}" * depth]))
    laughs = "".join(
        f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 'ha'}]\n" for i in range(12)
    )
    ladder = "\n".join(" " * i + "a:" for i in range(min(depth, 300)))
    return draw(st.sampled_from([part * depth + close, laughs, ladder, VALID + part * depth]))


encoded = st.builds(
    lambda text, codec: text.encode(codec, "replace"),
    mutations() | statements() | texts,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1"]),
)
near = (amendments() | statements()).map(str.encode)
far = (
    mutations().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | nestings().map(str.encode)
    | encoded
    | st.binary(max_size=200)
)
files = st.booleans().flatmap(lambda is_near: near if is_near else far)
overrides = st.dictionaries(st.sampled_from(["connections", "n", "ram"]), values, max_size=2)
keys = (
    st.lists(st.sampled_from([*PIECES, ".", "/", "..", "a", "eth0", "-"]), max_size=8).map("".join)
    | st.text(max_size=40)
    | st.text(st.characters(categories=["Cs", "Cc", "Zl"]) | st.sampled_from("./a"), max_size=9)
)


def load_bytes(data: bytes, variables: dict[str, str]) -> None:
    """Do all that loading does after a file has been opened."""
    problems = Problems()
    try:
        document = from_bytes(data, "p.yaml", problems)
        profile = resolve(document, variables, FACTS, lambda key: len(key.parts) == 2, problems)
    except TunekitError as error:
        shown = str(error)
    else:
        shown = "".join(
            [profile.name, profile.summary, *profile.warnings, *map(str, profile.allow)]
        )
    assert not UNSAFE.search(shown.replace("\n", " "))


def parse_without_c(data: bytes) -> None:
    """Read the YAML as an installation without libyaml does."""
    problems = Problems()
    node = nodes.parse(data, "p.yaml", problems, loader=yaml.SafeLoader)
    assert (node is None) == problems.broken
    assert not problems.broken or problems.errors


def parse_key(text: str) -> None:
    """Parse a key, and parse its own text again."""
    try:
        key = SysctlKey.parse(text)
    except TunekitError:
        return
    assert not {"", ".", ".."}.intersection(key.parts)
    assert SysctlKey.parse(str(key)) == key


def parse_set(text: str) -> None:
    """Read a `--set`."""
    try:
        found = parse_assignments([text])
    except TunekitError:
        return
    assert len(found) == 1


def test_the_profile_that_the_mutations_begin_with_is_valid() -> None:
    problems = Problems()
    document = from_bytes(VALID.encode(), "p.yaml", problems)

    profile = resolve(document, {}, FACTS, lambda key: len(key.parts) == 2, problems)

    assert len(profile.settings) == 8


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )


TARGETS: list[tuple[Callable[..., None], tuple[st.SearchStrategy[object], ...]]] = [
    (load_bytes, (files, overrides)),
    (parse_without_c, (files,)),
    (parse_key, (keys,)),
    (parse_set, (keys | values.map("n={}".format),)),
]
NAMES = [target.__name__ for target, _ in TARGETS]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "strategies"), TARGETS, ids=NAMES)
def test_nothing_but_a_tunekit_error(target, strategies) -> None:
    examples(CI)(given(*strategies)(target))()


@pytest.mark.full
@pytest.mark.parametrize(("target", "strategies"), TARGETS, ids=NAMES)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_but_a_tunekit_error_in_the_long_run(part, target, strategies) -> None:
    # Each part begins from another seed; one long search would narrow down.
    examples(FULL // PARTS)(seed(FULL + part)(given(*strategies)(target)))()
