// SPDX-License-Identifier: Apache-2.0
//! Language models on the chip: every logit and every cycle of RTL and instruction-level model, token by token.

use std::path::Path;
use systole_backends::{Backend, on_machine};
use systole_compiler::{Decoder, compile_decoder};
use systole_isa::Config;
use systole_llm::{Options, Sizes, quantise, samples};
use systole_verif::{MIXED, long};

/// A run: register ENTRY, position of the first token, tokens.
type Chunk = (u32, u32, Vec<u32>);

/// Runs tokens at positions one behind the other; the frames and cycles, and ARGMAX.
fn run(backend: Backend, config: &Config, d: &Decoder, tokens: &[(u32, u32)]) -> Vec<(Vec<u8>, u64, u32)> {
    run_chunks(backend, config, d, &tokens.iter().map(|&(pos, tok)| (0, pos, vec![tok])).collect::<Vec<_>>())
}

fn run_chunks(backend: Backend, config: &Config, d: &Decoder, chunks: &[Chunk]) -> Vec<(Vec<u8>, u64, u32)> {
    let (image, chunks) = (d.image.clone(), chunks.to_vec());
    on_machine(backend, config, &systole_chip::Options::default(), async move |driver| {
        use systole_host::Transport;
        driver.load(&image).await?;
        let mut out = Vec::new();
        for (entry, pos, tokens) in chunks {
            let run = driver.run_chunk(entry, pos, &tokens).await?;
            let argmax = driver.transport().read(systole_isa::regs::offset("ARGMAX")).await?;
            out.push((run.frame, run.cycles, argmax));
        }
        Ok(out)
    })
    .unwrap_or_else(|e| panic!("{e:#}"))
}

fn compare(config: &Config, d: &Decoder, tokens: &[(u32, u32)]) {
    let rtl = run(Backend::Rtl, config, d, tokens);
    let model = run(Backend::Model, config, d, tokens);
    for (n, ((pos, _), (r, m))) in tokens.iter().zip(rtl.iter().zip(&model)).enumerate() {
        assert_eq!(r.1, d.cycles_at(*pos as usize), "cycles of token {n} at position {pos}");
        assert_eq!(r.1, m.1, "cycles of token {n}");
        if r.0 != m.0 {
            let at = r.0.iter().zip(&m.0).position(|(a, b)| a != b).unwrap() / 4;
            panic!(
                "token {n} at position {pos}: logit {at} is {:02x?} on RTL, {:02x?} on the model",
                &r.0[4 * at..][..4],
                &m.0[4 * at..][..4]
            );
        }
        assert_eq!(r.2, m.2, "ARGMAX of token {n}");
    }
}

/// A prompt in chunks and what follows token by token, on RTL and model: the logits of each chunk's last token are those that
/// it has token by token, and so are those behind it, which read what the chunks left in the caches.
fn compare_prompt(config: &Config, d: &Decoder, tokens: &[(u32, u32)], prompt: usize) {
    let alone = run(Backend::Rtl, config, d, tokens);
    let steps = (prompt..tokens.len()).fold(d.prompt(prompt), |mut steps, pos| {
        steps.push(d.step(pos, 1));
        steps
    });
    assert!(steps[0].rows > 1, "{}: no chunk", config.label());
    let chunk = |s: &systole_compiler::Step| {
        (s.entry, s.pos as u32, tokens[s.pos..s.pos + s.rows].iter().map(|t| t.1).collect::<Vec<u32>>())
    };
    let chunks: Vec<Chunk> = steps.iter().map(chunk).collect();
    for backend in [Backend::Rtl, Backend::Model] {
        let got = run_chunks(backend, config, d, &chunks);
        for (s, (frame, cycles, argmax)) in steps.iter().zip(got) {
            let last = &alone[s.pos + s.rows - 1];
            let what = format!("{}, {backend:?}, position {}, {} rows", config.label(), s.pos, s.rows);
            assert_eq!(cycles, s.cycles, "{what}");
            assert_eq!(argmax, last.2, "{what}");
            assert!(frame == last.0, "{what}: logits differ");
        }
    }
}

/// Steps of a nest where loops over lengths run `lenc` times more.
fn steps(nest: &systole_isa::nest::Nest, lenc: u64) -> u64 {
    nest.loops.iter().map(|l| u64::from(l.count) + if l.len { lenc } else { 0 }).product()
}

