"""What each target gets, whole; hostile text stays a comment."""

from __future__ import annotations

import pytest

from tunekit.files.export import Bundle, Target, export
from tunekit.files.export.model import Bound, FieldWish, Item, LimitItem
from tunekit.values import SysctlKey

BUNDLE = Bundle(
    name="mine",
    summary="For a test",
    items=(
        Item(
            key=SysctlKey.parse("net.core.somaxconn"),
            value="65535",
            demand="{at_least: 65535}",
            fields=(FieldWish(bound=Bound.AT_LEAST, number=65535),),
            reason="a longer queue",
            source="listen(2)",
            own=True,
            place="mine.yaml:5",
        ),
        Item(
            key=SysctlKey.parse("fs.file-max"),
            value="100000",
            demand="{exactly: 100000}",
            fields=(FieldWish(bound=Bound.EXACTLY, number=100000),),
            optional=True,
            place="mine.yaml:6",
        ),
    ),
    limits=(
        LimitItem(
            name="nofile",
            soft=4096,
            hard=None,
            demand="{exactly: [4096, unlimited]}",
            reason="a descriptor each",
            place="mine.yaml:8",
        ),
    ),
    connections=10,
    allow=("fs.file-max",),
)

SYSCTL_D = """\
# tunekit profile: mine
# tunekit summary: For a test

# a longer queue
# tunekit source: listen(2)
# tunekit: {at_least: 65535}
net.core.somaxconn = 65535

# tunekit: {exactly: 100000}
-fs.file-max = 100000

# tunekit limits.nofile: {exactly: [4096, unlimited]}
# tunekit probe.connections: 10
# tunekit allow: fs.file-max

# not carried over: mine.yaml:5: net.core.somaxconn: {at_least: 65535}: written as 65535: a host \
that has more is lowered to it
# not carried over: mine.yaml:8: limits.nofile: sysctl.d holds no limits: see --to systemd and \
--to shell
"""
TUNED = """\
# tunekit profile: mine
# tunekit summary: For a test

[main]
summary=For a test

[sysctl]
# a longer queue
# tunekit source: listen(2)
# tunekit: {at_least: 65535}
net.core.somaxconn=>65535

# tunekit: {exactly: 100000}
fs.file-max=100000
"""
SYSTEMD = """\
# tunekit profile: mine
# tunekit summary: For a test
# save as /etc/systemd/system/UNIT.d/90-tunekit.conf, then: systemctl daemon-reload

[Service]
# a descriptor each
LimitNOFILE=4096:infinity
"""
DOCKER = """\
# tunekit profile: mine
# tunekit summary: For a test
# add to your service: docker compose -f compose.yaml -f FILE up
services:
  app:
    sysctls:
      # a longer queue
      # tunekit source: listen(2)
      # tunekit: {at_least: 65535}
      net.core.somaxconn: "65535"
    ulimits:
      # a descriptor each
      nofile:
        soft: 4096
        hard: -1

# not carried over: mine.yaml:6: fs.file-max: {exactly: 100000}: the whole host has one value: set \
it on the host
"""
KUBERNETES = """\
spec:
  securityContext:
    sysctls:
      # unsafe: the pod fails with SysctlForbidden unless the kubelet is started with
      # --allowed-unsafe-sysctls=net.core.somaxconn
      # a longer queue
      # tunekit source: listen(2)
      # tunekit: {at_least: 65535}
      - name: net.core.somaxconn
        value: "65535"
"""
ANSIBLE = """\
    - name: Set them now
      ansible.builtin.command:
        argv: [sysctl, -e, -p, /etc/sysctl.d/90-mine.conf]
      when: tunekit_settings is changed
"""
SHELL = """\
numbers net/core/somaxconn required '' min:65535

# tunekit: {exactly: 100000}
numbers fs/file-max optional '' is:100000

[ $# -gt 0 ] || exit "$failed"
# a descriptor each
limit n is 4096 unlimited
[ "$failed" -eq 0 ] || exit 1
exec "$@"
"""


def test_a_file_for_sysctl_d_is_this() -> None:
    assert export(BUNDLE, Target.SYSCTL_D).text == SYSCTL_D


@pytest.mark.parametrize(
    ("target", "part"),
    [
        (Target.TUNED, TUNED),
        (Target.SYSTEMD, SYSTEMD),
        (Target.DOCKER, DOCKER),
        (Target.KUBERNETES, KUBERNETES),
        (Target.ANSIBLE, ANSIBLE),
        (Target.SHELL, SHELL),
    ],
    ids=lambda value: value.value if isinstance(value, Target) else "",
)
def test_the_other_targets_have_this(target: Target, part: str) -> None:
    assert part in export(BUNDLE, target).text


@pytest.mark.parametrize(
    ("fields", "unlimited", "line"),
    [
        ((FieldWish(bound=Bound.AT_LEAST, number=7),), (), "net.core.somaxconn=>7"),
        ((FieldWish(bound=Bound.AT_MOST, number=7),), (), "net.core.somaxconn=<7"),
        ((FieldWish(bound=Bound.EXACTLY, number=7),), (), "net.core.somaxconn=7"),
        # TuneD would take 0 for less than 7, and compares one number alone.
        ((FieldWish(bound=Bound.AT_LEAST, number=7),), (0,), "net.core.somaxconn=7"),
        ((FieldWish(bound=Bound.AT_LEAST, number=7),) * 2, (), "net.core.somaxconn=7"),
    ],
)
def test_tuned_is_told_to_raise_where_it_can_be(
    fields: tuple[FieldWish, ...], unlimited: tuple[int, ...], line: str
) -> None:
    key = SysctlKey.parse("net.core.somaxconn")
    item = Item(key=key, value="7", demand="x", fields=fields, unlimited=unlimited)

    exported = export(Bundle(name="x", items=(item,)), Target.TUNED)

    assert line in exported.text.splitlines()
    assert bool(exported.left_out) is ("lowered to it" in exported.text)
    assert bool(exported.left_out) is (line == "net.core.somaxconn=7" and not item.is_literal)


@pytest.mark.parametrize("target", Target, ids=lambda target: target.value)
def test_what_is_not_carried_over_stands_at_the_end_of_the_file(target: Target) -> None:
    exported = export(BUNDLE, target)

    said = [line for line in exported.text.splitlines() if line.startswith("# not carried over: ")]
    assert said == [f"# not carried over: {left}" for left in exported.left_out]
    assert said or target is Target.SHELL


@pytest.mark.parametrize("target", Target, ids=lambda target: target.value)
def test_text_of_a_profile_cannot_leave_its_comment(target: Target) -> None:
    hostile = Bundle(
        name="x\nevil = 1",
        summary="{{ 7 * 7 }}\r\nevil = 1",
        items=(
            Item(
                key=SysctlKey.parse("net.core.somaxconn"),
                value="1",
                demand="{exactly: 1}",
                reason="one\nevil = 1\x00\x1b[31m",
                source="two\u2028evil = 1",
                own=True,
                place="a\nb:1",
            ),
        ),
    )

    lines = export(hostile, target).text.replace("\x00", "\n").splitlines()

    assert not [line for line in lines if line.strip().startswith("evil")]
    assert "\x1b" not in "".join(lines)
