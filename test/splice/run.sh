#!/usr/bin/env bash
# Continued answers, also on a real llama.cpp server from packages. SPLICE_RUNS: cuts a surface and engine, 30 if unset.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LOBSTAH_TEST_ENGINES=${LOBSTAH_TEST_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/lobstah-node/engines}
bash test/engines/fetch.sh "$LOBSTAH_TEST_ENGINES"
npx mocha test/splice/splice.long.ts "$@"
