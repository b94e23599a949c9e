// SPDX-License-Identifier: Apache-2.0
//! What a vector that POST takes gets of the instruction that runs, around a nest that the bench plays; with the nest: [`super::post`].

use super::shared::stub::play;
use super::shared::wires::Wires;
use crate::common::{bench, block, side_by_side};
use systole_isa::format::POST;

/// A field of a header as bits.
fn field(header: u128, name: &str) -> u64 {
    let field = POST.field(name);
    (header >> field.lsb) as u64 & ((1 << field.width) - 1)
}

/// Addresses are the nest's, the words of its loops the instruction's.
const PAIRS: [(&str, &str); 5] = [
    ("u_nest.loop_word_i", "desc_word_i"),
    ("u_nest.step_i", "take_i"),
    ("dst_o", "u_nest.a0_o"),
    ("param_o", "u_nest.a1_o"),
    ("res_addr_o", "u_nest.a2_o"),
];

#[test]
fn words_go_where_they_belong_and_a_vector_gets_what_the_instruction_that_runs_says() {
    // With a second operand, or without.
    side_by_side([1u32, 0], |residual| {
        let spec = block("systole_post_front").parameter("RESIDUAL", residual).parameter("LUT_COUNT", 4);
        bench(&play(spec, &["systole_nest"]), 1, move |sim, clk| async move {
            let mut wires = Wires::of(&sim, "systole_post_front", &["u_nest"], &PAIRS);
            let mut random = sim.random("cycles");
            // Headers of the instruction that comes and of the one that runs; numbers of their constants.
            let (mut next, mut runs) = (None, None);
            let (mut number, mut numbers_of_runs, mut most) = (0, None, 0);
            for t in 0..3000 {
                wires.any(&mut random);
                // A reset behind enough instructions that their numbers have begun anew.
                wires.says("rst_i", u64::from(t % 250 == 249));
                wires.says("desc_index_i", [0, 1, random.below(16)][random.below(3) as usize]);
                wires.says("start_i", u64::from(next.is_some() && random.chance(0.3)));
                clk.rising_edge().await;
                let w = &mut wires;
                let (comes, index) = (w.is_high("desc_valid_i"), w.at("desc_index_i"));
                let header = comes && index == 0;
                w.is("u_nest.clear_i", header.into());
                // A header says whether constants come behind it, then loops.
                let second = next.map(|next| field(next, "res_en") == 1);
                let constants = second.map(|second| comes && index == 1 && second);
                let is_loop = constants.map(|constants| comes && !header && !constants);
                w.is_if("res_we_o", constants.map(u64::from));
                w.is_if("u_nest.loop_we_i", is_loop.map(u64::from));
                let loop_index = is_loop == Some(true);
                w.is_if("u_nest.loop_index_i", loop_index.then(|| (index - 1 - u64::from(second == Some(true))) & 7));
                w.is("u_nest.lenc_i", 0);
                w.is_if("u_nest.base0_i", next.map(|next| field(next, "dst_base")));
                let width = w.width("u_nest.base1_i");
                w.is_if("u_nest.base1_i", next.map(|next| field(next, "param_base") & ((1 << width) - 1)));
                w.is_if("u_nest.base2_i", next.map(|next| field(next, "res_base")));
                w.is("u_nest.base3_i", 0);
                w.is("u_nest.base4_i", 0);
                // Numbers, sixteen in turn, from 0 behind a reset.
                w.is("res_next_o", number);
                w.is_if("res_ctx_o", numbers_of_runs);
                most = most.max(number);
                w.is("take_o", u64::from(w.is_high("take_i") && w.is_high("u_nest.valid_o")));
                for (port, name, mask) in [
                    ("lut_o", "lut", 3),
                    ("lo_o", "lo", 0xff),
                    ("hi_o", "hi", 0xff),
                    ("dest_o", "dest", 7),
                    ("zero_point_o", "zero_point", 0xff),
                    ("lut_en_o", "lut_en", 1),
                    ("res_en_o", "res_en", u64::from(residual)),
                ] {
                    w.is_if(port, runs.map(|header| field(header, name) & mask));
                }
                w.rest();
                let starts = w.is_high("start_i");
                if starts {
                    (runs, numbers_of_runs) = (next, Some(number));
                }
                if w.is_high("rst_i") {
                    number = 0;
                } else if starts && second == Some(true) {
                    number = (number + 1) % 16;
                }
                if header {
                    let bytes = w.bits("desc_word_i");
                    next = Some(u128::from_le_bytes(std::array::from_fn(|n| bytes[n])));
                }
            }
            assert_eq!(most, 15);
            wires.done(600);
        });
    });
}
