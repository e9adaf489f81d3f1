"""Servers as they are usually written in Python, one file each. They answer the same JSON to the same JSON.

Each is run as a program, `python -m ... DIRECTORY MODEL`, and says `listening on URL` when it is ready.
"""
