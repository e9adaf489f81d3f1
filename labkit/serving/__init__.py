"""Serving: a trained model becomes an artifact, and a process that answers with it.

Out of training: `preprocessing`, `writing` -> `export` -> `formats` -> `manifest` -> `parity`; `example` does it for
the shipped model.
In the Python server, as a request meets them: `server` -> `protocol` -> `tensors` -> `engines`.
The C++ server has the same rooms: `cpp/` (its `main.cpp` says in which order), which `build` compiles. `openapi`
describes what both speak.
Around them: `process` starts one for a notebook, `client` asks it, `load` asks as many do, `latency` and `footprint`
say what an answer costs.

Nothing in the second row imports torch: what a server must not carry, it does not.
"""
