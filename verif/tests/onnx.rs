// SPDX-License-Identifier: Apache-2.0
//! Models from other tools: what is imported computes what ONNX Runtime computed.

use std::path::{Path, PathBuf};
use systole_golden::graph::run_graph;
use systole_isa::Config;
use systole_model::onnx::{Array, Constants, Data, import};
use systole_verif::Backend;
use systole_verif::conformance::{Status, run_case};
use systole_verif::onnx_case::{cases, difference};

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
            let codes = graph.input.pack(&set.inputs[0].1).unwrap();
            let got = graph.output.1.unpack(&run_graph(&graph, &codes).values);
            if difference(&got, &set.outputs[0].1) != Some(0.0) {
                failed.push(format!("{} {n}: {:?}", case.name, difference(&got, &set.outputs[0].1)));
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

/// Passed and unsupported cases of a folder on a backend; none fails.
fn run_all(folder: &str, backend: Backend) -> Option<(usize, Vec<String>)> {
    let config = Config::named("base").unwrap();
    let (mut passed, mut unsupported) = (0, vec![]);
    for case in cases(&shared(folder)?).unwrap() {
        let verdict = run_case(&case, &config, backend).unwrap();
        assert_ne!(verdict.status, Status::Failed, "{}: {}", verdict.name, verdict.reason);
        match verdict.status {
            Status::Passed => passed += 1,
            _ => unsupported.push(verdict.name),
        }
    }
    Some((passed, unsupported))
}

#[test]
fn dense_cases_run_on_model_and_rtl() {
    for backend in [Backend::Model, Backend::Rtl] {
        for folder in ["conformance/ort", "conformance/onnx_node", "models"] {
            let Some((passed, unsupported)) = run_all(folder, backend) else { return };
            println!("{folder} on {backend:?}: {passed} passed; unsupported: {unsupported:?}");
            assert!(passed > 0);
        }
    }
}

#[test]
fn the_digits_cnn_gives_the_logits_of_its_training_script() {
    let folder = systole_verif::digits::folder();
    let graph = import(&std::fs::read(folder.join("cnn.onnx")).unwrap(), &Constants::new()).unwrap();
    let logits = systole_verif::npy::read_i8(&folder.join("cnn_logits.npy")).unwrap().data;
    let set = systole_verif::digits::load().unwrap();
    let mut right = 0;
    for ((image, expected), label) in set.images.iter().zip(logits.chunks(10)).zip(&set.labels) {
        let input = Array { shape: vec![1, 1, 8, 8], data: Data::I8(image.clone()) };
        let values = run_graph(&graph, &graph.input.pack(&input).unwrap()).values;
        assert_eq!(graph.output.1.unpack(&values).data, Data::I8(expected.to_vec()));
        let codes: Vec<i32> = expected.iter().map(|&v| v.into()).collect();
        right += u32::from(systole_verif::digits::answer(&codes) == *label);
    }
    assert!(right * 100 >= 450 * 98, "{right} of 450");
}
