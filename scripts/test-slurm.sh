#!/usr/bin/env bash
# Runs a search of two ranks and an array of four trials under a real Slurm, whose only node is this machine. Its daemons are started here and ended
# here; their files live in a folder that is removed. Needs root on Debian or Ubuntu, and the project set up.
#
#   scripts/test-slurm.sh
set -euo pipefail
cd "$(dirname "$0")/.."
project=$PWD
if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge
fi

folder=$(mktemp -d /run/espalier-slurm.XXXXXX)
daemons=()
finish() {
  status=$?
  if [ $status -ne 0 ]; then tail -n 20 "$folder"/*.log >&2 || true; fi
  for daemon in "${daemons[@]}"; do kill "$daemon" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
chmod 755 "$folder"
mkdir "$folder/state" "$folder/spool" "$folder/bin"

head -c 1024 /dev/urandom >"$folder/munge.key" && chmod 400 "$folder/munge.key"
munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munge.pid" \
  --seed-file="$folder/munge.seed" --log-file="$folder/munged.log" >"$folder/munge.out.log" 2>&1 &
daemons+=($!)

host=$(hostname -s)
cat >"$folder/slurm.conf" <<CONF
ClusterName=espalier
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"
until [ -S "$folder/munge.socket" ]; do sleep 0.2; done
slurmctld -D >"$folder/out.log" 2>&1 &
daemons+=($!)
slurmd -D >>"$folder/out.log" 2>&1 &
daemons+=($!)
for _ in $(seq 300); do
  if sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then break; fi
  sleep 0.5
done
sinfo

printf '#!/bin/sh\nexec node %q "$@"\n' "$project/dist/cli/main.js" >"$folder/bin/espalier" && chmod 755 "$folder/bin/espalier"
export PATH="$folder/bin:$PATH"
cd "$folder"
search=(search data=scenes:64x48 preset=demo epochs=1 warmupEpochs=0 batch=100 crop=33 layers=2 filters=2 blocks=1 evaluateSamples=1 workers=0)
espalier launch print=slurm processes=2 cores=1 name=ranks -- "${search[@]}" name=ranks >ranks.sh
espalier launch print=slurm trials=4 cores=1 name=trial -- "${search[@]}" >trials.sh
sbatch --wait ranks.sh
sbatch --wait trials.sh

isDone() { tail -n 1 "runs/search/$1/events.jsonl" | grep -q '"status":"done"'; }
isDone ranks
grep -q '2 processes share each batch' ranks-*.log
for trial in 0 1 2 3; do
  isDone "trial-$trial"
  grep -q "^seed: $trial$" "runs/search/trial-$trial/config.yaml"
done
[ "$(ls runs/search | wc -l)" -eq 5 ]
echo "slurm: a search of two ranks and four trials ended well"
