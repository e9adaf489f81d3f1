"""The judge: a student's cells in a process inside the sandbox, the instructor's outside it, and only data between.

plan.py           what is run: the instructor's cells, of the course's source and gradebook
names.py          which names a cell binds and needs
notebook_file.py  what is read of a file that a student handed in; pictures.py: what passes for a picture
submission.py     that file laid onto the plan
hearing.py        one notebook: the cells of both sides, in turns
test_cell.py      one of the instructor's cells, and what it was worth
outputs.py        what is kept of outputs

court.py          the instructor's side of the conversation
handles.py        what its tests hold instead of a student's function or object
student.py        the student's side, inside the sandbox; shell.py: runs cells; things.py: objects by their numbers

codec.py          the data that crosses, and its format
writing.py        values to trees and bytes; reading.py: back again, from a stranger
arrays.py         NumPy's; tensors.py: PyTorch's; records.py: namedtuples; hashed.py: dicts and sets
update.py         what a student's code changed in place
limits.py         how much may cross; budget.py: counts it
wire.py           messages over a socket
"""
