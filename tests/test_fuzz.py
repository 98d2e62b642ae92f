"""Odd input at every door: a valid result or an error of one line, never a crash deep inside or a hang. make soak tries more."""
import pytest
from doors import DOORS, Files, knock

SLOW = ("command line", "resume")  # 30 cases of these doors, 60 of each other


@pytest.fixture(scope="module")
def files():
    return Files()


@pytest.mark.parametrize("name", DOORS)
def test_a_valid_result_or_one_clear_line(name, files):
    assert knock(name, 30 if name in SLOW else 60, number=0, files=files) >= 27
