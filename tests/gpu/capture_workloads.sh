#!/usr/bin/env bash
# Capture every workload under nsys on a machine with an NVIDIA GPU, for tests/data/traces.
#
# usage: tests/gpu/capture_workloads.sh OUTDIR [NAME ...]     NAME: only these captures
# Writes OUTDIR/workloads.tar and OUTDIR/held_out.tar (stripped traces, *.sqlite.xz) and OUTDIR/capture.log.
# One failing workload does not stop the others; the exit status says whether all came through.
set -uo pipefail
out=${1:?usage: capture_workloads.sh OUTDIR [NAME ...]}; shift
only=" $* "
cd "$(dirname "$0")/../.." || exit
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" TRANSFORMERS_OFFLINE=1 HF_HUB_OFFLINE=1
python=${PYTHON:-python3}
budget_s=${BUDGET_S:-285}   # no capture starts that could end after this
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out" "$scratch/workloads" "$scratch/held_out"
out=$(cd "$out" && pwd)
exec > >(tee "$out/capture.log") 2>&1

finish() {  # NAME FOLDER: report -> export -> stripped, compressed trace
  nsys export --type sqlite --force-overwrite=true -o "$scratch/$1.sqlite" "$scratch/$1.nsys-rep" >"$scratch/$1.log" 2>&1 &&
    "$python" tests/gpu/strip_trace.py "$scratch/$1.sqlite" "$scratch/$2/$1.sqlite.xz" >>"$scratch/$1.log" 2>&1 ||
    { echo "error: $1 was captured but not exported:"; tr '\r' '\n' <"$scratch/$1.log" | tail -5; return; }
  grep -a blanked "$scratch/$1.log"
}

capture() {  # NAME LIMIT_S GRAPH_MODE PROGRAM [ARGUMENT ...]
  local name=$1 limit_s=$2 mode=$3 folder=workloads start=$SECONDS; shift 3
  [[ $only == "  " || $only == *" $name "* ]] || return 0
  [[ $name == held_out_* ]] && folder=held_out
  wanted+=("$folder/$name")
  [ -e "$1" ] || { echo "error: $name: there is no $1"; return 0; }
  (( SECONDS + limit_s <= budget_s )) || { echo "error: $name: no time left at $SECONDS s"; return 0; }
  if timeout -k 5 "$limit_s" nsys profile -t cuda,nvtx -s none --cpuctxsw=none --cuda-memory-usage=true \
    --cuda-graph-trace="$mode" --force-overwrite=true -o "$scratch/$name" "$python" "$@" \
    >"$scratch/$name.run.log" 2>&1; then
    echo "$name: $((SECONDS - start)) s: $(grep -av -e '^Generat' -e '^Collecting' -e '\.nsys-rep' "$scratch/$name.run.log" | tail -1)"
    finish "$name" "$folder" &
  else
    echo "error: $name: exit status $? after $((SECONDS - start)) s:"; grep -av '\.nsys-rep' "$scratch/$name.run.log" | tail -25
  fi
}

wanted=()
nsys --version
"$python" -c 'import torch; print("torch", torch.__version__, torch.cuda.get_device_name())'
here=tests/gpu/workloads
capture training_loop 40 node $here/training_loop.py
capture llm_decode 40 node $here/llm_decode.py
capture graph_replay 40 node $here/graph_replay.py
capture graph_replay_whole 40 graph $here/graph_replay.py
capture four_streams 40 node $here/four_streams.py
capture diffusion_training 40 node $here/diffusion_training.py
capture adversarial_training 40 node $here/adversarial_training.py
capture held_out_speech 40 node $here/held_out_speech.py
capture held_out_guided 40 node $here/held_out_guided.py
capture two_processes 40 node $here/processes.py --processes 2
capture two_processes_two_threads 40 node $here/processes.py --processes 2 --threads 2
capture sdxl_512_batch4 100 node runners/sdxl.py --random-weights --steps 20 --batch 4 --width 512 --height 512
wait $(jobs -p)   # the exports; not the tee of the log

failed=0
for path in "${wanted[@]}"; do
  if [ -e "$scratch/$path.sqlite.xz" ]; then
    echo "$path.sqlite.xz: $(stat -c %s "$scratch/$path.sqlite.xz") bytes"
  else
    failed=1; echo "missing: $path"
  fi
done
for folder in workloads held_out; do tar -C "$scratch/$folder" -cf "$out/$folder.tar" .; done
echo "done after $SECONDS s, failed: $failed"
exit $failed
