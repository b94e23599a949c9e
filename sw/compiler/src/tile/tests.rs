// SPDX-License-Identifier: Apache-2.0
use super::*;
use crate::stage::{NWalk, Over, PostSpec, Tap, Weights};
use systole_isa::PostDest;

fn stage(k_tiles: usize, n_tiles: usize, pixels: usize, dest: PostDest) -> Stage {
    let post = PostSpec {
        dest,
        zero_point: 0,
        lo: -128,
        hi: 127,
        lut: None,
        meeting: None,
        param_base: 0,
        param_step: 1,
        param_pixel: 0,
    };
    Stage {
        spread: None,
        layers: vec![0],
        kind: "product",
        input: Some(0),
        output: None,
        operand: None,
        fill: None,
        out: [1, pixels],
        wide: 1,
        piece: None,
        over: Over { size: [1, pixels], stride: [1, 1], origin: [0, 0] },
        kernel: [1, 1],
        k_loops: vec![],
        taps: (0..k_tiles).map(|word| Tap { row: 0, col: 0, word }).collect(),
        n_walk: NWalk::SAME,
        n_tiles,
        pad: None,
        blocks: blocks([1, pixels], usize::MAX),
        weights: Weights::Tiles(vec![].into()),
        w_zero: 0,
        parts: 1,
        post,
        numbers: None,
        macs: 0,
        band: None,
    }
}

#[test]
fn blocks_cover_the_output_once_are_equal_and_fit() {
    for (size, most) in [([1, 1000], 128), ([1, 129], 128), ([32, 32], 512), ([7, 9], 20), ([3, 300], 128), ([5, 1], 2)] {
        let all = blocks(size, most);
        let mut seen = vec![0; size[0] * size[1]];
        for b in &all {
            assert!(b.pixels() <= most, "{b:?}");
            for row in b.row..b.row + b.rows {
                (b.col..b.col + b.cols).for_each(|col| seen[row * size[1] + col] += 1);
            }
        }
        assert!(seen.iter().all(|&s| s == 1), "{size:?} {all:?}");
    }
    assert_eq!(blocks([32, 32], 512).len(), 2);
    assert_eq!(blocks([1, 300], 128).iter().map(Block::pixels).collect::<Vec<_>>(), [100, 100, 100]);
}

#[test]
fn every_order_visits_every_tile_once_and_ends_every_sum_in_order() {
    let tiny = Config::named("tiny").unwrap();
    for (kt, nt, pixels) in [(1, 1, 1), (3, 4, 1), (4, 3, 40), (1, 5, 2), (5, 1, 128), (2, 9, 64)] {
        for dest in [PostDest::Out, PostDest::OutRaw32] {
            let s = stage(kt, nt, pixels, dest);
            for plan in plans(&s, &tiny, 99) {
                let mut seen = vec![0; kt * nt];
                let mut ends = Vec::new();
                for seg in segments(&s, plan, &s.blocks[0], &tiny) {
                    for k in 0..seg.k_count() {
                        for n in 0..seg.n_count() {
                            seen[(seg.k0 + k) * nt + seg.n0 + n] += 1;
                        }
                    }
                    assert_eq!(seg.first, seg.k0 == 0);
                    let acc_top = seg.acc_base + seg.acc_step * (seg.n_count() - 1) + pixels;
                    assert!(acc_top <= tiny.acc_depth as usize, "{plan:?} {seg:?}");
                    ends.extend(seg.ends(1).into_iter().map(|e| e.0));
                }
                assert!(seen.iter().all(|&c| c == 1), "{kt} {nt} {pixels} {plan:?}");
                assert_eq!(ends, (0..nt).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn raw_sums_at_full_rate_where_four_k_tiles_follow_each_other() {
    let base = Config::named("base").unwrap();
    let s = stage(6, 2, 10, PostDest::OutRaw32);
    let cost = |ka| segments(&s, Plan::Paced(ka), &s.blocks[0], &base).iter().map(|s| s.busy).sum::<u64>();
    assert_eq!(cost(2), 6 * 2 * 10);
    assert_eq!(cost(0), 6 * 2 * 10);
    assert_eq!(cost(1), 6 * 2 * 10 + 20); // five k tiles: the two ways meet at the jump back
    assert_eq!(cost(5), 5 * 2 * 10 + 4 * 2 * 10);
}
