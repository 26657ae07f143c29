"""The pose models: what is declared of them, where they are stored, how they are fetched and checked.

Input: the name of a model. Output: a verified folder on this machine.
May import: neurostore's errors, file_hash and wording.
"""
