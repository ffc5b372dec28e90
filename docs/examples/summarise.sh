#!/bin/sh
# Summarises what it reads, with the first model of the grid that can chat: git log -5 | sh summarise.sh
# Prints one JSON object: content, model, peer, route, usage and the signed receipt.
exec lobstah-node chat - --json --system 'Summarise what you are given in one sentence.'
