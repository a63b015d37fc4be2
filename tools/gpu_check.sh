#!/usr/bin/env bash
# Runs tools/gpu_check.ts on a machine that has neither Deno nor Rust nor a network, from what `deno task gpu:pack` packed:
#
#     bash tools/gpu_check.sh --part parity,network --out "$OUT"
#
# Its arguments are those of tools/gpu_check.ts. GPU_PACK names the folder of the parts (default .cache/gpu).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
GPU_PACK=$(cd "${GPU_PACK:-.cache/gpu}" && pwd)
export GPU_PACK
pack=$GPU_PACK
python=${GPU_PYTHON:-python3}
say() { echo "gpu_check: $*" >&2; }

# Deno: xz, or Python's lzma where there is no xz.
deno=$pack/deno
if [ ! -x "$deno" ] || [ "$pack/part1/deno.xz" -nt "$deno" ]; then
  if command -v xz >/dev/null; then xz -dc "$pack/part1/deno.xz" >"$deno.new"
  else
    "$python" -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' \
      "$pack/part1/deno.xz" "$deno.new"
  fi
  chmod +x "$deno.new"
  mv "$deno.new" "$deno"
fi

# The library where lib/ffi/library.ts expects it, and the packages beside the sources.
mkdir -p target/release
cmp -s "$pack/part1/liblibtrain.so" target/release/liblibtrain.so || cp "$pack/part1/liblibtrain.so" target/release/
[ -d node_modules/.deno ] || tar -xzf "$pack/part1/node_modules.tgz"

# Kernels that were compiled where they were packed.
if [ -f "$pack/part1/kernels.tgz" ]; then
  [ -d "$pack/kernels" ] || { mkdir "$pack/kernels" && tar -C "$pack/kernels" -xzf "$pack/part1/kernels.tgz"; }
  export LIBTRAIN_KERNEL_CACHE=${LIBTRAIN_KERNEL_CACHE-$pack/kernels}
fi

# The data set, once all of its parts are here.
data=()
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$pack/part1/pack.json" | head -1; }
name=$(field name)
if [ -n "$name" ]; then
  count=$(field parts)
  shopt -s nullglob
  parts=("$pack"/part*/data.*)
  if [ ! -f "$pack/$name" ] && [ "${#parts[@]}" -eq "$count" ]; then
    for ((i = 0; i < count; i++)); do cat "$pack/part$((i + 2))/data.$(printf %02d "$i")"; done >"$pack/$name.new"
    echo "$(field sha256)  $pack/$name.new" | sha256sum -c --quiet >&2
    mv "$pack/$name.new" "$pack/$name"
  fi
  if [ -f "$pack/$name" ]; then data=(--data "$pack/$name")
  else say "the data set is not whole yet: ${#parts[@]} of $count parts"; fi
fi

# cuDNN, cuBLASLt and NVRTC of Python's wheels, behind what the machine names itself.
wheels=$("$python" - 2>/dev/null <<'PY' || true
import glob, site, sys
folders = {folder for base in sys.path + site.getsitepackages() for folder in glob.glob(f"{base}/nvidia/*/lib")}
wanted = ("libcudnn.so", "libcublasLt.so", "libnvrtc.so")
print(":".join(sorted(folder for folder in folders if any(glob.glob(f"{folder}/{name}*") for name in wanted))))
PY
)
for folder in "$wheels" /usr/local/cuda/lib64 /usr/local/nvidia/lib64; do
  [ -n "$folder" ] && LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder
done
export LD_LIBRARY_PATH DENO_DIR=$pack/deno_dir DENO_NO_UPDATE_CHECK=1
say "libraries from $LD_LIBRARY_PATH"

permissions=(--allow-read --allow-write --allow-ffi --allow-env --allow-run --allow-sys)
exec "$deno" run -q --no-prompt --no-check --cached-only "${permissions[@]}" tools/gpu_check.ts \
  --python "$python" ${data[@]+"${data[@]}"} "$@"
