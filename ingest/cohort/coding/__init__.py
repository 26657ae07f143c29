"""Files of a cohort without the names and dates in them, format by format.

Input: the content of one file and a :class:`.study.Coder`. Output: the content to be stored: texts that are not words
of this field are coded or blanked, dates are moved by the days of their subject, numbers stay. What cannot be coded
raises InputError. May import from readers and landmarks of ingest, as the rest of ``ingest.cohort``.
"""
