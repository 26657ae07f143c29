"""Files of markers: TRC and Motion-BIDS, and what C3D shares with them.

In comes a path, out comes a Recording of markers (mm, Y up) under the names of a skeleton.
May import: recording, geometry, skeletons.
"""
