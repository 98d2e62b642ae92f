"""What a degradation D(x0, t) is, those of the paper, the others, and `register` for one of your own."""
from colddiff_nb.degradations.checking import check_degradation
from colddiff_nb.degradations.contract import Degradation, DrawnDegradation
from colddiff_nb.degradations.tasks import TASKS, make, measure, register

__all__ = ["Degradation", "DrawnDegradation", "TASKS", "check_degradation", "make", "measure", "register"]
