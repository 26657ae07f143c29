"""SQL views, one file each, and the macros and steps that they share.

neurostore.sql.views reads them and registers them on a DuckDB connection over a lake's tables. Nothing is imported.
"""
