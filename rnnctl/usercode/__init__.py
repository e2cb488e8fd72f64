"""Code of users: parts in modules outside of rnnctl, which a study names as MODULE:CLASS.

`permission` says which modules may be imported, `modules` imports them. The catalogues (rnnctl.parts) make parts of
their classes.
"""
