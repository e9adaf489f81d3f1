"""Where the student's code runs: in a process that sees no file of the course, no network and no other student.

limits.py        what an inmate may use, and how well this machine protects us from it
probe.py         find(): which protection really works here
room.py          room(): one warm process behind a wall; Room.admit(): a fork of it for each submission
inmate.py        the outside's end of one inmate: interrupt, kill, how it ended
request.py       what crosses on admission: limits and files as JSON and bytes
plan.py          what the warm process is told at its start
cgroups.py       memory and process cgroups, where we may make them

bubblewrap.py    the wall around the room: a read-only system
environment.py   the variables that student code starts with
warm.py          the warm process: imports once, forks per admission
admission.py     the fork: it isolates itself, and becomes the student's process and its watch
isolate.py       namespaces, mounts and loopback of one inmate
landlock.py      the wall where no namespaces can be made
confine.py       the student's process: limits, user, files, capabilities
seccomp.py       the system calls it may not make
watch.py         the process beside it: wall time, memory, processes, interrupt, the end
processes.py     what /proc says about processes
linux.py         the system calls that Python does not have

script.py        a stand-in for the judge's side: runs a file
provisioner.py   Jupyter kernels behind the same wall, for nbgrader's own autograde
kernel.py        the process inside that becomes such a kernel
"""

from labkit.grading.sandbox.inmate import Inmate
from labkit.grading.sandbox.limits import Limits, Protection
from labkit.grading.sandbox.probe import find
from labkit.grading.sandbox.request import Refused
from labkit.grading.sandbox.room import Room, room

__all__ = ["Inmate", "Limits", "Protection", "Refused", "Room", "find", "room"]
