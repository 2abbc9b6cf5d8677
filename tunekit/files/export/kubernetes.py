"""A patch for a pod: `spec.securityContext.sysctls`."""

from __future__ import annotations

from tunekit.catalog.containers import SAFE_IN_KUBERNETES
from tunekit.files.export import common
from tunekit.files.export.docker import host_keys
from tunekit.files.export.model import Bundle, Exported

_LIMITS = "a pod has no limits of descriptors: they come from the node's container runtime"


def render(bundle: Bundle) -> Exported:
    """The sysctls of a pod, the safe ones first, then those that the kubelet must allow."""
    own = [item for item in bundle.items if item.own]
    safe = [item for item in own if str(item.key) in SAFE_IN_KUBERNETES]
    unsafe = [item for item in own if str(item.key) not in SAFE_IN_KUBERNETES]
    left_out = host_keys(bundle.items) + common.literals(own)
    left_out += common.limits_left_out(bundle.limits, _LIMITS)
    lines = common.heading(bundle, "a patch for a pod, or for spec.template of a deployment")
    lines += ["spec:", "  securityContext:", "    sysctls:"]
    if not own:
        lines[-1] += " []"
    if safe:
        lines += common.comments(["safe: every node takes them"], "      ")
    for item in safe:
        lines += common.about(item, "      ")
        since = SAFE_IN_KUBERNETES[str(item.key)]
        lines += common.comments(
            [f"safe since Kubernetes {since}"] if since != "1.0" else [], " " * 6
        )
        lines += _entry(str(item.key), item.value)
    if unsafe:
        names = ",".join(str(item.key) for item in unsafe)
        lines += common.comments(
            [
                "unsafe: the pod fails with SysctlForbidden unless the kubelet is started with",
                f"--allowed-unsafe-sysctls={names}",
            ],
            "      ",
        )
    for item in unsafe:
        lines += common.about(item, "      ")
        lines += _entry(str(item.key), item.value)
    return common.finish(lines, left_out)


def _entry(key: str, value: str) -> list[str]:
    return [f"      - name: {key}", f"        value: {common.quoted(value)}"]
