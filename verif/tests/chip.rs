// SPDX-License-Identifier: Apache-2.0
//! The whole chip at its registers and streams: identity, holes, starts, errors, interrupts, and the
//! numbers promised for GEMMs.

use crate::common::side_by_side;
use harness::axi::Response;
use systole_backends::Backend;
use systole_chip::{Options, RtlTransport, run_chip};
use systole_compiler::compile;
use systole_host::{Driver, HostError, Transport};
use systole_isa::regs::{Access, REGS, SPACE, STATUS_BITS, offset};
use systole_isa::{Config, Image, fingerprint};
use systole_verif::long;
use systole_workloads::{check_graph, random};

fn tiny() -> Config {
    Config::named("tiny").unwrap()
}

fn on_chip<T: 'static, F: Future<Output = T> + 'static>(job: impl FnOnce(RtlTransport) -> F + 'static) -> T {
    run_chip(&tiny(), &Options::default(), job).unwrap_or_else(|e| panic!("{e}"))
}

/// A small program, its frame and what it gives.
fn program() -> (Image, Vec<u8>, u64) {
    let (network, input) = random::gemm(5, 3, 9, 6, false);
    let compiled = compile(&network.graph().unwrap(), &tiny(), &systole_compiler::Options::default()).unwrap();
    let values: Vec<i32> = input.iter().map(|&v| v.into()).collect();
    let frame = compiled.image.input.pack(&values, compiled.image.in_bytes as usize);
    (compiled.image, frame, compiled.cycles)
}

#[test]
fn registers_answer_as_the_table_says_and_holes_with_slverr() {
    for config in [tiny(), Config::named("tiny,VEC_LANES=4").unwrap()] {
        let vector = config.vec_lanes != 0;
        run_chip(&config, &Options::default(), move |mut t| async move {
            for address in (0..SPACE).step_by(4) {
                let reg = REGS.iter().find(|r| r.offset == address);
                let reg = reg.filter(|r| vector || r.offset < offset("POS"));
                let (_, response) = t.registers().read_with(address.into()).await.unwrap();
                assert_eq!(response == Response::Okay, reg.is_some(), "read of {address:#x}");
                let writable = reg.is_some_and(|r| r.access != Access::Ro);
                // START, ERROR_CLEAR and IRQ_STATUS do nothing for 0.
                let response = t.registers().write_with(address.into(), 0, 0xf, 0).await.unwrap();
                assert_eq!(response == Response::Okay, writable, "write of {address:#x}");
            }
            assert_eq!(t.read(offset("FINGERPRINT")).await.unwrap(), fingerprint());
        })
        .unwrap_or_else(|e| panic!("{e}"));
    }
}

/// Before its first reset a chip holds anything, in registers that pass the reset on too. No check may take that for a fault.
#[test]
fn a_chip_wakes_from_whatever_its_registers_held() {
    let library = systole_chip::spec(&tiny()).unwrap().build().unwrap_or_else(|e| panic!("{e}"));
    for seed in 1..=4_000 {
        let run = harness::run(&library, seed, None, |sim| async move {
            let clock = sim.clock("clk_i");
            sim.signal("rst_i").set(1);
            clock.cycles(2).await;
            sim.signal("rst_i").set(0);
            clock.cycles(2).await;
        });
        run.unwrap_or_else(|e| panic!("power-up {seed}: {e}"));
    }
}

#[test]
fn write_strobes_and_any_order_of_address_and_data_are_honoured() {
    on_chip(|mut t| async move {
        let scratch = u64::from(offset("SCRATCH"));
        let mut expected = 0u64;
        for n in 0..64u64 {
            let (strobe, skew, data) =
                (n % 16, n as i64 % 7 - 3, 0x0123_4567_89ab_cdefu64.rotate_left(n as u32 * 5) & 0xffff_ffff);
            assert_eq!(t.registers().write_with(scratch, data, strobe, skew).await.unwrap(), Response::Okay);
            for byte in (0..4).filter(|b| strobe >> b & 1 == 1) {
                expected = expected & !(0xff << (8 * byte)) | data & 0xff << (8 * byte);
            }
            assert_eq!(t.registers().read(scratch).await.unwrap(), expected);
        }
    });
}

