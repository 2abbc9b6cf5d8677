"""The JSON Schema of a profile file, for editors that complete and check YAML.

It knows the form and the keys; what only the loader can judge (expressions, ranges, the order of
fields) it leaves to `tunekit profile check`.
"""

from __future__ import annotations

from typing import Any

from tunekit import catalog
from tunekit.catalog.model import Scope, Tunable
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.profile.statements import FORMAT

_SCALAR: dict[str, Any] = {"type": ["string", "number", "integer", "boolean"]}
_NAMES: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]
}
_VALUE: dict[str, Any] = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}
_STATEMENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "exactly": {"$ref": "#/$defs/value", "description": "this value and no other"},
        "at_least": {"$ref": "#/$defs/value", "description": "as generous or more; never lowered"},
        "at_most": {"$ref": "#/$defs/value", "description": "no more generous than this"},
        "prefer": {"$ref": "#/$defs/names", "description": "the first that the kernel has"},
        "optional": {"type": "boolean", "description": "no failure where the key is not there"},
        "reason": {"type": "string", "description": "why, for the report"},
        "source": {"type": "string", "description": "where that is known from"},
    },
    "anyOf": [{"required": [field]} for field in ("exactly", "at_least", "at_most", "prefer")],
    "additionalProperties": False,
}


_WAIVER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "check": {"type": "string", "description": "the check, as preflight shows it"},
        "subject": {"type": "string", "description": "what it is about; every subject, if none"},
        "reason": {"type": "string", "description": "why it may fail"},
        "expires": {"type": "string", "description": "the last day, as YYYY-MM-DD"},
    },
    "required": ["check", "reason", "expires"],
    "additionalProperties": False,
}


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) as plain data."""
    keys = [each for each in catalog.entries() if each.scope is not Scope.PROCESS]
    limits = [each for each in catalog.entries() if each.scope is Scope.PROCESS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:tunekit:profile:{FORMAT}",
        "title": "tunekit profile",
        "description": "What a Linux host should be set to, each setting with its reason.",
        "type": "object",
        "required": ["tunekit"],
        "additionalProperties": False,
        "properties": {
            "tunekit": {"const": int(FORMAT), "description": "the version of this form"},
            "name": {
                "type": "string",
                "description": "the file's name without its ending, if none",
            },
            "summary": {"type": "string", "description": "what it is for, in one line"},
            "extends": {
                "$ref": "#/$defs/names",
                "description": "the profiles that this one adds to",
            },
            "vars": {
                "type": "object",
                "additionalProperties": _SCALAR,
                "description": "numbers that expressions may use and --set overrides",
            },
            "sysctl": {
                "type": "object",
                "properties": {
                    each.pattern: _setting(each) for each in keys if "*" not in each.pattern
                },
                "additionalProperties": {"$ref": "#/$defs/setting"},
                "description": "keys below /proc/sys, as in sysctl.d(5)",
            },
            "limits": {
                "type": "object",
                "properties": {
                    each.pattern.removeprefix(RLIMIT_PREFIX): _setting(each) for each in limits
                },
                "additionalProperties": False,
                "description": "resource limits of the processes started under the profile",
            },
            "probe": {
                "type": "object",
                "properties": {
                    "connections": {**_SCALAR, "description": "how many to prove after an apply"}
                },
                "additionalProperties": False,
                "description": "what is proved with real sockets",
            },
            "waivers": {
                "type": "array",
                "items": _WAIVER,
                "description": "checks of tunekit preflight that may fail for a while",
            },
            "allow": {
                "$ref": "#/$defs/names",
                "description": "keys that can hurt and are meant; --allow must name them too",
            },
        },
        "$defs": {
            "value": _VALUE,
            "names": _NAMES,
            "setting": {"anyOf": [{"$ref": "#/$defs/value"}, _STATEMENT]},
        },
    }


def _setting(tunable: Tunable) -> dict[str, Any]:
    unit = f" ({tunable.unit})" if tunable.unit else ""
    return {"$ref": "#/$defs/setting", "description": f"{tunable.summary}{unit}"}
