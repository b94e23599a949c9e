// SPDX-License-Identifier: Apache-2.0
//! Every register of the table in `sw/isa`: its value after reset, who may write it, which bits hold, that no write moves another
//! register, and the interrupt's causes one by one. What a field is comes from docs/registers.md and the configuration, not from the RTL.

use harness::axi::Response;
use rand::RngExt;
use std::collections::BTreeMap;
use systole_chip::{Options, RtlTransport, run_chip};
use systole_host::{Driver, Transport};
use systole_isa::regs::{Access, IRQ_BITS, REGS, Reg, offset};
use systole_isa::{Config, Image, fields};
use systole_workloads::random;

fn on_chip<T: 'static, F: Future<Output = T> + 'static>(config: &Config, job: impl FnOnce(RtlTransport) -> F + 'static) -> T {
    run_chip(config, &Options::default(), job).unwrap_or_else(|e| panic!("{e}"))
}

fn machines() -> [Config; 2] {
    [Config::named("tiny").unwrap(), Config::named("tiny,VEC_LANES=4").unwrap()]
}

/// The registers that a machine has, by name: those of the vector unit's tokens are holes without it.
fn present(config: &Config) -> impl Iterator<Item = &'static Reg> {
    let vector = config.vec_lanes != 0;
    REGS.iter().filter(move |r| vector || r.offset < offset("POS"))
}

/// The bits of a register that hold what is written; 0 for one that acts or is only read.
fn holds(name: &str) -> u32 {
    fields::holds(register(name))
}

/// What a register reads after reset, on a chip whose RRAM was never written. None: it changes by itself, while the controller looks
/// for an image or for ever.
fn reset_value(config: &Config, name: &str) -> Option<u32> {
    fields::reset_of(register(name), config)
}

fn register(name: &str) -> &'static Reg {
    REGS.iter().find(|r| r.name == name).unwrap()
}

