"""Forces and analog channels of a recording as rows of the lake.

Input: a Recording. Output: columns of tables. May import: recording, landmarks, neurostore's schema, and the columns of
its lake.
"""