#[test]
fn a_start_without_input_waits_and_then_ends_in_an_error_that_says_for_what() {
    let error = on_chip(|t| async move {
        let (image, ..) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let t = driver.transport();
        t.write(offset("START_LIMIT"), 200).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        let status = t.read(offset("STATUS")).await.unwrap();
        assert_eq!(status & 0b1010, 0b1010, "PENDING and WAIT_IN: {status:#x}");
        assert!(t.wait_irq(1000).await.unwrap(), "the error raises the interrupt");
        let status = t.read(offset("STATUS")).await.unwrap();
        assert_eq!(status & 0b11, 0, "dropped: {status:#x}");
        driver.check_error().await.unwrap_err()
    });
    assert!(error.to_string().contains("START_LIMIT") && error.to_string().contains("it waited for an input frame"), "{error}");
    assert!(matches!(error, HostError::Machine { code: 1, .. }));
}

#[test]
fn a_frame_of_the_wrong_length_is_dropped_and_the_next_one_runs() {
    on_chip(|t| async move {
        let (image, frame, cycles) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        for wrong in [frame.len() - 1, frame.len() + 1, frame.len() + 40, 1] {
            driver.transport().queue_frame(vec![7; wrong]).await.unwrap();
            driver.transport().clock().cycles(200).await;
            let error = driver.check_error().await.unwrap_err();
            assert!(error.to_string().contains("FRAME_LEN"), "{error}");
            driver.clear_error().await.unwrap();
            driver.transport().write(offset("IRQ_STATUS"), 0xf).await.unwrap();
        }
        assert_eq!(driver.transport().read(offset("EVENT_FRAMES_DROPPED")).await.unwrap(), 4);
        assert_eq!(driver.run(&frame).await.unwrap().cycles, cycles);
    });
}

#[test]
fn a_queued_start_launches_behind_done_and_a_third_is_an_overrun() {
    on_chip(|t| async move {
        let (image, frame, cycles) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let alone = driver.run(&frame).await.unwrap();
        let t = driver.transport();
        t.write(offset("START"), 1).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        assert_eq!(t.read(offset("ERROR")).await.unwrap(), 3, "START_OVERRUN");
        // Both frames arrive; the runs follow each other without a pause.
        t.queue_frame(frame.clone()).await.unwrap();
        t.queue_frame(frame.clone()).await.unwrap();
        let (first, second) = (t.receive_frame(5000).await.unwrap(), t.receive_frame(5000).await.unwrap());
        assert_eq!((&first, &second), (&alone.frame, &alone.frame));
        assert_eq!(t.read(offset("RUNS")).await.unwrap(), 3);
        assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await.unwrap()), cycles);
        assert_eq!(t.read(offset("EVENT_FRAMES_IN")).await.unwrap(), 3);
        assert_eq!(t.read(offset("EVENT_FRAMES_OUT")).await.unwrap(), 3);
    });
}

#[test]
fn an_upload_while_a_start_is_pending_is_refused() {
    on_chip(|t| async move {
        let (image, frame, cycles) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let t = driver.transport();
        t.write(offset("START"), 1).await.unwrap();
        t.write(offset("UPLOAD_TARGET"), 0).await.unwrap();
        t.send_image(&[0xff; 64]).await.unwrap();
        assert_eq!(t.read(offset("ERROR")).await.unwrap(), 4, "UPLOAD_RUNNING");
        t.queue_frame(frame).await.unwrap();
        t.receive_frame(5000).await.unwrap();
        assert_eq!(u64::from(t.read(offset("CYCLES_LO")).await.unwrap()), cycles, "the program is untouched");
    });
}

#[test]
fn abandoned_starts_and_frames_leave_a_machine_that_runs() {
    on_chip(|t| async move {
        let (image, frame, cycles) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        driver.transport().write(offset("START"), 1).await.unwrap();
        driver.transport().write(offset("START"), 2).await.unwrap();
        assert_eq!(driver.transport().read(offset("STATUS")).await.unwrap() & 0b111, 0);
        driver.transport().queue_frame(frame.clone()).await.unwrap();
        driver.transport().clock().cycles(100).await;
        driver.transport().write(offset("START"), 2).await.unwrap();
        assert_eq!(driver.run(&frame).await.unwrap().cycles, cycles);
    });
}

