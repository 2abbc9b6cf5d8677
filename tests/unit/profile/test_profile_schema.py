"""The JSON Schema for editors agrees with the loader on the form of a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tunekit.profile import statements
from tunekit.profile.find import BUILT_IN
from tunekit.profile.schema import schema
from tunekit.profile.template import template


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_built_in_profile_is_valid(path: Path, validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_the_template_is_valid(validator: Draft202012Validator) -> None:
    validator.validate(yaml.safe_load(template("mine")))


@pytest.mark.parametrize(
    "damage",
    [
        {"tunekit": 2},
        {"sysctls": {}},
        {"sysctl": {"net.core.somaxconn": {"least": 1}}},
        {"sysctl": {"net.core.somaxconn": {"reason": "nothing is wanted"}}},
        {"limits": {"nofiles": 1024}},
        {"limits": {"nofile": []}},
        {"probe": {"links": 1}},
    ],
    ids=str,
)
def test_what_the_loader_refuses_is_not_valid(
    damage: dict[str, Any], validator: Draft202012Validator
) -> None:
    assert not validator.is_valid({"tunekit": 1, **damage})


def test_the_schema_knows_every_field_that_the_loader_knows() -> None:
    form = schema()
    statement = form["$defs"]["setting"]["anyOf"][1]

    assert set(form["properties"]) == set(statements._FIELDS)
    assert set(statement["properties"]) == set(statements._STATEMENT_FIELDS)
