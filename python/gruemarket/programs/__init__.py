"""Programs of small universal machines: run, enumerated with their prior, drawn from it, asked for predictions.

>>> import gruemarket as gm
>>> gm.programs.run("+[.>+.<]").text[:8]
'11101110'
"""

from gruemarket._core import Predictor
from gruemarket.programs.enumeration import Enumeration
from gruemarket.programs.enumeration import enumerate_programs as enumerate  # noqa: A004  read as programs.enumerate
from gruemarket.programs.family import Programs
from gruemarket.programs.machines import Run, run
from gruemarket.programs.sampling import sample

__all__ = ["Enumeration", "Predictor", "Programs", "Run", "enumerate", "run", "sample"]
