"""What DuckDB is given: the views of queries/, the DTW functions, and the folder to spill into.

Input: a DuckDB connection. Output: the same connection with views and functions registered.
May import: schema, normative, dtw, and what is below them.
"""
