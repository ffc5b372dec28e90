#!/usr/bin/env bash
# The engines' suite against real engines: llama.cpp's server from packages, and the Ollama of LOBSTAH_TEST_OLLAMA_URL.
# LOBSTAH_TEST_ENGINES names the folder in which packages are kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LOBSTAH_TEST_ENGINES=${LOBSTAH_TEST_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/lobstah-node/engines}
bash test/engines/fetch.sh "$LOBSTAH_TEST_ENGINES"
npx mocha test/engines/engines.long.ts "$@"
