"""Errors that a person reads: one sentence that says what was wrong and what to do."""


class WrongUse(ValueError):
    """The request itself is wrong. The command line prints the sentence and exits with status 2."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it in a notebook: the sentence, without a traceback."""
        return [str(self)]
