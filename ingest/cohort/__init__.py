"""A cohort folder: its files, tables and settings, and what they say about each trial.

Input: a folder. Output: a Cohort: sources of trials, metadata of subjects and sessions, and what was refused. May
import: recording, readers (their suffixes alone), landmarks (the names of hip methods), and neurostore's errors,
schema, trial_key and wording.
"""
