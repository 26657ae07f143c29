"""The commands of the command line, a file each (or for a few that belong together).

Every module has ``register(app)`` and is named in cli.py. Nothing but typer and neurostore.errors is imported at the
top of a module here: ``neurostore --help`` loads them all.
"""
