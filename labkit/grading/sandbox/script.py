"""A stand-in for the judge's side of an inmate: runs a file that was handed in. For tests and measurements."""

import runpy
import socket


def serve(sock: socket.socket, seed: int = 0) -> None:
    """Run main.py, which finds the data socket under the name `sock` and the seed under `seed`."""
    runpy.run_path("main.py", init_globals={"sock": sock, "seed": seed}, run_name="__main__")
