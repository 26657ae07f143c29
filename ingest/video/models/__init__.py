"""The pose models: what is declared of them, where they are stored, how they are fetched and checked.

In comes the name of a model, out comes a verified folder on this machine.
May import: neurostore's errors, file_hash and wording.
"""
