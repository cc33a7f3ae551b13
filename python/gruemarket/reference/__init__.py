"""The whole market in slow, plain numpy: documentation and oracle in one.

Every formula of the engine stands here once, with its source, for few traders and patient readers. Wealth
is kept as log2 of a share of all money, so it cannot underflow; kernels are dense (traders, traders) matrices.

`market.py` says what happens when, `books.py` what money does, `clearing.py`, `isoelastic.py` and `demand.py` how
forecasts become prices, `tax.py` what the Grue tax takes; `forecasts.py` is the book of real forecasters; `logic.py`
is the logical inductor.
"""

from gruemarket.reference import logic
from gruemarket.reference.forecasts import ForecastBook
from gruemarket.reference.market import Market
from gruemarket.reference.tax import hazards

__all__ = ["ForecastBook", "Market", "hazards", "logic"]
