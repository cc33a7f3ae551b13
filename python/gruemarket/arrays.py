"""Arrays at the border: numpy, Polars, Arrow or lists in, contiguous numpy out; a copy only where one is needed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gruemarket.errors import InputError, ShapeError


def _numpy(given: Any, what: str) -> npt.NDArray[Any]:
    if np.ma.is_masked(given):
        raise InputError(f"{what}: some entries are masked; fill them in")
    if isinstance(given, np.ndarray):
        return np.asarray(given)
    if isinstance(given, pl.Series | pl.DataFrame):
        return given.to_numpy()
    if hasattr(given, "__arrow_c_array__") or hasattr(given, "__arrow_c_stream__"):
        named = hasattr(given, "column_names") or hasattr(given, "schema")
        return (pl.DataFrame(given) if named else pl.Series(given)).to_numpy()
    try:
        return np.asarray(given)
    except ValueError as error:
        raise ShapeError(f"{what}: not a rectangular array ({error})") from error


def floats(given: Any, what: str) -> npt.NDArray[Any]:
    """An array in float64 or float32, C-contiguous. Float arrays of either type are taken as they are."""
    array = _numpy(given, what)
    if array.dtype not in (np.float64, np.float32):
        if array.dtype.kind not in "biuf":
            raise InputError(f"{what}: dtype {array.dtype} is not numeric; give float64 or float32")
        array = array.astype(np.float64)
    return np.require(array, requirements=["C", "A"]).astype(array.dtype.newbyteorder("="), copy=False)


def vector(given: Any, what: str) -> npt.NDArray[np.float64]:
    """A float64 array with one axis."""
    array = floats(given, what).astype(np.float64, copy=False)
    if array.ndim != 1:
        raise ShapeError(f"{what}: shape {array.shape}; give one axis")
    return array


def matrix(given: Any, what: str) -> npt.NDArray[np.float64]:
    """A float64 array with two axes."""
    array = floats(given, what).astype(np.float64, copy=False)
    if array.ndim != 2:
        raise ShapeError(f"{what}: shape {array.shape}; give two axes")
    return array


def integers(given: Any, what: str) -> npt.NDArray[np.int64]:
    """An int64 array with one axis; whole floats are taken too."""
    array = _numpy(given, what)
    if array.ndim != 1:
        raise ShapeError(f"{what}: shape {array.shape}; give one axis")
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)
        if np.all(abs(wide) < 2.0**63) and np.all(wide == np.floor(wide)):
            array = wide.astype(np.int64)
    if array.dtype.kind not in "biu":
        raise InputError(f"{what}: dtype {array.dtype}; give whole numbers")
    return np.ascontiguousarray(array, dtype=np.int64)
