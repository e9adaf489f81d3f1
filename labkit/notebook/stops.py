"""How a notebook stops: with one calm sentence, and no traceback."""

from IPython import get_ipython

from labkit.errors import WrongUse


class Stop(Exception):
    """Ends Run All at this cell. IPython prints what `_render_traceback_` returns, here the sentence alone."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class PredictFirst(Stop):
    """A measurement waits for its prediction."""


class AnswerFirst(Stop):
    """An explanation or a decision waits for the student."""


class NotQuite(WrongUse):
    """The call cannot be right as it stands (a ValueError). The sentence says why."""


def wait_for(kind: type[Stop], sentence: str) -> None:
    """Stop here in a notebook; in a plain script, say the sentence and go on."""
    if get_ipython() is not None:
        raise kind(sentence)
    print(sentence)
