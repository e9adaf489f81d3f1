"""What the problem sets and their test cells need: inputs seeded by a name, and artifacts with planted mistakes.

seeds.py         dice(name, exercise): a NumPy generator, the same for the same name on every machine
orders.py        ps00: order_for(name), the catalogue that this student plans for
flops.py         ps00: torch_flops(model, inputs), what torch's own counter says
tiny_tagger.py   ps01: tag(photos, mistake), a tiny tagger; pool(...) makes photos for it
traces.py        ps01: trace_for(name), the log of a load test
clients.py       ps01: client_for(name), a client that prepares photos almost right
caches.py        ps05: steps_of(plan, m, k, n) and misses(steps, ...), plans of a product in a small cache
slow_memory.py   ps05: run(program, row, sizes), a row in blocks whose transfers are counted
nights.py        ps05: night_for(name, machines), a night's work for which a machine is rented
ranked.py        on_ranks(function, arguments): a function on many ranks, whose messages the tests count
workers.py       ps07: train(start, step, ...), a run on many workers; alone(...), the same on one
suspects.py      ps07: suspect_for(name), a step of a worker with one fault; alibis.py, what the checks know of it
clusters.py      ps07: cluster_for(name), a training run and the machines that can be rented for it
once.py          ps05: once(name, measure), what was measured on the student's own machine, kept beside the notebook
"""
