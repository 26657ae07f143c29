"""The lake: Delta tables of Parquet with one commit point.

Input: staged tables of trials. Output: versions, SQL relations and LazyFrames over the rows that a version names.

A worker calls ``stage(root, batch)``, which writes Parquet files that no log names yet; the parent calls ``commit(root,
staged)``, which adds the files to their tables' logs and then replaces the trials' rows in ``trials``: that one commit is
the commit point. Rows are live only if ``trials`` names their ``ingest_id``. While anything is staged, hold
``heartbeat.running(root)``, so that ``compact`` keeps it. Writers take ``writing(root, doing)`` instead of a bare lock:
it also records the hashes that a killed writer could not. Whoever writes anything out of a lake calls ``outputs.note``.

May import: schema, storage, sql, and what is below them.
"""
