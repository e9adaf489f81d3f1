"""A student's work before the judge: the two processes, and the border between them."""
