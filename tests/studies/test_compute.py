"""Compute to match: the first point of a curve below the paper's RMSE counts."""
import json

import pytest

from studies import compute
from studies.published import Published


def publish(tmp_path, errors):
    (tmp_path / "curves").mkdir()
    rows = [{"images": 100 * 2 ** k, "rmse_direct": error} for k, error in enumerate(errors)]
    (tmp_path / "curves/superres-mnist.json").write_text(json.dumps({"rows": rows}))
    (tmp_path / "paper.json").write_text(json.dumps({"pairs": {"superres-mnist": {"direct": {"RMSE": 0.114}}}}))
    return Published(tmp_path)


@pytest.mark.parametrize(("errors", "found"), [([0.12, 0.113, 0.12], (200, False)), ([0.1, 0.09], (100, True))])
def test_the_first_point_below_the_papers_counts(tmp_path, errors, found):
    assert compute.reached(publish(tmp_path, errors), "superres-mnist") == found


def test_a_curve_that_never_gets_there_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="not in list"):
        compute.reached(publish(tmp_path, [0.2, 0.115]), "superres-mnist")
