"""Odd input at every door: a valid result or an error of one line, never a crash deep inside or a hang. make soak tries more."""
import pytest
from doors import DOORS, Files, knock

CASES = 340 // len(DOORS)  # of each door, at least 300 together


@pytest.fixture(scope="module")
def files():
    return Files()


@pytest.mark.parametrize("name", DOORS)
def test_a_valid_result_or_one_clear_line(name, files):
    assert knock(name, CASES, number=0, files=files) >= min(CASES, 27)
