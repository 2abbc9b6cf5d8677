"""Writing settings in the form of another tool. A new target is a module here and a line below."""

from __future__ import annotations

from importlib import import_module

from tunekit.files.export.model import Bundle, Exported, Target

_MODULES = {
    Target.SYSCTL_D: "sysctl_d",
    Target.TUNED: "tuned",
    Target.ANSIBLE: "ansible",
    Target.SYSTEMD: "systemd",
    Target.DOCKER: "docker",
    Target.KUBERNETES: "kubernetes",
    Target.SHELL: "shell",
}

__all__ = ["Bundle", "Exported", "Target", "export"]


def export(bundle: Bundle, target: Target) -> Exported:
    """Write a bundle for a tool, with what that tool cannot be told."""
    exported: Exported = import_module(f"{__name__}.{_MODULES[target]}").render(bundle)
    return exported
