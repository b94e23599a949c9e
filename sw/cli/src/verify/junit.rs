// SPDX-License-Identifier: Apache-2.0
//! JUnit XML: what came of each test, and the parts of one run put together.

use anyhow::{Context, Result};
use quick_junit::{Report, TestCaseStatus};
use std::collections::BTreeMap;
use std::path::Path;

/// What came of a test.
pub struct Case {
    /// Program and test, as `systole-verif::block memory::a_test`.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// How long it took.
    pub seconds: f64,
}

/// Reads a report.
///
/// # Errors
/// A file that cannot be read, or is no JUnit.
pub fn read(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Report::deserialize_from_str(&text).with_context(|| format!("{} is no JUnit", path.display()))
}

/// Every test of a report, in its order; those that were left out are none.
pub fn cases(report: &Report) -> Vec<Case> {
    let suites = report.test_suites.iter();
    let all = suites.flat_map(|suite| suite.test_cases.iter().map(move |case| (suite, case)));
    all.filter(|(_, case)| !matches!(case.status, TestCaseStatus::Skipped { .. }))
        .map(|(suite, case)| Case {
            name: format!("{} {}", suite.name.as_str(), case.name.as_str()),
            passed: matches!(case.status, TestCaseStatus::Success { .. }),
            seconds: case.time.map_or(0.0, |t| t.as_secs_f64()),
        })
        .collect()
}

/// One report of the parts of a run: a suite for each program, with the tests of all parts.
pub fn merge(name: &str, parts: Vec<Report>) -> Report {
    let mut merged = Report::new(name);
    let mut at = BTreeMap::new();
    merged.timestamp = parts.iter().filter_map(|p| p.timestamp).min();
    merged.time = Some(parts.iter().filter_map(|p| p.time).sum());
    for mut suite in parts.into_iter().flat_map(|p| p.test_suites) {
        let cases = std::mem::take(&mut suite.test_cases);
        let index = *at.entry(suite.name.as_str().to_string()).or_insert_with(|| {
            let mut empty = quick_junit::TestSuite::new(suite.name.clone());
            empty.timestamp = suite.timestamp;
            merged.test_suites.push(empty);
            merged.test_suites.len() - 1
        });
        merged.test_suites[index].add_test_cases(cases);
    }
    // The counts of a report are of the suites that are added: these have theirs only now.
    let suites = std::mem::take(&mut merged.test_suites);
    merged.add_test_suites(suites);
    merged
}

/// What is wrong with a merged report: tests of the list that it has not, or has more than once, and those of no list.
pub fn complaints(report: &Report, listed: &[String]) -> Vec<String> {
    let mut times: BTreeMap<String, usize> = listed.iter().map(|name| (name.clone(), 0)).collect();
    let mut wrong = vec![];
    for case in cases(report) {
        match times.get_mut(&case.name) {
            Some(n) => *n += 1,
            None => wrong.push(format!("{} is in no list", case.name)),
        }
    }
    wrong.extend(times.iter().filter(|&(_, &n)| n == 0).map(|(name, _)| format!("{name} was not run")));
    wrong.extend(times.iter().filter(|&(_, &n)| n > 1).map(|(name, n)| format!("{name} is there {n} times")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_junit::{NonSuccessKind, TestCase, TestSuite};
    use std::time::Duration;

    fn part(suites: &[(&str, &[(&str, bool)])]) -> Report {
        let mut report = Report::new("part");
        for (name, tests) in suites {
            let mut suite = TestSuite::new(*name);
            for (test, good) in *tests {
                let status = if *good { TestCaseStatus::success() } else { TestCaseStatus::non_success(NonSuccessKind::Failure) };
                let mut case = TestCase::new(*test, status);
                case.set_time(Duration::from_millis(1500));
                suite.add_test_case(case);
            }
            report.add_test_suite(suite);
        }
        // As it is after a file.
        Report::deserialize_from_str(&report.to_string().expect("XML")).expect("JUnit")
    }

    #[test]
    fn parts_become_one_report_with_every_test_and_its_counts() {
        let parts = vec![
            part(&[("a", &[("x", true), ("y<&\"", false)]), ("b", &[("x", true)])]),
            part(&[]),
            part(&[("b", &[("y", true)])]),
        ];
        let text = merge("whole", parts).to_string().expect("XML");
        let whole = Report::deserialize_from_str(&text).expect("JUnit");
        assert_eq!((whole.tests, whole.failures, whole.test_suites.len()), (4, 1, 2), "{text}");
        assert_eq!((whole.test_suites[1].tests, whole.test_suites[1].failures), (2, 0), "{text}");
        let cases = cases(&whole);
        let names: Vec<&str> = cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["a x", "a y<&\"", "b x", "b y"]);
        assert!(cases.iter().all(|c| c.passed != c.name.contains('<') && c.seconds == 1.5));
    }

    #[test]
    fn what_is_missing_doubled_or_unknown_is_named() {
        let whole = merge("whole", vec![part(&[("a", &[("x", true), ("y", true)])]), part(&[("a", &[("x", true)])])]);
        let listed = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(
            complaints(&whole, &listed(&["a x", "a z"])),
            ["a y is in no list", "a z was not run", "a x is there 2 times"]
        );
        let good = merge("whole", vec![part(&[("a", &[("x", true)])]), part(&[("b", &[("x", false)])])]);
        assert!(complaints(&good, &listed(&["b x", "a x"])).is_empty());
    }
}
