"""What DuckDB is given: the views of queries/, the DTW functions, and the folder to spill into.

In comes a DuckDB connection, out goes the same connection with views and functions registered.
May import: schema, normative, dtw, and what is below them.
"""