fn small_model(sizes: [i64; 7], config: &Config, seed: u64) -> Decoder {
    let model = samples::model(Sizes::new(sizes).unwrap(), false, seed);
    let q = quantise(&model, &Options { calibration: 16, seed, ..Options::default() });
    compile_decoder(&q, config, "random").unwrap_or_else(|e| panic!("{e}"))
}

fn in_order(count: u32, vocab: u32) -> Vec<(u32, u32)> {
    (0..count).map(|i| (i, (i * 7 + 3) % vocab)).collect()
}

#[test]
fn a_small_model_on_a_small_machine() {
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let d = small_model([16, 12, 1, 4, 2, 9, 16], &config, 1);
    compare(&config, &d, &in_order(12, 9));
}

#[test]
fn prompts_in_chunks_leave_what_their_tokens_leave() {
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    compare_prompt(&config, &small_model([16, 12, 2, 4, 2, 9, 16], &config, 1), &in_order(16, 9), 13);
    // Fewer lanes than columns; weights in two beats, so that rows share them.
    let config = Config::named(MIXED).unwrap().with_weight_beats(2).unwrap();
    compare_prompt(&config, &small_model([16, 12, 2, 2, 1, 9, 12], &config, 3), &in_order(12, 9), 10);
    if long() {
        // Heads wider than the columns; no RRAM.
        let config = Config::named("small,VEC_LANES=2,POST_LANES=2").unwrap();
        compare_prompt(&config, &small_model([32, 24, 2, 2, 1, 19, 20], &config, 3), &in_order(20, 19), 18);
        let config = Config::named("nano,VEC_LANES=4,WEIGHT_BEATS=2").unwrap();
        compare_prompt(&config, &small_model([8, 12, 1, 2, 1, 9, 12], &config, 3), &in_order(12, 9), 10);
    }
}

#[test]
fn the_vector_unit_s_events_are_the_steps_of_the_program() {
    use systole_isa::Instruction;
    use systole_isa::program::VectorDest;
    use systole_isa::regs::EVENTS;
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let d = small_model([16, 12, 1, 4, 2, 9, 16], &config, 1);
    for backend in [Backend::Rtl, Backend::Model] {
        let image = d.image.clone();
        let counted = on_machine(backend, &config, &systole_chip::Options::default(), async move |driver| {
            driver.load(&image).await?;
            let mut all = vec![];
            for pos in 0..9 {
                let before = driver.events().await?;
                driver.run_token(pos, 3).await?;
                all.push(driver.events().await?.iter().zip(before).map(|(after, b)| u64::from(after - b)).collect::<Vec<_>>());
            }
            Ok(all)
        })
        .unwrap_or_else(|e| panic!("{e:#}"));
        for (pos, counted) in counted.iter().enumerate() {
            let lenc = pos as u64 / 4;
            let mut expected = [0u64; 5];
            for row in &d.program.rows {
                match &row.instruction {
                    Instruction::Post(p) => expected[0] += steps(&p.nest, lenc),
                    Instruction::Vector(v) => {
                        let n = steps(&v.nest, lenc);
                        expected[1] += n;
                        expected[2] += if v.function.is_some() { n } else { 0 };
                        expected[3] += if v.dest == VectorDest::V { n } else { 0 };
                    }
                    Instruction::Scalar(s) => expected[4] += steps(&s.nest, lenc),
                    _ => {}
                }
            }
            let found = ["POST", "VECTOR", "VEC_FN", "V_WRITE", "SCALAR"]
                .map(|name| counted[EVENTS.iter().find(|e| e.name == name).unwrap().bit as usize]);
            assert_eq!(found, expected, "position {pos} on {backend:?}");
            assert!(expected[1..].iter().all(|&n| n > 0) && expected[1] > expected[2] && expected[1] > expected[3]);
        }
    }
}

#[test]
fn a_new_text_knows_nothing_of_the_one_before() {
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let d = small_model([16, 12, 1, 4, 2, 9, 16], &config, 2);
    // One text, then another from position 0 on, against the other on a machine that was just switched on.
    let text = |step: u32| (0..10).map(move |i| (i, (i * step + 1) % 9));
    let both: Vec<(u32, u32)> = text(5).chain(text(7)).collect();
    for backend in [Backend::Rtl, Backend::Model] {
        let behind = run(backend, &config, &d, &both);
        let alone = run(backend, &config, &d, &both[10..]);
        assert_eq!(behind[10..], alone[..]);
        assert_ne!(behind[..10], alone[..], "the texts differ");
    }
}

