"""From a folder of recordings to the tables of a lake; imported as ``neurostore.ingest``.

Input: files of movement (captures, marker files, videos). Output: rows of the lake's tables. Each room may import from
the ones before it: recording and geometry; readers, video and landmarks; multiview; body; trial_tables; cohort and
refine; pipeline.
"""
