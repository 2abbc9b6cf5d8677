"""The JSON document: its schema, its order and its types."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from jsonschema import Draft202012Validator

from tests.support.reports import APPLY, BAD_PROFILE, EVERY, SOCKBUF
from tunekit.engine.model import Outcome, ScopeKind
from tunekit.engine.transaction import TransactionState
from tunekit.errors import ExitCode
from tunekit.probe.model import Measurement
from tunekit.report import Format, render, to_json
from tunekit.report.json import schema
from tunekit.report.model import Report


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", EVERY)
def test_every_report_is_valid(name: str, validator: Draft202012Validator) -> None:
    text = render(EVERY[name], Format.JSON, width=80, colour=False)

    validator.validate(json.loads(text))


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": "tunekit.report/2"},
        {"exit_code": 42},
        {"changed": "yes"},
        {"changes": [{"key": "net.core.somaxconn"}]},
        {"surprise": 1},
        {"host": {}},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_damaged_report_is_not_valid(
    damage: dict[str, object], validator: Draft202012Validator
) -> None:
    assert not validator.is_valid({**to_json(APPLY), **damage})


def test_the_schema_knows_every_word_that_the_types_know() -> None:
    definitions = schema()["$defs"]

    def words(name: str, member: str) -> set[str]:
        return set(definitions[name]["properties"][member]["enum"])

    assert words("change", "outcome") == {outcome.value for outcome in Outcome}
    assert words("change", "scope") == {kind.value for kind in ScopeKind}
    assert words("transaction", "state") == {state.value for state in TransactionState}
    assert set(schema()["properties"]["exit_code"]["enum"]) == {int(code) for code in ExitCode}


def test_members_come_in_the_order_of_the_schema() -> None:
    assert list(to_json(APPLY)) == list(schema()["properties"])


def test_every_field_of_a_report_is_in_the_document() -> None:
    assert {field.name for field in fields(Report)} | {"schema"} == set(to_json(APPLY))


def test_a_change_is_said_in_full() -> None:
    assert to_json(APPLY)["changes"][0] == {
        "key": "net.core.somaxconn",
        "scope": "netns",
        "scope_id": "5d0c1f8e-1111-2222-3333-444455556666/4097",
        "before": "4096",
        "wanted": "65535",
        "after": "65535",
        "outcome": "applied",
        "requirement": "at least 65535",
        "optional": False,
        "reason": "the kernel cuts every listen backlog to this",
        "source": "listen(2)",
        "detail": "",
        "remedy": "",
        "file": "high-conn.yaml",
        "line": 9,
    }


def test_an_error_is_said_in_full() -> None:
    assert to_json(BAD_PROFILE)["errors"] == [
        {
            "kind": "UsageError",
            "message": "unknown key",
            "hint": "did you mean net.core.somaxconn?",
            "key": "net.core.somaxcon",
            "path": "",
            "errno": None,
            "file": "high-conn.yaml",
            "line": 14,
        },
        {
            "kind": "UsageError",
            "message": "no such folder",
            "hint": "",
            "key": "",
            "path": "/nowhere",
            "errno": 2,
            "file": None,
            "line": None,
        },
    ]


def test_times_are_utc() -> None:
    transaction = to_json(APPLY)["transaction"]

    assert transaction["started"] == "2026-01-01T00:00:00.250Z"
    assert transaction["finished"] == "2026-01-01T00:00:03.500Z"


def test_the_order_of_sets_does_not_depend_on_the_run() -> None:
    document = to_json(APPLY)

    assert document["host"]["capabilities"] == ["cap_net_admin", "cap_sys_admin"]
    assert list(document["profile"]["variables"]) == ["connections", "processes"]


def test_what_is_no_number_becomes_null(validator: Draft202012Validator) -> None:
    report = replace(
        SOCKBUF,
        measurements=(
            Measurement(
                name="rate", measured=float("nan"), unit="1/s", samples=(1.5, float("inf"))
            ),
        ),
    )
    document = json.loads(render(report, Format.JSON, width=80, colour=False))

    validator.validate(document)
    assert document["measurements"][0]["measured"] is None
    assert document["measurements"][0]["samples"] == [1.5, None]


def test_a_number_of_64_bits_survives_as_a_string() -> None:
    report = replace(APPLY, changes=(replace(APPLY.changes[0], after="9223372036854775807"),))

    assert (
        json.loads(render(report, Format.JSON, width=80, colour=False))["changes"][0]["after"]
        == "9223372036854775807"
    )
