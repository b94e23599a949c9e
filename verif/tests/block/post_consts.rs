// SPDX-License-Identifier: Apache-2.0
//! Constants of the residual add: of any number, each in its cycle.

use crate::common::{bench, block};
use rand::RngExt;
use std::collections::VecDeque;
use systole_isa::Instruction;
use systole_isa::nest::{Nest, Stride};
use systole_isa::program::{Join, Post, PostDest, Residual};

/// The word of an instruction that has these constants.
fn word(residual: Residual) -> u128 {
    let post = Post {
        dst_base: 0,
        param_base: 0,
        dest: PostDest::X,
        zero_point: 0,
        lo: -128,
        hi: 127,
        lut: None,
        residual: Some(residual),
        nest: Nest::from_strides(&[Stride { count: 1, gap: 0, stride: [0; 5] }]),
    };
    Instruction::Post(post).encode().unwrap()[1]
}

#[test]
fn constants_of_any_number_come_in_their_cycles() {
    bench(&block("systole_post_consts"), 1, |sim, clk| async move {
        let s = |n: &str| sim.signal(n);
        let [we, waddr, written, number] = ["we_i", "waddr_i", "word_i", "number_i"].map(s);
        let [ma, mb, mul, offset] = ["ma_o", "mb_o", "mul_o", "offset_o"].map(s);
        let [shift, zero_point, max] = ["shift_o", "zero_point_o", "max_o"].map(s);
        let mut random = sim.random("constants");
        let mut constants: Vec<Option<Residual>> = vec![None; 16];
        let mut numbers = VecDeque::new();
        let mut checked = 0;
        for t in 0..4000u32 {
            // A number is written anew when no operands with it are on their way.
            let n = if t < 16 { t as usize } else { random.random_range(0..16usize) };
            let free = t < 16 || numbers.iter().all(|&before| before != n) && random.chance(0.2);
            we.set(free.into());
            if free {
                let join = [Join::Sum, Join::Larger, Join::Product { zeros: [0, 0] }][random.random_range(0..3usize)];
                let residual = Residual {
                    base: 0,
                    join,
                    ma: random.random_range(-(1 << 25)..1 << 25),
                    mb: if matches!(join, Join::Product { .. }) { 0 } else { random.random_range(-(1 << 25)..1 << 25) },
                    offset: random.random_range(-(1i64 << 46)..1 << 46),
                    shift: random.random_range(0..=40),
                    zero_point: random.random_range(-128..=127),
                };
                waddr.set(n as u64);
                written.set_bytes(&word(residual).to_le_bytes());
                constants[n] = Some(residual);
            }
            let now = if free { (n + 8) % 16 } else { random.random_range(0..16usize) };
            number.set(now as u64);
            numbers.push_front(now);
            numbers.truncate(5);
            clk.rising_edge().await;
            let of = |age: usize| numbers.get(age).and_then(|&n| constants[n]);
            let bits = |value: i64, width: u32| (value as u64) & ((1 << width) - 1);
            if let (Some(first), Some(third), Some(last)) = (of(1), of(3), of(4)) {
                let product = matches!(first.join, Join::Product { .. });
                assert_eq!((ma.get(), mul.is_high()), (bits(first.ma.into(), 26), product), "cycle {t}");
                if !product {
                    assert_eq!(mb.get(), bits(first.mb.into(), 26), "cycle {t}");
                }
                assert_eq!(offset.get(), bits(third.offset, 48), "cycle {t}");
                assert_eq!(
                    (shift.get(), zero_point.get()),
                    (u64::from(last.shift), bits(last.zero_point.into(), 8)),
                    "cycle {t}"
                );
                assert_eq!(max.is_high(), last.join == Join::Larger, "cycle {t}");
                checked += 1;
            }
        }
        assert!(checked > 3000);
    });
}
