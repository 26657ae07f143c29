"""From a video to a recording: decoding, pose estimation, tracking, camera and overlay.

Input: a video and the name of an estimator. Output: a Recording of every person seen.
May import: recording, and neurostore's errors, skeleton, file_hash, wording and (the overlay alone) lake.
"""
