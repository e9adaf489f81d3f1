"""The machine under the course: makes `.venv`, examines the machine, names what a platform lacks."""
