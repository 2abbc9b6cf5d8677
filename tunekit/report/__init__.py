"""Saying it: one result model, many renderings.

from tunekit.report import Format, render
print(render(report, Format.TABLE, width=80, colour=False))
"""

from tunekit.report.formats import Format, render, to_json

__all__ = ["Format", "render", "to_json"]
