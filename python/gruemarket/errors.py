"""Everything that gruemarket raises on its own account."""


class MarketError(Exception):
    """The base of all errors of this package."""


class InputError(MarketError, ValueError):
    """A value that the market cannot accept; the market is as it was before the call."""


class ShapeError(InputError):
    """An array whose shape does not fit the market's traders or outcomes."""


class ImpossibleOutcomeError(InputError):
    """An outcome happened to which no awake trader with money gave any probability."""


class NotClearedError(MarketError):
    """No price was found at which the market clears; it is as it was before the call. Says how near the best came."""


class CheckpointError(MarketError, ValueError):
    """A file that is not a whole checkpoint, or is newer than this package."""


class MissingExtraError(MarketError, ImportError):
    """A package is missing that an extra of this package installs."""