#[test]
fn power_that_goes_and_comes_leaves_no_trace_of_a_text() {
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let d = small_model([16, 12, 1, 4, 2, 9, 16], &config, 2);
    let text = |step: u32| (0..10).map(move |i| (i, (i * step + 1) % 9));
    for backend in [Backend::Rtl, Backend::Model] {
        let alone = run(backend, &config, &d, &text(7).collect::<Vec<_>>());
        let image = d.image.clone();
        // In the middle of a text: caches, V, S, ARGMAX and registers hold what it left.
        let behind = on_machine(backend, &config, &systole_chip::Options::default(), async move |driver| {
            use systole_host::Transport;
            driver.load(&image).await?;
            for (pos, tok) in text(5) {
                driver.run_token(pos, tok).await?;
            }
            driver.transport().power_cycle().await?;
            driver.wait_rram().await?;
            let registers = ["POS", "TOK", "TOK1", "ENTRY", "AUTO", "STOP"];
            for name in registers {
                assert_eq!(driver.transport().read(systole_isa::regs::offset(name)).await?, 0, "{name}");
            }
            driver.load(&image).await?;
            let mut out = vec![];
            for (pos, tok) in text(7) {
                let run = driver.run_token(pos, tok).await?;
                let argmax = driver.transport().read(systole_isa::regs::offset("ARGMAX")).await?;
                out.push((run.frame, run.cycles, argmax));
            }
            Ok(out)
        })
        .unwrap_or_else(|e| panic!("{e:#}"));
        assert_eq!(behind, alone);
    }
}

#[test]
fn stories_on_base() {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/models/stories260K/stories260K.bin"));
    let config = Config::named("base").unwrap();
    if !file.exists() {
        eprintln!("{} is not there", file.display());
        return;
    }
    let model = systole_llm::open_model(file).unwrap();
    let d = compile_decoder(&quantise(&model, &Options::default()), &config, "stories260K").unwrap();
    // Every position of the context in the long target.
    let (alone, count) = if long() { (512, 512) } else { (4, 14) };
    compare(&config, &d, &in_order(alone, 512));
    compare_prompt(&config, &d, &in_order(count, 512), count as usize - 3);
}

#[test]
fn a_run_begins_where_entry_says_also_behind_another() {
    use systole_host::Transport;
    use systole_isa::regs::offset;
    let config = Config::named("tiny,VEC_LANES=4").unwrap();
    let d = small_model([16, 12, 2, 4, 2, 9, 16], &config, 1);
    let p = d.prefill.clone().unwrap();
    let tokens: Vec<(u32, u32)> = in_order(2 * p.rows as u32, 9);
    let alone = run(Backend::Rtl, &config, &d, &tokens);
    let (image, entry, rows, chunk, token) = (d.image.clone(), p.entry, p.rows, p.law.at(p.rows), d.law.cycles);
    on_machine(Backend::Rtl, &config, &systole_chip::Options::default(), async move |driver| {
        driver.load(&image).await?;
        let t = driver.transport();
        let write_chunk = async |t: &mut systole_backends::AnyTransport, from: usize| {
            t.write(offset("POS"), from as u32).await?;
            for (name, token) in systole_isa::regs::TOKENS.iter().zip(&tokens[from..from + rows]) {
                t.write(offset(name), token.1).await?;
            }
            anyhow::Ok(())
        };
        // A start in the next access behind ENTRY; a second one waits behind it, and takes what the registers hold when it launches.
        write_chunk(t, 0).await?;
        t.write(offset("ENTRY"), entry).await?;
        t.write(offset("START"), 1).await?;
        write_chunk(t, rows).await?;
        t.write(offset("START"), 1).await?;
        // While it waits its first row is settled.
        let refused = t.write(offset("ENTRY"), 0).await;
        assert!(matches!(refused, Err(systole_host::HostError::Refused { .. })), "{refused:?}");
        assert_eq!(t.read(offset("ENTRY")).await?, entry);
        for n in 1..3 {
            let frame = t.receive_frame(10 * chunk).await?;
            assert!(frame == alone[n * rows - 1].0, "chunk {n}");
        }
        assert_eq!(t.read(offset("RUNS")).await?, 2);
        assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await?), chunk);
        t.write(offset("IRQ_STATUS"), 0x7f).await?;
        // Back to the first row.
        let again = driver.run_token(0, tokens[0].1).await?;
        assert_eq!((again.cycles, again.frame == alone[0].0), (token, true));
        Ok(())
    })
    .unwrap_or_else(|e| panic!("{e:#}"));
}
