"""Real forecasters: long tables of forecasts and resolutions, markets over them, and scores.

>>> import gruemarket as gm
>>> said = {"question": ["q", "q"], "forecaster": ["Ann", "Bob"], "time": [1, 2]}
>>> said |= {"outcome": ["yes", "yes"], "probability": [0.9, 0.6]}
>>> scores = gm.forecasts.score(said, {"question": ["q"], "outcome": ["yes"]})
>>> scores.methods.filter(method="uniform mean")["bits"].round(3).item()
0.415
"""

from gruemarket.forecasts.book import ForecastBook, ForecastRun
from gruemarket.forecasts.questions import Panel, Questions
from gruemarket.forecasts.read import read
from gruemarket.forecasts.score import score
from gruemarket.forecasts.scores import Scores
from gruemarket.forecasts.stream import stream

__all__ = ["ForecastBook", "ForecastRun", "Panel", "Questions", "Scores", "read", "score", "stream"]
