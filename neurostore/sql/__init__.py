"""Extensions of DuckDB: the views of queries/, the DTW functions, and the folder for temporary files.

Input: a DuckDB connection. Output: the same connection with views and functions registered.
May import: schema, normative, dtw, and what is below them.
"""
