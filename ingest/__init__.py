"""From files of captures and videos to rows of a lake. Imported as ``neurostore.ingest``.

In comes a cohort folder, out come staged tables, and notes about everything that was estimated, repaired or refused. The
rooms from bottom to top: recording and geometry; readers, video and landmarks; trial_tables; cohort and refine; pipeline.
"""
