"""Which programs' sessions get the limits of limits.conf: those whose PAM file loads pam_limits."""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.files.root import Root

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d")
_MODULE = "pam_limits.so"
_DEEPEST = 16


def limits_of(root: Root, service: str) -> str | None:
    """The `conf=` of the service's pam_limits, empty for the usual files; None without the module.

    Files that it includes are followed, as pam.conf(5) says.
    """
    return next(_confs(root, service, "session", 0), None)


def services(root: Root) -> tuple[str, ...]:
    """The services that load pam_limits, sorted."""
    names = {name for folder in FOLDERS for name in root.names(folder)}
    return tuple(sorted(name for name in names if limits_of(root, name) is not None))


def _confs(root: Root, service: str, kind: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST or "/" in service:
        return
    for line in _lines(root, service):
        words = line.split("#", 1)[0].split()
        if words[:1] == ["@include"] and len(words) > 1:
            yield from _confs(root, words[1], kind, depth + 1)
        elif len(words) > 2 and words[0].removeprefix("-") == kind:
            if words[1] in ("include", "substack"):
                yield from _confs(root, words[2], kind, depth + 1)
            else:
                rest = _after_control(words[1:])
                if rest and rest[0].rpartition("/")[2] == _MODULE:
                    conf = [word.removeprefix("conf=") for word in rest if word[:5] == "conf="]
                    yield conf[-1] if conf else ""


def _after_control(words: list[str]) -> list[str]:
    """What follows the control, which is a word or stands in brackets."""
    if not words[0].startswith("["):
        return words[1:]
    for index, word in enumerate(words):
        if word.endswith("]"):
            return words[index + 1 :]
    return []


def _lines(root: Root, service: str) -> list[str]:
    for folder in FOLDERS:
        text = root.read(f"{folder}/{service}")
        if text is not None:
            return text.replace("\\\n", " ").split("\n")
    return []
