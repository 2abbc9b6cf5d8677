"""A playbook that needs nothing beyond ansible-core."""

from __future__ import annotations

from tunekit.files.export import common, sysctl_d
from tunekit.files.export.model import Bundle, Exported

_LIMITS = "not in the playbook: write a drop-in with --to systemd for each service"


def render(bundle: Bundle) -> Exported:
    """A task that writes a file below /etc/sysctl.d, and one that sets its keys when it changed."""
    file = f"/etc/sysctl.d/90-{file_name(bundle.name)}.conf"
    left_out = common.literals(bundle.items)
    left_out += common.limits_left_out(bundle.limits, _LIMITS)
    content = [*common.heading(bundle), *sysctl_d.body(bundle.items)]
    lines = [
        *common.heading(bundle),
        "---",
        f"- name: {common.quoted(f'Settings of the profile {common.plain(bundle.name)}')}",
        "  hosts: all",
        "  become: true",
        "  tasks:",
        "    - name: Write the settings for every boot",
        "      ansible.builtin.copy:",
        f"        dest: {file}",
        '        mode: "0644"',
        # Braces in a reason are not a template.
        "        content: !unsafe |",
        *(f"          {line}".rstrip() for line in content),
        "      register: tunekit_settings",
        "",
        "    - name: Set them now",
        "      ansible.builtin.command:",
        f"        argv: [sysctl, -e, -p, {file}]",
        "      when: tunekit_settings is changed",
    ]
    return common.finish(lines, left_out)


def file_name(name: str) -> str:
    """A profile's name as part of a file's name."""
    kept = "".join(
        char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in name
    )
    return kept.strip("-") or "tunekit"
