"""From a folder of recordings to the tables of a lake; imported as ``neurostore.ingest``.

In come files of movement (captures, marker files, videos), out come rows of the lake's tables. Each room may import from
the ones before it: recording and geometry; readers, video and landmarks; multiview; body; trial_tables; cohort and refine; pipeline.
"""
