"""A data frame that is shown in full, in a terminal and in a notebook, for tables that people read."""

from __future__ import annotations

import polars as pl

_LETTERS = 400
_CELLS = 160


class WholeTable(pl.DataFrame):
    """A polars.DataFrame whose rows, columns and texts are never cut when it is shown."""

    def __str__(self) -> str:
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            fmt_str_lengths=_LETTERS,
            tbl_width_chars=_CELLS,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            return super().__str__()

    __repr__ = __str__

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            fmt_str_lengths=_LETTERS,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
        ):
            return super()._repr_html_(_from_series=_from_series)
