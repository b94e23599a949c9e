// SPDX-License-Identifier: Apache-2.0
//! Models from other tools: what is imported computes what ONNX Runtime computed.

use proptest::prelude::*;
use std::path::{Path, PathBuf};
use systole_backends::Backend;
use systole_compiler::{Options, compile};
use systole_golden::graph::run_graph;
use systole_isa::Config;
use systole_model::onnx::{Array, Constants, Data, import};
use systole_workloads::check_graph;
use systole_workloads::conformance::{Status, Verdict, run_case};
use systole_workloads::onnx_case::{cases, difference, differing};

/// Third-party cases, where they are beside the checkout.
fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(folder);
    path.is_dir().then_some(path)
}

/// Names that are refused, of all under `folder`; the others agree with the reference in every element.
fn check(folder: &str) -> Option<Vec<String>> {
    let path = shared(folder)?;
    let (mut unsupported, mut failed) = (vec![], vec![]);
    for case in cases(&path).unwrap() {
        let graph = match case.graph().unwrap() {
            Ok(graph) => graph,
            Err(e) => {
                println!("{}: {e}", case.name);
                unsupported.push(case.name.clone());
                continue;
            }
        };
        for (n, set) in case.sets.iter().enumerate() {
            let inputs: Vec<Array> = set.inputs.iter().take(graph.input.tensors().count()).map(|(_, a)| a.clone()).collect();
            let got = &graph.unpack(&run_graph(&graph, graph.pack(&inputs).unwrap()).values)[0];
            if difference(got, &set.outputs[0].1) != Some(0.0) {
                failed.push(format!("{} {n}: {:?}", case.name, difference(got, &set.outputs[0].1)));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    Some(unsupported)
}

#[test]
fn onnx_runtimes_cases_agree_in_every_element() {
    if let Some(unsupported) = check("conformance/ort") {
        assert!(unsupported.is_empty(), "{unsupported:?}");
    }
}

#[test]
fn node_cases_agree_and_only_dynamic_quantisation_is_refused() {
    if let Some(unsupported) = check("conformance/onnx_node") {
        assert_eq!(unsupported, ["test_dynamicquantizelinear"]);
    }
}

#[test]
fn the_models_agree_on_every_stored_input() {
    if let Some(unsupported) = check("models") {
        assert!(unsupported.is_empty(), "{unsupported:?}");
    }
}

/// Verdicts on all cases of a folder, by name.
fn verdicts(folder: &Path, backend: Backend) -> Vec<Verdict> {
    let config = Config::named("base").unwrap();
    cases(folder).unwrap().iter().map(|case| run_case(case, &config, backend, &Default::default()).unwrap()).collect()
}

fn named(verdicts: &[Verdict], status: Status) -> Vec<&str> {
    verdicts.iter().filter(|v| v.status == status).map(|v| v.name.as_str()).collect()
}

/// One small network for each rule, with the outputs of ONNX Runtime 1.32.0 (scripts/ort_rules.py).
#[test]
fn each_rule_of_onnx_runtimes_arithmetic_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort");
    for case in cases(&folder).unwrap() {
        let graph = case.graph().unwrap().unwrap_or_else(|e| panic!("{}: {e:?}", case.name));
        for set in &case.sets {
            let inputs: Vec<Array> = set.inputs.iter().map(|(_, array)| array.clone()).collect();
            for (n, element) in graph.elements(&inputs).unwrap().iter().enumerate() {
                let result = run_graph(&graph, graph.pack(element).unwrap());
                // Values of a linear resize lie halfway often, and digits of a function are off by some: the verdicts below look
                // where they differ.
                let loose = case.name.starts_with("linear_") || case.name.starts_with("mean_of_");
                let open = result.open.iter().filter(|&&o| o && loose).count();
                let got = graph.unpack(&result.values);
                assert_eq!(got.len(), set.outputs.len(), "{}", case.name);
                for ((border, got), (_, expected)) in graph.output.1.all().zip(&got).zip(&set.outputs) {
                    let rounds = border.host.as_ref().is_some_and(|host| host.rounds());
                    let expected = if graph.batch > 1 { expected.part(n) } else { expected.clone() };
                    assert!(differing(got, &expected, rounds) <= open, "{}: the operator reference", case.name);
                }
            }
        }
    }
    let verdicts = verdicts(&folder, Backend::Model);
    assert_eq!(named(&verdicts, Status::Failed), Vec::<&str>::new());
    // Where ONNX Runtime has float32 and the machine digits or F24, which elements differ depends on the data.
    let float = ["linear_", "mean_of_", "attention_", "normalization_", "softmax_"];
    let of_functions = |v: &Verdict| float.iter().any(|name| v.name.starts_with(name));
    let (resized, others): (Vec<Verdict>, Vec<Verdict>) = verdicts.into_iter().partition(of_functions);
    let declared = [
        "sum_flatten",
        "sum_relu_stays",
        "sum_reshape_then_relu",
        "sum_scale_with_dimension",
        "sum_tenths",
        "sum_two_types",
        "window_2x2",
    ];
    assert_eq!(named(&others, Status::Declared), declared, "sums and means without exact constants, and no others");
    assert_eq!(named(&others, Status::Unsupported), Vec::<&str>::new());
    assert_eq!(named(&others, Status::Passed).len() + declared.len(), others.len());
    // None is lost: cases are only added.
    assert!(others.len() >= 218 && resized.len() >= 60, "{} and {} cases", others.len(), resized.len());
    for v in others.iter().chain(&resized).filter(|v| v.status == Status::Declared) {
        assert!(v.reason.contains(&format!("declared: {} of {} elements differ", v.differing, v.compared)), "{}", v.reason);
        assert_eq!(v.max_abs_diff, Some(1.0), "{}", v.name);
    }
}

/// A product that ONNX Runtime computes in float32, and sums without exact constants, excuse no difference but their own.
#[test]
fn a_wrong_code_is_a_failure_also_where_others_are_declared() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort");
    for name in ["matmul_relu_stays", "sum_relu_stays", "window_2x2", "halfway_tanh"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join(name).join("test_data_set_0");
        std::fs::create_dir_all(&data).unwrap();
        for file in ["model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"] {
            std::fs::copy(rules.join(name).join(file), folder.path().join(name).join(file)).unwrap();
        }
        let case = &cases(folder.path()).unwrap()[0];
        let graph = case.graph().unwrap().unwrap_or_else(|e| panic!("{}: {e:?}", case.name));
        let reference = run_graph(&graph, graph.input.pack(&case.sets[0].inputs[0].1).unwrap());
        // The stored codes lie at the end of the file, or before the name of the tensor: change one that nothing excuses.
        let path = data.join("output_0.pb");
        let mut bytes = std::fs::read(&path).unwrap();
        let Data::I8(codes) = &case.sets[0].outputs[0].1.data else { panic!("int8") };
        let raw: Vec<u8> = codes.iter().map(|&c| c as u8).collect();
        let at = bytes.windows(raw.len()).position(|w| w == raw).unwrap();
        let element = (0..raw.len()).find(|&e| !reference.open.get(e).is_some_and(|&o| o)).unwrap();
        let place = graph.output.1.order[element] as usize;
        bytes[at + place] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let verdicts = verdicts(folder.path(), Backend::Model);
        assert_eq!(verdicts[0].status, Status::Failed, "{name}: {}", verdicts[0].reason);
    }
}

#[test]
fn cases_that_failed_in_other_hands_are_exact_or_declared() {
    let Some(folder) = shared("conformance/field/wrong") else { return };
    for backend in [Backend::Model, Backend::Rtl] {
        let verdicts = verdicts(&folder, backend);
        assert_eq!(named(&verdicts, Status::Failed), Vec::<&str>::new(), "{verdicts:#?}");
        assert_eq!(named(&verdicts, Status::Unsupported), Vec::<&str>::new());
        for exact in
            ["gap_int8_qop_12x12_same", "odd_mul_const_q_scalar", "odd_three_consumers", "qlinearadd_half_odd_zero_point"]
        {
            assert!(named(&verdicts, Status::Passed).contains(&exact), "{exact}");
        }
    }
}

/// Jumps of an index beyond 2,047, residual maps larger than a sub-bank, padded maps of 4,000 columns.
#[test]
fn large_maps_run_bit_exact() {
    let Some(folder) = shared("conformance/field/refused") else { return };
    let config = Config::named("base").unwrap();
    for name in ["loop_d4_46x46", "nofit_residual_36x36x32", "m5_nosoftmax_4000-qdq_s8s8_pc"] {
        for case in cases(&folder.join(name)).unwrap() {
            for backend in [Backend::Model, Backend::Rtl] {
                let verdict = run_case(&case, &config, backend, &Default::default()).unwrap();
                assert_eq!(verdict.status, Status::Passed, "{name}: {}", verdict.reason);
            }
        }
    }
}

/// The compiler says which unit of POST a machine lacks.
#[test]
fn a_machine_without_a_multiplier_in_post_refuses_products_of_maps_by_name() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort");
    for name in ["mul_maps_int8_1", "mul_squeeze_uint8_1"] {
        let graph = import(&std::fs::read(rules.join(name).join("model.onnx")).unwrap(), &Constants::new()).unwrap();
        for (config, lacks) in [("small", "PRODUCT = 0"), ("nano", "PRODUCT = 0"), ("small,RESIDUAL=0", "RESIDUAL = 0")] {
            let error = compile(&graph, &Config::named(config).unwrap(), &Options::default()).unwrap_err().to_string();
            assert!(error.contains(lacks), "{name} on {config}: {error}");
        }
        compile(&graph, &Config::named("small,PRODUCT=1").unwrap(), &Options::default()).unwrap();
    }
}

