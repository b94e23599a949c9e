#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tries `systole verify --slurm` on a cluster of its own: munged, slurmctld and three slurmd on this host, in a temporary folder, without
# systemd or cgroups. Sends a small selection as an array of four parts, kills the node of one in the middle, and looks whether that part
# is run again and every test is in the merged report exactly once. Everything ends with the script, also where it fails.
#
#   scripts/slurm_try.sh                          tests of the harness and of sw/isa
#   scripts/slurm_try.sh 'package(systole-host)'  those that fit
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

filter=${1:-package(harness) | package(systole-isa)}
parts=4 nodes=3
say() { printf 'slurm-try: %s\n' "$*"; }
die() { printf 'slurm-try: error: %s\n' "$*" >&2; exit 1; }
for tool in munged slurmctld slurmd sbatch squeue; do
    PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || die "no $tool: scripts/setup.sh --slurm installs it"
done
PATH=$PATH:/usr/sbin

dir=$(mktemp -d)
export SLURM_CONF=$dir/slurm.conf
declare -A slurmd=()
daemons=() sender=

# A process and all that it started, as when a machine loses power.
fell() {
    local child
    kill -STOP "$1" 2>/dev/null || return 0
    for child in $(ps -o pid= --ppid "$1"); do fell "$child"; done
    kill -KILL "$1" 2>/dev/null || true
}
# Processes with this line in their environment, but for this script.
having() { grep -lszFx "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 | grep -vx "$$" || true; }
# Jobs of a node, and of this cluster alone. The step above a job is felled first: it would report that its job was killed, which is a
# job that failed and not a node that is lost.
fell_jobs() { # fell_jobs LINE
    local pid above
    for pid in $(having "$1"); do
        grep -qszFx "SLURM_CONF=$SLURM_CONF" "/proc/$pid/environ" 2>/dev/null || continue
        above=$(ps -o ppid= -p "$pid" | tr -d ' ')
        if [ "$(cat "/proc/$above/comm" 2>/dev/null)" = slurmstepd ]; then fell "$above"; else fell "$pid"; fi
    done
}

down() {
    local code=$? pid
    set +e
    trap - EXIT
    [ -z "$sender" ] || fell "$sender"
    for pid in "${slurmd[@]}" "${daemons[@]}"; do fell "$pid"; done
    fell_jobs "SLURM_CONF=$SLURM_CONF"
    if ((code)) && [ -d "$dir" ]; then
        tail -n 15 "$dir"/*.log >&2 || true
    fi
    rm -rf "$dir"
    exit "$code"
}
trap down EXIT
trap 'exit 130' INT TERM

await() { # await SECONDS WHAT COMMAND...
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        ((SECONDS < limit)) || die "$what did not come in time"
        sleep 0.5
    done
}

# munged is asked by a socket of its own, with a key of its own.
mkdir -p "$dir/munge" "$dir/state"
chmod 755 "$dir" "$dir/munge"
(umask 077; head -c 1024 /dev/urandom >"$dir/munge/key")
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
    --seed-file="$dir/munge/seed" --log-file="$dir/munged.log" >"$dir/munged.out.log" 2>&1 &
daemons+=($!)
disown # their end is no news
await 20 "munge's socket" test -S "$dir/munge/socket"

# Ports that nobody has: from one that is free on.
port=$((20000 + RANDOM % 20000))
host=$(hostname -s)
{
    cat <<EOF
ClusterName=systole-try
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool.%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=2
EOF
    for i in $(seq "$nodes"); do
        mkdir -p "$dir/spool.try$i"
        echo "NodeName=try$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=1"
    done
    echo "PartitionName=try Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
} >"$SLURM_CONF"

slurmctld -D >"$dir/slurmctld.log" 2>&1 &
daemons+=($!)
disown
for i in $(seq "$nodes"); do
    slurmd -D -N "try$i" >"$dir/slurmd.try$i.log" 2>&1 &
    slurmd[try$i]=$!
    disown
done
ready() { [ "$(sinfo -h -N -t idle -o %n 2>/dev/null | wc -l)" = "$nodes" ]; }
await 60 "the cluster" ready
say "slurmctld $(slurmctld -V | cut -d' ' -f2), nodes: $(sinfo -h -N -o '%N %T' | tr '\n' ',')"

cargo nextest run --workspace --no-run # with the program, which tests of it run
mkdir -p build
out=$(mktemp -d build/slurm-try-XXXXXX)
target/debug/systole verify --slurm try --parts "$parts" --jobs 1 --folder "$out" --junit "$out/junit.xml" -E "$filter" >"$out/verify.log" 2>&1 &
sender=$!
await 600 "the array" grep -q "verify: job " "$out/verify.log"

# The first part that is in the middle of its tests, and its node.
victim() {
    local log
    for log in "$out"/*/part-*.log; do
        grep -qs "Starting" "$log" || continue
        [ ! -e "${log%.log}.xml" ] || continue
        node=$(sed -n 's/^part .* on \(.*\), start .*/\1/p' "$log" | tail -n 1)
        part=$(basename "$log" .log)
        [ -n "$node" ] && return 0
    done
    return 1
}
node='' part=''
await 300 "a part that runs" victim
say "$part runs on $node: its node dies now"
fell "${slurmd[$node]}"
unset "slurmd[$node]"
fell_jobs "SLURMD_NODENAME=$node"
[ ! -e "$(echo "$out"/*/"$part.xml")" ] || die "$part had ended before its node died"

verdict=0
wait "$sender" || verdict=$?
sender=
sed 's/^/  /' "$out/verify.log" | grep "verify:"
grep -h "^part " "$out"/*/part-*.log | sed 's/^/  /'
((verdict == 0)) || { tail -n 30 "$out"/*/part-*.log; die "verify ended with $verdict"; }
starts=$(grep -c "^part " "$out"/*/"$part.log")
((starts > 1)) || die "$part was not run again"

# The report, looked at by other means than those that wrote it.
listed=$(wc -l <"$(echo "$out"/*/tests.txt)")
names=$(grep -o '<testcase name="[^"]*" classname="[^"]*"' "$out/junit.xml")
((listed == $(wc -l <<<"$names") && listed == $(sort -u <<<"$names" | wc -l))) ||
    die "$listed tests, $(wc -l <<<"$names") in the report, $(sort -u <<<"$names" | wc -l) of them different"
say "$part was run $starts times; $listed tests, each in the report of $parts parts exactly once"
rm -rf "$out"
