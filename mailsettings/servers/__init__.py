"""Objects → desired entries → files of the mail servers; apply, probe, verify, and the private stack.

Nothing here imports Django, except the modules that fetch from the database (`snapshot`, `worker`, `tasks`).
"""