/// float32 results of the host's functions may be off by units in the last place, and by no more.
#[test]
fn a_wrong_value_behind_the_hosts_functions_is_a_failure() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort");
    for (name, change, status) in [
        ("host_behind_logsoftmax_int8_1", 1e-7, Status::Passed),
        ("host_behind_logsoftmax_int8_1", 1e-3, Status::Failed),
        ("host_behind_argmax_int8_1", 1.0, Status::Failed),
        ("host_behind_softmax_uint8_1", 1.0, Status::Failed),
    ] {
        let mut case = cases(&rules).unwrap().into_iter().find(|c| c.name == name).unwrap();
        match &mut case.sets[0].outputs[0].1.data {
            Data::F32(v) => v[3] += change as f32,
            Data::I64(v) => v[2] ^= 1,
            Data::U8(v) => v[3] ^= 1,
            _ => panic!("{name}"),
        }
        let verdict = run_case(&case, &Config::named("base").unwrap(), Backend::Model, &Default::default()).unwrap();
        assert_eq!(verdict.status, status, "{name}, changed by {change}: {}", verdict.reason);
    }
}

/// What failed in other hands, where it is beside the checkout: nothing is wrong, and no more is refused than is known.
#[test]
fn cases_from_other_hands_are_right_or_refused() {
    let Some(folder) = shared("conformance/field") else { return };
    for (part, refused) in [("wrong", 0), ("refused", 39)] {
        let verdicts = verdicts(&folder.join(part), Backend::Model);
        assert_eq!(named(&verdicts, Status::Failed), Vec::<&str>::new(), "{part}");
        let unsupported = named(&verdicts, Status::Unsupported);
        assert!(unsupported.len() <= refused, "{part}: {unsupported:?}");
    }
}

