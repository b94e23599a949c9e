// SPDX-License-Identifier: Apache-2.0
//! The benches of docs/first-test-bench.md, and that the page shows them as they are.

use harness::{Event, Sim};

#[harness::test(top = "saturate", sources = ["tests/saturate.v"])]
async fn sums_saturate(sim: Sim) {
    let clk = sim.clock("clk_i");
    let [en, a, b, sum] = ["en_i", "a_i", "b_i", "sum_o"].map(|name| sim.signal(name));
    let mut random = sim.random("operands");
    en.set(1);
    for _ in 0..1000 {
        let (x, y) = (random.below(256), random.below(256));
        a.set(x);
        b.set(y);
        clk.rising_edge().await; // our writes stand from here on
        clk.rising_edge().await; // this edge samples them
        clk.rising_edge().await; // and here the result is seen
        assert_eq!(sum.get(), (x + y).min(255));
    }
}

#[harness::test(top = "saturate", sources = ["tests/saturate.v"], seed = 7)]
async fn a_monitor_sees_the_first_saturation(sim: Sim) {
    let clk = sim.clock("clk_i");
    let seen = Event::new();
    let (watch_clk, sum, found) = (clk.clone(), sim.signal("sum_o"), seen.clone());
    sim.spawn("monitor", async move {
        watch_clk.until(10_000, "the sum to be 255", || sum.get() == 255).await.unwrap();
        found.set();
    });
    sim.signal("en_i").set(1);
    sim.signal("a_i").set(200);
    sim.signal("b_i").set(100);
    sim.timeout(&clk, 100, "the first saturation", seen.wait()).await.unwrap();
}

#[test]
fn the_page_shows_these_benches_and_this_module() {
    let squash = |t: &str| t.split_whitespace().collect::<String>();
    let page = include_str!("../../../docs/first-test-bench.md");
    assert!(squash(page).contains(&squash(include_str!("saturate.v"))));
    let code = squash(include_str!("first_bench.rs"));
    let shown: Vec<&str> = page.split("```rust").skip(1).filter_map(|p| p.split("```").next()).collect();
    assert_eq!(shown.len(), 2);
    for bench in shown {
        let body = bench.split_once("#[harness").unwrap().1;
        assert!(code.contains(&squash(body)), "{bench}");
    }
}
