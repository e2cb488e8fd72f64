"""Results in the forms that other programs read. Each module turns rows and histories into one of them; the command
line writes it where it was asked for.
"""
