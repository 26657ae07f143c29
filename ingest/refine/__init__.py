"""The depth of poses from video, corrected by a small network, in recordings and in lakes.

Input: a Recording or a trial of a lake. Output: its positions refined and how sure the network is of them.
May import: recording, readers, landmarks, geometry, stored_trials, trial_tables, and neurostore.lake and what is below it.
"""
