from gruemarket.forecasts.reference import ForecastBook, ForecastRun
__all__ = ["ForecastBook", "ForecastRun"]
