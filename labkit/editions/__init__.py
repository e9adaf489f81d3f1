"""The editions of a notebook: its text form, the executed edition built from it, and the student's own copy."""
