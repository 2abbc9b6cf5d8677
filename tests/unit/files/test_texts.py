"""What tunekit writes into files that root reads: nothing from a profile may become a line."""

from __future__ import annotations

import pytest

from tunekit.errors import UsageError
from tunekit.files import sysctl_d, texts
from tunekit.files.model import Assignment, Reader
from tunekit.files.texts import Line, SoftHard


def test_a_file_says_whose_it_is_and_why_each_line_is_there() -> None:
    lines = [texts.sysctl_line("net.core.somaxconn", "65535", "a long queue"), Line(text="b = 1")]
    assert texts.document("web", "tunekit persist --remove web", lines) == (
        "# Written by tunekit for the profile web; undo with: tunekit persist --remove web\n"
        "\n"
        "# a long queue\n"
        "net.core.somaxconn = 65535\n"
        "b = 1\n"
    )


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "\x1b[2J"])
def test_control_characters_are_refused_wherever_they_come_from(bad: str) -> None:
    for write in (
        lambda: texts.document(bad, "undo", []),
        lambda: texts.document("web", bad, []),
        lambda: texts.document("web", "undo", [Line(text="x = 1", reason=bad)]),
        lambda: texts.boot_unit("web", "undo", ["/bin/tunekit", bad]),
        lambda: texts.sysctl_line("a.b", bad, ""),
    ):
        with pytest.raises(UsageError):
            write()


@pytest.mark.parametrize("reader", list(Reader))
@pytest.mark.parametrize("value", ["1", "4096 16384 4194304", "8080,9000-9100", "", "a=b", "#1"])
def test_a_line_reads_back_as_it_was_meant(reader: Reader, value: str) -> None:
    reason = "= x \\ # ; [Service] ' \" %s 世界"
    line = texts.sysctl_line("net.ipv4.conf.eth0/100.rp_filter", value, reason)
    text = texts.document("p", "undo", [line])
    assert [
        (each.path, each.value)
        for each in sysctl_d.parse(text, "/etc/sysctl.d/a.conf", reader)
        if isinstance(each, Assignment)
    ] == [("net/ipv4/conf/eth0.100/rp_filter", value)]


def test_limits_for_units_and_for_sessions() -> None:
    limits = [SoftHard(name="nofile", soft=65536, hard=524288, reason="one a connection")]
    assert [line.text for line in texts.unit_lines(limits)] == [
        "[Service]",
        "LimitNOFILE=65536:524288",
    ]
    assert [line.text for line in texts.unit_lines(limits, manager=True)] == [
        "[Manager]",
        "DefaultLimitNOFILE=65536:524288",
    ]
    assert [line.text for line in texts.pam_lines(["app", "@web"], limits)] == [
        "app soft nofile 65536",
        "app hard nofile 524288",
        "@web soft nofile 65536",
        "@web hard nofile 524288",
    ]


def test_limits_of_sessions_are_in_kibibytes_where_pam_has_them_so() -> None:
    limits = [SoftHard(name="memlock", soft=65536, hard=-1)]
    assert [line.text for line in texts.pam_lines(["app"], limits)] == [
        "app soft memlock 64",
        "app hard memlock unlimited",
    ]
    assert texts.unit_lines(limits)[1].text == "LimitMEMLOCK=65536:infinity"
    with pytest.raises(UsageError, match=r"limits\.d has no such limit"):
        texts.pam_lines(["app"], [SoftHard(name="rttime", soft=1, hard=1)])


@pytest.mark.parametrize(
    "name", ["../x.service", "a b.service", "x.service\n", ".service", "-x", ""]
)
def test_what_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a unit"):
        texts.refuse_unit(name)


@pytest.mark.parametrize("name", ["nginx", "nginx.service", "a@b.service", r"dev-x\x2dy.mount"])
def test_what_is_a_unit_is_taken(name: str) -> None:
    assert texts.refuse_unit(name).startswith(name)


@pytest.mark.parametrize("name", ["*", "%wheel", "a b", "root nofile", "", "-x", "1:2"])
def test_what_is_no_account_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a user or group"):
        texts.refuse_account(name)


def test_the_command_of_a_unit_is_quoted() -> None:
    unit = texts.boot_unit("a%b", "undo", ["/bin/tunekit", "apply", '/x/50% "$HOME"\\y.yaml'])
    assert 'ExecStart="/bin/tunekit" "apply" "/x/50%% \\"$$HOME\\"\\\\y.yaml"\n' in unit
    assert "Description=Apply the tunekit profile a%%b\n" in unit