/// A tensor of ONNX's wire format with no more than type and name.
fn tensor_of_type(data_type: u8) -> Vec<u8> {
    vec![0x10, data_type, 0x42, 1, b'x']
}

#[test]
fn a_case_of_another_element_type_or_without_data_stops_no_other() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/ort");
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| {
        let (from, to) = (rules.join("scalar_sum"), folder.path().join(name));
        std::fs::create_dir_all(to.join("test_data_set_0")).unwrap();
        for file in ["model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
        to
    };
    copy("a_sound");
    for (name, code) in [("b_float16", 10), ("c_int16", 5), ("d_float8", 17), ("e_int4", 22), ("f_unheard_of", 99)] {
        std::fs::write(copy(name).join("test_data_set_0/input_0.pb"), tensor_of_type(code)).unwrap();
    }
    std::fs::remove_dir_all(copy("g_no_data").join("test_data_set_0")).unwrap();
    std::fs::write(copy("h_broken").join("test_data_set_0/input_0.pb"), [0xff, 0xff]).unwrap();
    copy("i_sound");
    let verdicts = verdicts(folder.path(), Backend::Model);
    assert_eq!(named(&verdicts, Status::Passed), ["a_sound", "i_sound"]);
    assert_eq!(named(&verdicts, Status::Unsupported), ["b_float16", "c_int16", "d_float8", "e_int4", "f_unheard_of"]);
    assert_eq!(named(&verdicts, Status::Failed), ["h_broken"]);
    assert_eq!(named(&verdicts, Status::Unstored), ["g_no_data"]);
    for (verdict, word) in verdicts[1..].iter().zip(["float16", "int16", "float8e4m3fn", "int4", "number 99", "test_data_set_0"])
    {
        assert!(verdict.reason.contains(word), "{}: {}", verdict.name, verdict.reason);
    }
}

