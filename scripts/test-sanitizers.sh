#!/usr/bin/env bash
# Builds the addon with AddressSanitizer and UndefinedBehaviorSanitizer and runs test/engine/abuse.mjs under them: wrong kinds of arguments, freed
# tensors, refusals, shared memory, worker threads. What node and libtorch do themselves is not reported: leaks are off, and undefined behaviour
# is looked for in the addon only. Needs g++ with its sanitizer libraries.
#
#   scripts/test-sanitizers.sh [words for the script]
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/native-sanitizers
cmake -S native -B "$build" -DCMAKE_BUILD_TYPE=Debug -DNODE_API_INCLUDE="$PWD/node_modules/node-api-headers/include" \
  ${LIBTORCH:+-DLIBTORCH="$LIBTORCH"} \
  -DCMAKE_CXX_FLAGS="-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1" >/dev/null
cmake --build "$build" --parallel "${JOBS:-$(nproc)}" >/dev/null
# The runtime must come before everything else in the process; node is not built with it.
export LD_PRELOAD="$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libstdc++.so)"
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:detect_odr_violation=0:alloc_dealloc_mismatch=0"
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
ESPALIER_ADDON="$PWD/$build/espalier.node" node test/engine/abuse.mjs "$@"