#[test]
fn outputs_wait_for_the_host_and_cycles_do_not() {
    // With pauses on every stream the cycles of each run are the same.
    let (image, frame, cycles) = program();
    for pause in [0.0, 0.7] {
        let (image, frame) = (image.clone(), frame.clone());
        let options = Options { pause, seed: 9, ..Options::default() };
        let runs = run_chip(&tiny(), &options, move |t| async move {
            let mut driver = Driver::connect(t).await?;
            driver.load(&image).await?;
            driver.run_many(vec![frame; 6], |_, _| {}).await
        });
        let runs = runs.unwrap().unwrap();
        assert!(runs.iter().all(|r| r.cycles == cycles && r.frame == runs[0].frame));
    }
}

/// Shapes around the array, one and two tiles of it: operator = RTL, predicted = measured.
#[test]
fn shapes_around_the_array_run_in_their_cycles() {
    let config = tiny();
    let (r, c) = (config.rows as usize, config.cols as usize);
    let shapes = [
        (1, 1, 1),
        (r - 1, r + 1, 2 * c + 1),
        (r, r, c),
        (r + 1, r - 1, c - 1),
        (2 * r + 1, 2 * r + 1, c + 1),
        (c, 2 * r + 1, 1),
        (c - 1, 1, c + 1),
        (c + 1, c, 2 * c + 1),
        (2 * c + 1, 1, c),
    ];
    for (n, (m, k, cols)) in shapes.into_iter().enumerate() {
        let (network, input) = random::gemm(n as u64, m, k, cols, n % 3 == 2);
        let graph = network.graph().unwrap();
        let compiled = compile(&graph, &config, &Default::default()).unwrap();
        let report = check_graph(&graph, &compiled, &config, Backend::Rtl, [input], &Options::default(), |_| {}).unwrap();
        assert!(report.is_good(), "{m} x {k} x {cols}: {report:?}");
    }
}

/// What keeps a start from its launch stands in STATUS, one by one.
#[test]
fn status_says_what_there_is_and_what_a_start_waits_for() {
    on_chip(|t| async move {
        let (image, frame, cycles) = program();
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap();
        let t = driver.transport();
        let bit = |name: &str| 1 << STATUS_BITS.iter().find(|b| b.name == name).unwrap().bit;
        // A word of the image stream of which half has come.
        t.write(offset("UPLOAD_TARGET"), 1).await.unwrap();
        t.send_image(&[0; 4]).await.unwrap();
        assert_ne!(t.read(offset("STATUS")).await.unwrap() & bit("UPLOADING"), 0);
        t.send_image(&[0; 12]).await.unwrap();
        assert_eq!(t.read(offset("STATUS")).await.unwrap() & bit("UPLOADING"), 0);
        // A word behind the last of its memory.
        t.write(offset("UPLOAD_TARGET"), 0).await.unwrap();
        t.write(offset("UPLOAD_ADDRESS"), tiny().timetable_depth).await.unwrap();
        t.send_image(&[0; 8]).await.unwrap();
        assert!(matches!(driver.check_error().await.unwrap_err(), HostError::Machine { name: "UPLOAD_RANGE", .. }));
        driver.clear_error().await.unwrap();
        driver.load(&image).await.unwrap();
        let t = driver.transport();
        // Three frames: two buffers are full, the third waits at the port.
        for _ in 0..3 {
            t.queue_frame(frame.clone()).await.unwrap();
        }
        t.clock().cycles(300).await;
        assert_ne!(t.read(offset("STATUS")).await.unwrap() & bit("IN_FULL"), 0);
        // The host takes no output: two stand in the buffers, the third start waits.
        t.sim().signal("m_axis_out_tready_i").set(0);
        for n in 0..3 {
            t.write(offset("START"), 1).await.unwrap();
            t.clock().cycles(cycles + 300).await;
            assert_eq!(t.read(offset("RUNS")).await.unwrap(), 2.min(n + 1));
            assert_eq!(t.read(offset("STATUS")).await.unwrap() & bit("WAIT_OUT") != 0, n == 2);
        }
        t.sim().signal("m_axis_out_tready_i").set(1);
        t.clock().cycles(cycles + 300).await;
        assert_eq!(t.read(offset("RUNS")).await.unwrap(), 3);
        assert_eq!(t.read(offset("STATUS")).await.unwrap() & (bit("IN_FULL") | bit("PENDING")), 0);
        // Power comes back: the search for an image is on, and a start waits for it.
        t.power_cycle().await;
        t.write(offset("OUT_BYTES"), 0).await.unwrap();
        t.write(offset("START"), 1).await.unwrap();
        assert_ne!(t.read(offset("STATUS")).await.unwrap() & bit("WAIT_RRAM"), 0);
    });
}

