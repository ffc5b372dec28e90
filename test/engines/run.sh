#!/usr/bin/env bash
# The engines' suite against real engines: llama.cpp's server from packages, and the Ollama of LOBSTAH_TEST_OLLAMA_URL.
# The embedded engine runs the model of LOBSTAH_TEST_GGUF, by default the small one. LOBSTAH_TEST_ENGINES names the folder in which packages are kept.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LOBSTAH_TEST_ENGINES=${LOBSTAH_TEST_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/lobstah-node/engines}
bash test/engines/fetch.sh "$LOBSTAH_TEST_ENGINES"
export LOBSTAH_TEST_GGUF=${LOBSTAH_TEST_GGUF:-$LOBSTAH_TEST_ENGINES/smollm2-135m.gguf}
npx mocha 'test/engines/*.long.ts' "$@"
