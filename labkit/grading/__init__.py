"""What the problem sets and their test cells need: inputs seeded by a name, and artifacts with planted mistakes.

seeds.py         dice(name, exercise): a NumPy generator, the same for the same name on every machine
orders.py        ps00: order_for(name), the catalogue that this student plans for
flops.py         ps00: torch_flops(model, inputs), what torch's own counter says
tiny_tagger.py   ps01: tag(photos, mistake), a tiny tagger; pool(...) makes photos for it
traces.py        ps01: trace_for(name), the log of a load test
clients.py       ps01: client_for(name), a client that prepares photos almost right
"""
