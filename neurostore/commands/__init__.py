"""The commands of the command line: one file per command, or per group of related commands.

A command parses its options, calls one function, and prints: ``output.write_frame`` data, ``output.say`` text. Errors are
raised as NeurostoreError, and cli.main ends the process. Each docstring ends with ``Example: neurostore NAME …``, which a
test requires. Every module of commands has ``register(app)``, which puts each under a heading of ``help_sections``, and is
named in cli.py. Nothing but typer and neurostore.errors is imported at the top of a module here, because
``neurostore --help`` loads them all. In functions all of neurostore but cli may be imported.
"""
