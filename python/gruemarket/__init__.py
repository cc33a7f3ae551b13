"""Trader markets and the Grue tax."""

from gruemarket._core import build_info

__all__ = ["build_info"]