/// Cycles of the passed cases of a folder on a backend, so many data sets of each, and the unsupported ones; none fails.
fn run_all(folder: &str, backend: Backend, sets: usize) -> Option<(Vec<(String, u64)>, Vec<String>)> {
    let config = Config::named("base").unwrap();
    let (mut passed, mut unsupported) = (vec![], vec![]);
    for mut case in cases(&shared(folder)?).unwrap() {
        case.sets.truncate(sets);
        let verdict = run_case(&case, &config, backend, &Default::default()).unwrap();
        assert_ne!(verdict.status, Status::Failed, "{}: {}", verdict.name, verdict.reason);
        match verdict.cycles_measured {
            Some(cycles) => passed.push((verdict.name, cycles)),
            None => unsupported.push(verdict.name),
        }
    }
    println!("{folder} on {backend:?}: {passed:?}; unsupported: {unsupported:?}");
    Some((passed, unsupported))
}

#[test]
fn every_case_runs_bit_exact_on_model_and_rtl() {
    for backend in [Backend::Model, Backend::Rtl] {
        let Some((passed, unsupported)) = run_all("conformance/ort", backend, usize::MAX) else { return };
        assert_eq!((passed.len(), unsupported.len()), (14, 0));
        let Some((passed, unsupported)) = run_all("conformance/onnx_node", backend, usize::MAX) else { return };
        assert_eq!((passed.len(), unsupported), (11, vec!["test_dynamicquantizelinear".to_string()]));
    }
}

#[test]
fn the_models_run_bit_exact_within_the_promised_cycles() {
    // All stored inputs on the RTL in the long suite.
    let on_rtl = if systole_verif::long() { usize::MAX } else { 1 };
    for (backend, sets) in [(Backend::Model, usize::MAX), (Backend::Rtl, on_rtl)] {
        let Some((passed, unsupported)) = run_all("models", backend, sets) else { return };
        assert!(unsupported.is_empty(), "{unsupported:?}");
        for (name, cycles) in passed {
            let promise = if name == "ad" { 1040 + 4 * 32 } else { 50_800 };
            assert!(cycles <= promise, "{name}: {cycles} cycles, promised {promise}");
        }
    }
}

#[test]
fn the_digits_cnn_gives_the_logits_of_its_training_script_on_rtl() {
    let folder = systole_workloads::digits::folder();
    let graph = import(&std::fs::read(folder.join("cnn.onnx")).unwrap(), &Constants::new()).unwrap();
    let logits = systole_workloads::npy::read_i8(&folder.join("cnn_logits.npy")).unwrap().data;
    let set = systole_workloads::digits::load().unwrap();
    let inputs: Vec<Vec<i8>> = set
        .images
        .iter()
        .map(|image| graph.input.pack(&Array { shape: vec![1, 1, 8, 8], data: Data::I8(image.clone()) }).unwrap())
        .collect();
    // All images on the RTL in the long suite.
    let few = if systole_verif::long() { inputs.len() } else { 40 };
    let both = |name| [(name, Backend::Model, inputs.len()), (name, Backend::Rtl, few)];
    for (name, backend, count) in both("base").into_iter().chain(both("small")) {
        let config = Config::named(name).unwrap();
        let compiled = compile(&graph, &config, &Options { require_exact: true, ..Options::default() }).unwrap();
        let chip = systole_chip::Options::default();
        let report = check_graph(&graph, &compiled, &config, backend, &inputs[..count], &chip, |_| {}).unwrap();
        assert!(report.is_good(), "{name}: {:?}", report.first_mismatch);
        let mut right = 0;
        for ((codes, expected), label) in report.outputs.iter().zip(logits.chunks(10)).zip(&set.labels) {
            assert_eq!(graph.output.1.unpack(codes).data, Data::I8(expected.to_vec()));
            right += u32::from(systole_workloads::digits::answer(codes) == *label);
        }
        println!("{name}, {backend:?}: {} cycles an image, {right} of {count}", compiled.cycles);
        assert!(right as usize * 100 >= count * 95 && (count < 450 || right * 100 >= 450 * 98), "{right} of {count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if systole_verif::long() { 400_000 } else { 1_000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Bytes of a whole network changed at random: an error or a program that passes the checker, never a panic.
    #[test]
    fn damaged_models_panic_neither_importer_nor_compiler(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        head in any::<bool>(),
    ) {
        let mut bytes = std::fs::read(systole_workloads::digits::folder().join("cnn.onnx")).unwrap();
        // Nodes and attributes stand in front of the weights.
        let reach = if head { bytes.len().min(2500) } else { bytes.len() };
        for (index, value) in changes {
            bytes[index.index(reach)] = value;
        }
        if let Ok(graph) = import(&bytes, &Constants::new())
            && let Err(e) = compile(&graph, &Config::named("base").unwrap(), &Options::default())
        {
            prop_assert!(!matches!(e, systole_compiler::CompileError::Verify(_)), "{}", e);
        }
    }
}
