// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::legalise::PostSpec;

fn stage(k_tiles: usize, n_tiles: usize, dest: PostDest) -> Stage {
    let post = PostSpec { dest, zero_point: 0, lo: -128, hi: 127, lut: None, residual: None, param_base: 0, param_step: 1 };
    Stage { layer: 0, kind: Kind::Dense, input: 0, output: None, operand: None, k_tiles, n_tiles, post }
}

#[test]
fn blocks_are_equal_and_fit_the_accumulators() {
    let tiny = Config::named("tiny").unwrap();
    for m in [1, 127, 128, 129, 257, 1000] {
        let b = blocks(m, &tiny);
        assert_eq!(b.iter().map(|b| b.1).sum::<usize>(), m);
        assert!(b.iter().all(|x| x.1 <= 128 && x.1 + 1 >= m / b.len()), "{b:?}");
        assert!(b.windows(2).all(|w| w[0].0 + w[0].1 == w[1].0));
    }
}

#[test]
fn every_order_visits_every_tile_once_and_ends_every_sum_in_order() {
    let tiny = Config::named("tiny").unwrap();
    for (kt, nt, rows) in [(1, 1, 1), (3, 4, 1), (4, 3, 40), (1, 5, 2), (5, 1, 128), (2, 9, 64)] {
        for dest in [PostDest::Out, PostDest::OutRaw32] {
            let s = stage(kt, nt, dest);
            for plan in plans(&s, &[(0, rows)], &tiny, 99) {
                let mut seen = vec![0; kt * nt];
                let mut ends = Vec::new();
                for seg in segments(&s, plan, &[(0, rows)], 0, &tiny) {
                    for k in 0..seg.k_count() {
                        for n in 0..seg.n_count() {
                            seen[(seg.k0 + k) * nt + seg.n0 + n] += 1;
                        }
                    }
                    assert_eq!(seg.first, seg.k0 == 0);
                    let acc_top = seg.acc_base + seg.acc_step * (seg.n_count() - 1) + rows;
                    assert!(acc_top <= tiny.acc_depth as usize, "{plan:?} {seg:?}");
                    ends.extend(seg.ends(1).into_iter().map(|e| e.0));
                }
                assert!(seen.iter().all(|&c| c == 1), "{kt} {nt} {rows} {plan:?}");
                assert_eq!(ends, (0..nt).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn raw_sums_at_full_rate_where_four_k_tiles_follow_each_other() {
    let base = Config::named("base").unwrap();
    let s = stage(6, 2, PostDest::OutRaw32);
    let cost = |ka| segments(&s, Plan::Raw(ka), &[(0, 10)], 0, &base).iter().map(|s| s.busy).sum::<u64>();
    assert_eq!(cost(2), 6 * 2 * 10);
    assert_eq!(cost(0), 6 * 2 * 10);
    assert_eq!(cost(1), 6 * 2 * 10 + 20); // five k tiles: the two ways meet at the jump back
    assert_eq!(cost(5), 5 * 2 * 10 + 4 * 2 * 10);
}
