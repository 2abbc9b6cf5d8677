"""JUnit XML: one test case for each judgement, in the form that Jenkins and GitLab read.

There is no standard; this keeps to what the common readers agree on (the Ant task's elements, and
the `file` attribute that GitLab shows). What cannot be told is an error, what was left out or
waived is skipped, a remark passes and stands in `system-out`.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tunekit.report.cases import Case, Verdict, cases, subject_of
from tunekit.report.escape import visible
from tunekit.report.model import Report

_ELEMENTS = {Verdict.BAD: "failure", Verdict.UNTOLD: "error", Verdict.LEFT_OUT: "skipped"}


def render_junit(report: Report) -> str:
    """Write a report as one JUnit test suite."""
    rows = cases(report)
    name = subject_of(report)
    counts = {
        "tests": str(len(rows)),
        **{
            attribute: str(sum(row.verdict is verdict for row in rows))
            for attribute, verdict in (
                ("failures", Verdict.BAD),
                ("errors", Verdict.UNTOLD),
                ("skipped", Verdict.LEFT_OUT),
            )
        },
        "time": "0",
    }
    root = ET.Element("testsuites", {"name": name, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts})
    if report.host is not None:
        suite.set("hostname", visible(report.host.hostname))
    properties = ET.SubElement(suite, "properties")
    for label, text in _properties(report).items():
        ET.SubElement(properties, "property", {"name": label, "value": visible(text)})
    for row in rows:
        _add(suite, row)
    if report.verdict:
        ET.SubElement(suite, "system-out").text = visible(report.verdict)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _add(suite: ET.Element, row: Case) -> None:
    case = ET.SubElement(
        suite, "testcase", {"classname": f"tunekit.{row.group}", "name": row.name, "time": "0"}
    )
    if row.location is not None:
        case.set("file", visible(row.location.file))
        case.set("line", str(row.location.line))
    element = _ELEMENTS.get(row.verdict)
    if element is not None:
        problem = ET.SubElement(case, element, {"message": row.message, "type": row.word})
        problem.text = row.text
    elif row.verdict is Verdict.REMARK:
        ET.SubElement(case, "system-out").text = f"{row.word}: {row.message}\n{row.text}"


def _properties(report: Report) -> dict[str, str]:
    found = {"exit_code": f"{report.exit_code:d}"}
    if report.host is not None:
        found |= {"kernel": report.host.kernel, "boot_id": report.host.boot_id}
    if report.profile is not None:
        found["profile"] = report.profile.path
    if "policy" in report.data:
        found["policy"] = str(report.data["policy"])
    return found
