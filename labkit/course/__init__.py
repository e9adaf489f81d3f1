"""The road that assignments travel, on nbgrader: release, fetch, validate, submit, collect, grade, feedback, export."""
