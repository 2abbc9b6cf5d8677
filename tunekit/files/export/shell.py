"""A POSIX shell script for hosts without tunekit; the one target that keeps "at least"."""

from __future__ import annotations

import shlex

from tunekit.files.exchange import LeftOut
from tunekit.files.export import common
from tunekit.files.export.model import Bound, Bundle, Exported, Item, LimitItem

# Those that every shell counts alike; others it lacks, or counts in units of its own.
_OPTIONS = {"cpu": "t", "nofile": "n"}

_FUNCTIONS = r"""
set -u
failed=0

complain() {
    echo "$0: $*" >&2
    failed=1
}

# absent KEY OPTIONAL: whether there is no such key here, which is said unless it is optional.
absent() {
    [ ! -e "/proc/sys/$1" ] || return 1
    [ "$2" = optional ] || complain "$1: no such key on this host"
}

# refused OPTIONAL WHAT: an optional key that cannot be written is said, and no failure.
refused() {
    if [ "$1" = optional ]; then echo "$2 (optional)" >&2; else complain "$2"; fi
}

# put KEY OPTIONAL VALUE: write a value unless it is there, and read it back.
put() {
    old=$(tr '\t' ' ' <"/proc/sys/$1") || { complain "$1: cannot be read"; return; }
    [ "$old" != "$3" ] || return 0
    if ! { printf '%s\n' "$3" >"/proc/sys/$1"; } 2>/dev/null; then
        refused "$2" "$1: cannot be written: $3"
        return
    fi
    new=$(tr '\t' ' ' <"/proc/sys/$1")
    [ "$new" = "$3" ] || { complain "$1: reads $new after $3 was written"; return; }
    echo "$1: $old -> $3"
}

# text KEY OPTIONAL VALUE
text() { absent "$1" "$2" || put "$1" "$2" "$3"; }

# first KEY OPTIONAL VALUE...: the first that the kernel takes.
first() {
    key=$1
    optional=$2
    shift 2
    ! absent "$key" "$optional" || return 0
    for value in "$@"; do
        [ "$(cat "/proc/sys/$key")" != "$value" ] || return 0
        { printf '%s\n' "$value" >"/proc/sys/$key"; } 2>/dev/null || continue
        echo "$key: $value"
        return 0
    done
    refused "$optional" "$key: takes none of $*"
}

# numbers KEY OPTIONAL UNLIMITED FIELD...: a field is keep, is:N, min:N (N or more) or max:N.
numbers() {
    key=$1
    optional=$2
    unlimited=$3
    shift 3
    ! absent "$key" "$optional" || return 0
    left=$(tr '\t' ' ' <"/proc/sys/$key") || { complain "$key: cannot be read"; return 0; }
    wanted=
    for field in "$@"; do
        has=${left%% *}
        left=${left#"$has"}
        left=${left# }
        number=${field#*:}
        case $field in
            keep) number=$has ;;
            is:*) ;;
            *)
                case " $unlimited " in
                    *" $number "*) ;;
                    *" $has "*) number=$has ;;
                    *)
                        case $field in
                            min:*) [ "$has" -lt "$number" ] || number=$has ;;
                            max:*) [ "$has" -gt "$number" ] || number=$has ;;
                        esac
                        ;;
                esac
                ;;
        esac
        wanted="$wanted${wanted:+ }$number"
    done
    put "$key" "$optional" "$wanted"
}

# pick BOUND HAS WANTED: what a limit becomes.
pick() {
    case $1:$2:$3 in
        min:unlimited:* | max:*:unlimited) echo "$2" ;;
        is:* | min:*:unlimited | max:unlimited:*) echo "$3" ;;
        min:*) [ "$2" -ge "$3" ] && echo "$2" || echo "$3" ;;
        max:*) [ "$2" -le "$3" ] && echo "$2" || echo "$3" ;;
    esac
}

# limit OPTION BOUND SOFT HARD: for the command that this script starts.
limit() {
    soft=$(pick "$2" "$(ulimit -S"$1")" "$3")
    hard=$(pick "$2" "$(ulimit -H"$1")" "$4")
    # A hard limit cannot go below the soft one, nor a soft one above the hard.
    ulimit -S"$1" "$soft" 2>/dev/null
    ulimit -H"$1" "$hard" 2>/dev/null || complain "ulimit -H$1 $hard: not permitted"
    ulimit -S"$1" "$soft" 2>/dev/null || complain "ulimit -S$1 $soft: not permitted"
}
"""


def render(bundle: Bundle) -> Exported:
    """A script that sets the keys, and runs the command that it is given under the limits."""
    left_out = [
        LeftOut(
            place=limit.place,
            what=f"limits.{limit.name}",
            why="shells have no such limit, or count it in units of their own",
        )
        for limit in bundle.limits
        if limit.name not in _OPTIONS
    ]
    limits = [each for each in bundle.limits if each.name in _OPTIONS]
    lines = [
        "#!/bin/sh",
        *common.heading(
            bundle,
            "usage: sh FILE [CMD...]: set the keys; then run a command under the limits",
        ),
        *_FUNCTIONS.rstrip("\n").split("\n"),
    ]
    for item in bundle.items:
        lines += ["", *common.about(item), _line(item)]
    lines += ["", '[ $# -gt 0 ] || exit "$failed"']
    for limit in limits:
        lines += common.comments([limit.reason] if limit.reason else [])
        lines.append(_limit(limit))
    lines += ['[ "$failed" -eq 0 ] || exit 1', 'exec "$@"']
    return common.finish(lines, left_out)


def _line(item: Item) -> str:
    path = shlex.quote(item.key.path)
    optional = "optional" if item.optional else "required"
    if item.choices:
        return " ".join(["first", path, optional, *map(shlex.quote, item.choices)])
    if not item.fields:
        return f"text {path} {optional} {shlex.quote(item.value)}"
    unlimited = shlex.quote(" ".join(map(str, item.unlimited)))
    fields = [
        "keep" if each.bound is Bound.KEEP else f"{each.bound.value}:{each.number}"
        for each in item.fields
    ]
    return " ".join(["numbers", path, optional, unlimited, *fields])


def _limit(limit: LimitItem) -> str:
    soft, hard = ("unlimited" if n is None else str(n) for n in (limit.soft, limit.hard))
    return f"limit {_OPTIONS[limit.name]} {limit.bound.value} {soft} {hard}"
