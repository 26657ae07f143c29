"""The pose estimators, one module each with load, identity, memory_mb and VERSION.

Input: batches of images. Output: detections in the form that contract declares.
May import: the other modules of video but estimate and overlay, and neurostore's errors, skeleton and file_hash.
"""