async fn read(t: &mut RtlTransport, name: &str) -> u32 {
    t.read(offset(name)).await.unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn values_after_reset_are_the_configurations_or_zero() {
    for config in machines() {
        let machine = config.clone();
        on_chip(&config, move |mut t| async move {
            for round in 0..2 {
                let mut known = 0;
                for reg in present(&machine) {
                    let value = read(&mut t, reg.name).await;
                    let Some(expected) = reset_value(&machine, reg.name) else { continue };
                    assert_eq!(value, expected, "{} after reset, round {round}", reg.name);
                    known += 1;
                }
                assert!(known + 12 >= present(&machine).count(), "{known} registers have a value that is known");
                // Whatever was written is gone behind the next reset.
                // AUTO behind those that it holds back.
                let written: Vec<_> = present(&machine).filter(|r| holds(r.name) != 0).collect();
                for reg in written.iter().filter(|r| r.name != "AUTO").chain(written.iter().filter(|r| r.name == "AUTO")) {
                    t.write(reg.offset, u32::MAX).await.unwrap_or_else(|e| panic!("{}: {e}", reg.name));
                }
                t.power_cycle().await;
            }
        });
    }
}

/// Random writes with random strobes, one register after another, against a word for each: what was written stands in its own bits, and
/// no other register moves.
#[test]
fn a_write_moves_its_own_bits_and_no_other_register() {
    for config in machines() {
        let machine = config.clone();
        on_chip(&config, move |mut t| async move {
            let names: Vec<&str> = present(&machine).map(|r| r.name).filter(|n| holds(n) != 0).collect();
            let mut model: BTreeMap<&str, u32> = BTreeMap::new();
            for &name in &names {
                model.insert(name, read(&mut t, name).await);
            }
            let mut rng = random::generator(17);
            for _ in 0..400 {
                let name = names[rng.random_range(0..names.len())];
                // Position, tokens and first row are the machine's while AUTO is not 0 (docs/registers.md); it is drawn as 0 often.
                let settled = model.get("AUTO").is_some_and(|&auto| auto != 0);
                let data = if name == "AUTO" && rng.random_bool(0.6) { 0 } else { rng.random::<u32>() };
                let strobe: u8 = if rng.random_bool(0.3) { 0xf } else { rng.random_range(0..16) };
                let response = t.registers().write_with(offset(name).into(), data.into(), strobe.into(), 0).await.unwrap();
                let refused = settled && (matches!(name, "POS" | "ENTRY") || name.starts_with("TOK"));
                assert_eq!(response == Response::Okay, !refused, "write of {name}, AUTO {:?}", model.get("AUTO"));
                if !refused {
                    let lanes = (0..4).filter(|lane| strobe >> lane & 1 == 1).fold(0u32, |m, lane| m | 0xff << (8 * lane));
                    let bits = holds(name) & lanes;
                    let value = model.get_mut(name).unwrap();
                    *value = *value & !bits | data & bits;
                    if name == "UPLOAD_TARGET" {
                        model.insert("UPLOAD_ADDRESS", 0);
                    }
                }
                let other = names[rng.random_range(0..names.len())];
                for look in [name, other] {
                    let value = read(&mut t, look).await;
                    assert_eq!(value, model[look], "{look} behind a write of {data:#x} to {name}, strobes {strobe:#x}");
                }
            }
            for &name in &names {
                assert_eq!(read(&mut t, name).await, model[name], "{name} at the end");
            }
        });
    }
}

#[test]
fn what_is_only_read_refuses_writes_and_stays() {
    for config in machines() {
        let machine = config.clone();
        on_chip(&config, move |mut t| async move {
            for reg in present(&machine).filter(|r| r.access == Access::Ro) {
                let before = read(&mut t, reg.name).await;
                let response = t.registers().write_with(reg.offset.into(), u64::from(!before), 0xf, 0).await.unwrap();
                assert_eq!(response, Response::SlvErr, "write of {}", reg.name);
                if reset_value(&machine, reg.name).is_some() {
                    assert_eq!(read(&mut t, reg.name).await, before, "{}", reg.name);
                }
            }
        });
    }
}

/// A program with its input frame.
fn program(config: &Config) -> (Image, Vec<u8>) {
    let (network, input) = random::gemm(5, 3, 9, 6, false);
    let compiled = systole_compiler::compile(&network.graph().unwrap(), config, &Default::default()).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    (compiled.image, frame)
}

/// A run raises DONE, FRAME_IN and FRAME_OUT, a frame of a wrong length ERROR, a command RRAM. Then, for every set of enables and every
/// set of bits that is cleared: the line is the OR of the causes that are enabled, and clearing takes the bits that are written only.
#[test]
fn each_cause_is_raised_enabled_and_cleared_by_itself() {
    let config = Config::named("tiny").unwrap();
    let bit = |name: &str| 1u32 << IRQ_BITS.iter().find(|b| b.name == name).unwrap().bit;
    let all = bit("DONE") | bit("ERROR") | bit("FRAME_IN") | bit("FRAME_OUT") | bit("RRAM");
    let raise = async |driver: &mut Driver<RtlTransport>, frame: &[u8]| {
        let t = driver.transport();
        t.write(offset("RRAM_COMMAND"), 2).await.unwrap();
        t.clock().cycles(2_000).await;
        t.queue_frame(frame.to_vec()).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        t.receive_frame(5_000).await.unwrap();
        t.write(offset("ERROR_CLEAR"), 1).await.unwrap();
        t.queue_frame(vec![1]).await.unwrap();
        t.clock().cycles(200).await;
        read(t, "IRQ_STATUS").await
    };
    on_chip(&config.clone(), move |t| async move {
        let (image, frame) = program(&config);
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let line = driver.transport().sim().signal("irq_o");
        driver.transport().write(offset("IRQ_ENABLE"), 0).await.unwrap();
        driver.transport().write(offset("IRQ_STATUS"), 0x7f).await.unwrap();
        assert_eq!(read(driver.transport(), "IRQ_STATUS").await, 0, "all are cleared");
        for clear in (0..1 << IRQ_BITS.len()).filter(|c| c & !all == 0) {
            if read(driver.transport(), "IRQ_STATUS").await != all {
                assert_eq!(raise(&mut driver, &frame).await, all, "the causes of a run, a bad frame and a command");
            }
            let t = driver.transport();
            for enable in [0, 1, 2, 4, 8, 16, 32, 64, clear, !clear & 0x7f, 0x7f] {
                t.write(offset("IRQ_ENABLE"), enable).await.unwrap();
                t.clock().cycles(2).await;
                assert_eq!(line.is_high(), all & enable != 0, "irq_o, causes {all:#x}, enabled {enable:#x}");
            }
            t.write(offset("IRQ_STATUS"), clear).await.unwrap();
            assert_eq!(read(t, "IRQ_STATUS").await, all & !clear, "cleared {clear:#x}");
            t.write(offset("IRQ_ENABLE"), 0x7f).await.unwrap();
            t.clock().cycles(2).await;
            assert_eq!(line.is_high(), all & !clear != 0, "irq_o, all are enabled, cleared {clear:#x}");
        }
        assert_eq!(read(driver.transport(), "ERROR").await & 0xff, 2, "FRAME_LEN");
    });
}

/// A reset in any cycle of a run leaves nothing of it: behind it the chip loads, runs and answers as if it were new.
#[test]
fn a_reset_in_any_cycle_of_a_run_leaves_nothing() {
    // A machine without RRAM wakes at once. The second has a model of its own: in the long suite.
    for name in ["nano", "tiny,RRAM_CTRL=0"].into_iter().take(if systole_verif::long() { 2 } else { 1 }) {
        reset_in_any_cycle(&Config::named(name).unwrap());
    }
}

fn reset_in_any_cycle(config: &Config) {
    let config = config.clone();
    on_chip(&config.clone(), move |t| async move {
        let (image, frame) = program(&config);
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let good = driver.run(&frame).await.unwrap();
        for cycle in 0..good.cycles + 60 {
            let t = driver.transport();
            t.queue_frame(frame.clone()).await.unwrap();
            t.write(offset("START"), 1).await.unwrap();
            t.clock().cycles(cycle).await;
            t.power_cycle().await;
            assert_eq!((read(t, "STATUS").await, read(t, "RUNS").await), (0, 0), "reset {cycle} cycles behind the start");
            driver.load(&image).await.unwrap();
            let again = driver.run(&frame).await.unwrap();
            assert_eq!((again.cycles, &again.frame), (good.cycles, &good.frame), "reset {cycle} cycles behind the start");
        }
    });
}
