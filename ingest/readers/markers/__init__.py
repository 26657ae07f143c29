"""Files of markers: TRC and Motion-BIDS, and what C3D shares with them.

Input: a path. Output: a Recording of markers (mm, Y up) under the names of a skeleton.
May import: recording, the text_table and units of readers, the event names of readers.c3d, and neurostore's errors,
skeleton and wording.
"""
