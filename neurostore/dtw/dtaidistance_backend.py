"""The same distances by dtaidistance: one pair at a time, for comparison."""

from __future__ import annotations

import math

import numpy as np

from neurostore.arrays import Floats
from neurostore.dtw.batches import finished
from neurostore.dtw.options import check_band
from neurostore.dtw.series import Series
from neurostore.errors import MissingExtraError, SeriesError
from neurostore.release import how_to_install


def dtaidistance_distances(
    first: Series, second: Series | None, band: float | None, is_counted: bool, backend: str
) -> Floats:
    """All pairs of one set (second None) or of two, computed in float64."""
    if backend != "dtaidistance":
        raise SeriesError(f"backend is {backend!r}; it can be 'numba' or 'dtaidistance'")
    try:
        from dtaidistance import dtw, dtw_ndim
    except ImportError:
        raise MissingExtraError(
            f"backend='dtaidistance' needs dtaidistance: {how_to_install('dtaidistance')}"
        ) from None
    if is_counted:
        raise SeriesError("normalize='path_length' is not available with backend='dtaidistance'; use 'numba'")
    other = first if second is None else second
    if band is not None and len(np.unique(np.concatenate([first.lengths, other.lengths]))) > 1:
        raise SeriesError("backend='dtaidistance' defines a band differently for unequal lengths; use 'numba'")
    samples, fraction = check_band(band, first.lengths, other.lengths)
    if fraction >= 0:
        samples = math.ceil(fraction * int(first.lengths[0]))
    window = None if samples < 0 else samples + 1
    use_c = dtw.try_import_c()
    result = np.zeros((len(first), len(other)), first.values.dtype)
    for i in range(len(first)):
        for j in range(i + 1 if second is None else 0, len(other)):
            a, b = first.one(i).astype(np.float64), other.one(j).astype(np.float64)
            result[i, j] = dtw_ndim.distance(a, b, window=window, use_c=use_c)
            if second is None:
                result[j, i] = result[i, j]
    return finished(result, first.values.dtype, first.is_missing, other.is_missing)
