"""The catalogue against the kernel of this guest; docs/reference/kernels.md has several."""

from __future__ import annotations

import pytest

from tests.support.survey import Verdict, survey


@pytest.mark.slow
def test_this_kernel_does_what_the_catalogue_says() -> None:
    found = survey()
    assert found.unexplained == []
    assert found.changed == ()
    # Were hardly anything found or refused, nothing would have been held against anything.
    assert found.tried > 300
    assert found.writes > 4 * found.tried
    assert Verdict.NARROWER in {each.verdict for each in found.differences}
