"""Maintenance of a lake: compact, vacuum, verify, repair, erase, migrate, copies, doctor.

Input: the path of a lake. Output: receipts and figures of what was done.
May import: lake, storage, distances (erase knows distance matrices) and what is below them.
"""
