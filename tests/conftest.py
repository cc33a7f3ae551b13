"""What all tests share: the two markets, and a hypothesis that is the same every time."""

import signal

import gruemarket as gm
import pytest
from hypothesis import settings

settings.register_profile("same every time", derandomize=True, database=None, deadline=None)
settings.load_profile("same every time")

# a shell that starts a job in the background lets it ignore Ctrl-C, which tests send
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", params=[gm.Market, gm.reference.Market], ids=["engine", "reference"])
def market_class(request):
    return request.param
