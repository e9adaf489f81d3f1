"""What a rank displays: a fork has no line to the notebook's page, so the text of it is printed, behind the rank."""

import sys


def print_displays() -> None:
    """In a fork of a notebook's kernel: `display` prints, and a widget (a progress bar's, say) stays unseen."""
    if "IPython" not in sys.modules:
        return
    from IPython.core.interactiveshell import InteractiveShell

    if InteractiveShell.initialized():
        InteractiveShell.instance().display_pub.publish = _print
    if "comm" in sys.modules:
        import comm

        comm.create_comm = comm.DummyComm


def _print(data: dict, *_: object, **__: object) -> None:
    print(data.get("text/plain", "(something without a text form)"))
