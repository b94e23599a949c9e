// SPDX-License-Identifier: Apache-2.0
//! Largest numbers and sums: what they run over, and where the largest is.

use super::*;

#[test]
fn reductions_run_over_their_loops() {
    // 3 x 4 words of V; word (i, j) has lanes 10 i + j and so on, changing in sign.
    let value = |i: i32, j: i32, lane: i32| f64::from((10 * i + j + lane) * if (i + j + lane) % 2 == 0 { 1 } else { -1 }) / 2.0;
    let all = |i: i32| (0..4).flat_map(move |j| (0..4).map(move |lane| value(i, j, lane)));
    let mut bench = Bench::tiny();
    for (i, j) in (0..3).flat_map(|i| (0..4).map(move |j| (i, j))) {
        bench.load_v((4 * i + j) as u32, &[0, 1, 2, 3].map(|lane| value(i, j, lane)));
    }
    let rows = |red: u32, max, sum, fixed: bool| Vector {
        red_base: red,
        red_fixed: fixed,
        reduce: 1,
        max,
        sum,
        lo: -9,
        hi: 9,
        zero_point: 1,
        dest: VectorDest::None,
        // Inner loop: j; outer: i, with the scalar address.
        nest: nest(&[(4, 0, [0, 0, 1, 0, 0]), (3, 2, [0, 0, 4, 0, 1])]),
        ..plain()
    };
    bench.vector(rows(0, MaxOf::Max, SumOf::Off, false));
    bench.vector(rows(4, MaxOf::MaxAbs, SumOf::Off, false));
    bench.vector(rows(8, MaxOf::Off, SumOf::Code, false));
    bench.vector(rows(12, MaxOf::Off, SumOf::T, false));
    bench.vector(rows(62, MaxOf::Off, SumOf::TSquared, false)); // 62, 63, 0 + 64
    bench.vector(Vector { s_base: 20, ..rows(16, MaxOf::Max, SumOf::Off, true) });
    // Over all: reduce both loops.
    bench.vector(Vector { reduce: 3, ..rows(17, MaxOf::ArgMax, SumOf::Off, true) });
    // Columns: the inner loop runs over i's sums, three at once, the reduction is the outer one.
    let columns = nest(&[(3, 0, [0, 0, 4, 0, 1]), (4, 0, [0, 0, 1, 0, 0])]);
    bench.vector(Vector { reduce: 2, nest: columns.clone(), ..rows(24, MaxOf::Off, SumOf::Code, false) });
    bench.vector(Vector { reduce: 2, nest: columns, ..rows(28, MaxOf::Max, SumOf::Off, false) });
    let (machine, _) = bench.run();
    let largest = |i: i32| all(i).fold(f64::MIN, f64::max);
    for i in 0..3 {
        let n = i as usize;
        assert_eq!(s(&machine, if n == 0 { 28 } else { n }), largest(i), "S[0] has been written again");
        assert_eq!(s(&machine, 28 + n), largest(i));
        assert_eq!(s(&machine, 4 + n), all(i).map(f64::abs).fold(0.0, f64::max));
        let code = all(i).map(|x| (x.round_ties_even() + 1.0).clamp(-9.0, 9.0)).sum::<f64>();
        assert_eq!((s(&machine, 8 + n), s(&machine, 24 + n)), (code, code));
        assert_eq!(s(&machine, 12 + n), all(i).map(|x| 16.0 * x).sum::<f64>());
        assert_eq!(s(&machine, (62 + n) % 64), rounded(all(i).map(|x| 256.0 * x * x).sum::<f64>()));
    }
    assert_eq!(s(&machine, 16), largest(2), "the last one stays");
    let overall = (0..3).map(largest).fold(f64::MIN, f64::max);
    assert_eq!(s(&machine, 17), overall);
    let place = (0..3).flat_map(all).position(|x| x == overall).unwrap();
    assert_eq!(machine.argmax() as usize, place, "lane + C * step");
}

#[test]
fn the_first_of_equal_numbers_is_the_argmax() {
    for (words, place) in [
        (vec![[1.0, 5.0, 5.0, 0.0], [5.0; 4]], 1),
        (vec![[-1.0, -5.0, -5.0, -3.0], [-1.0; 4]], 0),
        (vec![[-7.0; 4], [-7.0, -8.0, -6.5, -6.5]], 6),
        (vec![[0.0; 4], [0.0; 4]], 0),
    ] {
        let mut bench = Bench::tiny();
        words.iter().enumerate().for_each(|(n, lanes)| bench.load_v(n as u32, lanes));
        let all = nest(&[(2, 0, [0, 0, 1, 0, 0])]);
        bench.vector(Vector { reduce: 1, max: MaxOf::ArgMax, red_base: 3, nest: all, dest: VectorDest::None, ..plain() });
        let (mut machine, _) = bench.run();
        assert_eq!(machine.argmax(), place);
        assert_eq!(s(&machine, 3), words.iter().flatten().copied().fold(f64::MIN, f64::max));
        // A program without ARGMAX leaves the register as it is.
        let mut bench = Bench::tiny();
        bench.vector(plain());
        machine.load_image(&bench.image()).unwrap();
        machine.run(&[]).unwrap();
        assert_eq!(machine.argmax(), place);
    }
}
