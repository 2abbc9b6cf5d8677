"""What is said beyond the catalogue's entries agrees with it, and costs nobody else anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tunekit import catalog
from tunekit.catalog.remarks import REMARKS
from tunekit.catalog.topics import TOPICS, Topic, find_topic

NAMES = [name for topic in TOPICS for name in topic.names]


@pytest.mark.parametrize(
    "name",
    [
        "RLIMIT_NOFILE",
        "SO_SNDBUF",
        "SO_RCVBUF",
        "SO_REUSEPORT",
        "listen backlog",
        "NAPI budget",
        "TCP_NOTSENT_LOWAT",
    ],
)
def test_what_has_no_key_has_a_topic(name: str) -> None:
    topic = find_topic(name)
    assert topic is not None
    assert topic.names[0] == name
    assert find_topic(f" {name.lower()} ") is topic


def test_each_name_means_one_thing() -> None:
    assert len({name.lower() for name in NAMES}) == len(NAMES)
    assert [name for name in NAMES if catalog.find(name)] == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda each: each.names[0])
def test_a_topic_is_whole_and_refers_to_what_there_is(topic: Topic) -> None:
    assert topic.kind
    assert topic.summary
    assert topic.source
    assert topic.text.endswith(".")
    known = {each.pattern for each in catalog.entries()} | set(NAMES)
    assert [name for name in topic.related if name not in known] == []
    if topic.entry:
        assert catalog.find(topic.entry) is not None
    else:
        assert all((topic.value, topic.unit, topic.default, topic.scope, topic.takes_effect))


def test_a_remark_belongs_to_an_entry_and_is_a_sentence() -> None:
    patterns = {each.pattern for each in catalog.entries()}
    assert [key for key in REMARKS if key not in patterns] == []
    assert [key for key, text in REMARKS.items() if not text.endswith(".")] == []


def test_the_long_texts_are_loaded_by_nobody_else() -> None:
    code = (
        "import sys, tunekit; tunekit.inspect(keys=['net.core.somaxconn', 'rlimit.nofile']);"
        "print([m for m in sys.modules if m.endswith(('.topics', '.remarks'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
