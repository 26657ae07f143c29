"""The lake: Delta tables of Parquet with one commit point.

In come staged tables of trials, out go versions, SQL relations and LazyFrames over the rows that a version names.
May import: errors, wording, child_process, schema, skeleton, storage, sql.
"""