#[test]
fn an_image_for_another_machine_is_refused_with_both_sides_named() {
    let error = on_chip(|t| async move {
        let (mut image, ..) = program();
        image.weight_beats = 4;
        let mut driver = Driver::connect(t).await.unwrap();
        driver.load(&image).await.unwrap_err()
    });
    assert!(error.to_string().contains("WEIGHT_BEATS 4") && error.to_string().contains("WEIGHT_BEATS 1"), "{error}");
}

#[test]
fn the_promised_gemms_take_the_promised_cycles() {
    let promises = [
        (1, 1, 1024, 1024, 4140),
        (2, 1, 1024, 1024, 8240),
        (4, 1, 1024, 1024, 16430),
        (1, 256, 256, 256, 65_650),
        (2, 256, 256, 256, 65_650),
    ];
    let keep = |(beats, m, k, n, limit)| {
        let config = Config::named("base").unwrap().with_weight_beats(beats).unwrap();
        let (network, input) = random::gemm(1, m, k, n, false);
        let compiled = compile(&network.graph().unwrap(), &config, &systole_compiler::Options::default()).unwrap();
        assert!(compiled.cycles <= limit, "{m}x{k}x{n} at D = {beats}: {} cycles", compiled.cycles);
        // With the models that D = 2 and 4 need, on the RTL in the long suite; 65,650 cycles on no machine but there.
        let backends: &[Backend] = match (long(), m == 1, beats == 1) {
            (true, ..) | (_, true, true) => &[Backend::Rtl, Backend::Model],
            (_, true, false) => &[Backend::Model],
            _ => &[],
        };
        for &backend in backends {
            let report = check_graph(
                &network.graph().unwrap(),
                &compiled,
                &config,
                backend,
                std::slice::from_ref(&input),
                &Options::default(),
                |_| {},
            )
            .unwrap();
            assert!(report.is_good(), "{:?}", report.first_mismatch);
        }
    };
    side_by_side([1, 2, 4], |d| promises.into_iter().filter(|p| p.0 == d).for_each(&keep));
}

#[test]
fn the_digits_network_is_right_on_rtl_and_agrees_with_its_training_script() {
    let set = systole_workloads::digits::load().unwrap();
    let config = Config::named("small").unwrap();
    let compiled = compile(&set.network.graph().unwrap(), &config, &systole_compiler::Options::default()).unwrap();
    let report =
        check_graph(&set.network.graph().unwrap(), &compiled, &config, Backend::Rtl, &set.images, &Options::default(), |_| {})
            .unwrap();
    assert!(report.is_good());
    let mut right = 0;
    for ((out, logits), label) in report.outputs.iter().zip(&set.logits).zip(&set.labels) {
        assert!(out.iter().zip(logits).all(|(&a, &b)| a == i32::from(b)));
        right += usize::from(systole_workloads::digits::answer(out) == *label);
    }
    assert!(right * 100 >= 97 * set.images.len(), "{right} of {}", set.images.len());
}

#[test]
fn events_are_counted_alike_by_rtl_and_model() {
    let set = systole_workloads::digits::load().unwrap();
    let (cnn, images, _) = systole_workloads::digits::load_cnn(&set).unwrap();
    let mlp = set.network.graph().unwrap();
    for (name, graph, inputs) in [("digits", &mlp, &set.images[..3]), ("digits-cnn", &cnn, &images[..2])] {
        for config in [tiny(), Config::named("small").unwrap()] {
            let compiled = compile(graph, &config, &systole_compiler::Options::default()).unwrap();
            let count =
                |backend| check_graph(graph, &compiled, &config, backend, inputs, &Options::default(), |_| {}).unwrap().events;
            let (rtl, model) = (count(Backend::Rtl), count(Backend::Model));
            assert_eq!(rtl, model, "{name} on {}: {:?}", config.name, systole_isa::regs::EVENTS.map(|e| e.name));
            assert!(rtl[0] > 0 && rtl[1] > 0 && rtl[6] > 0);
        }
    }
}
