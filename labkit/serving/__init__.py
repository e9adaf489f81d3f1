"""Serving: a trained model becomes an artifact, and a process that answers with it.

Out of training: `preprocessing` -> `export` -> `manifest` -> `parity`; `example` does it for the shipped model.
In the server, as a request meets them: `server` -> `protocol` -> `tensors` -> `engines`.
Around it: `process` starts one for a notebook, `client` asks it, `latency` and `footprint` say what an answer costs.

Nothing in the second row imports torch: what a server must not carry, it does not.
"""
