"""Runs llama.cpp's own HTTP server, which the package `xllamacpp` carries, until it is ended.

    serve.py PACKAGES MODEL PORT chat|embed
"""

import signal
import sys

packages, model, port, use = sys.argv[1:]
sys.path.insert(0, packages)

import xllamacpp  # noqa: E402

params = xllamacpp.CommonParams()
params.model.path = model
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.warmup = False
params.endpoint_slots = True
# More threads than free cores wait for one another.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
if use == "embed":
    params.embedding = True
    params.n_ctx = 512
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
else:
    params.n_parallel = 2
    params.n_ctx = 4096
    params.kv_unified = False
    params.use_jinja = True
    with open(__file__.replace("serve.py", "tools.jinja"), encoding="utf-8") as template:
        params.chat_template = template.read()

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.pause()
