//! Writes docs/api-coverage.md, from AWS's list of operations, Larder's table of them, and what became
//! of the recorded cases. `scripts/api-coverage` runs it:
//!
//! ```text
//! api-coverage CASES RESULT STRICT_RESULT OUTPUT
//! ```
//!
//! It fails, after writing, when a recorded case fails for no written reason, or when a reason is
//! written for a case that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::process::ExitCode;

use larder::protocol::operation::{Operation, Route};
use larder::services::lambda;
use serde_json::Value;

/// Operations whose configuration is complete and whose running part comes later: `Name: what is later`.
const STORED_ONLY: &str = include_str!("../tests/stored-only.txt");

/// Why recorded cases fail: their names one a line, then the reason, indented.
const REASONS: &str = include_str!("../tests/conformance-reasons.txt");

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Passed and all, by the operation's name.
type Tally = BTreeMap<String, (usize, usize)>;

/// What became of the recorded cases in one play.
struct Played {
    tally: Tally,
    failed: BTreeSet<String>,
    passed: u64,
    all: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("api-coverage: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cases, result, strict, output] = arguments.as_slice() else {
        return Err("usage: api-coverage CASES RESULT STRICT_RESULT OUTPUT".into());
    };
    let cases = recorded(cases)?;
    let (usual, strict) = (played(&cases, result)?, played(&cases, strict)?);
    let reasons = reasons();
    fs::write(output, document(&usual, &strict, &reasons)?)?;
    let failing: BTreeSet<&str> = usual.failed.union(&strict.failed).map(String::as_str).collect();
    let unexplained = list(failing.iter().filter(|case| !reasons.contains_key(**case)));
    let unused = list(reasons.keys().filter(|case| !failing.contains(**case)));
    match (unexplained.is_empty(), unused.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => {
            Err(format!("tests/conformance-reasons.txt does not say why these cases fail:{unexplained}").into())
        }
        (_, false) => Err(format!("tests/conformance-reasons.txt has cases that pass:{unused}").into()),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a &'a str>) -> String {
    names.fold(String::new(), |list, name| list + "\n  " + name)
}

// ---- what was recorded and played

/// The recorded cases by their ids.
fn recorded(folder: &str) -> Outcome<BTreeMap<String, Value>> {
    let mut cases = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let case = json(&path.to_string_lossy())?;
            cases.insert(text(&case, "id").to_owned(), case);
        }
    }
    Ok(cases)
}

fn played(cases: &BTreeMap<String, Value>, path: &str) -> Outcome<Played> {
    let result = json(path)?;
    let mut played = Played { tally: Tally::new(), failed: BTreeSet::new(), passed: 0, all: 0 };
    for outcome in items(&result, "cases") {
        let id = text(outcome, "id");
        let case = cases.get(id).ok_or_else(|| format!("{path}: there is no recorded case {id}"))?;
        played.all += 1;
        if outcome["ok"] == true {
            played.passed += 1;
        } else {
            played.failed.insert(short(id).to_owned());
        }
        if outcome["checks"] != 0 {
            count(case, outcome, &mut played.tally)?;
        }
    }
    Ok(played)
}

/// Counts the checks of a case for the operations that gave the answers.
fn count(case: &Value, outcome: &Value, tally: &mut Tally) -> Outcome<()> {
    let (mut passed, mut all) = (0, 0);
    for step in items(case, "steps").filter(|step| step["phase"] != "teardown") {
        let failures: Vec<&str> = items(outcome, "failures")
            .filter(|failure| failure["n"] == step["n"])
            .flat_map(|failure| items(failure, "fail").filter_map(Value::as_str))
            .collect();
        let keys: Vec<&str> = expectations(step)
            .map(|expectation| text(expectation, "snapshot_key"))
            .filter(|key| !key.is_empty())
            .collect();
        let right = keys.iter().filter(|key| !failures.iter().any(|failure| is_of(failure, key))).count();
        passed += right;
        all += keys.len();
        if step["service"] == "lambda" {
            let entry = tally.entry(text(step, "operation").to_owned()).or_default();
            *entry = (entry.0 + right, entry.1 + keys.len());
        }
    }
    let told = (number(outcome, "checks_ok"), number(outcome, "checks"));
    if told == (passed as u64, all as u64) {
        return Ok(());
    }
    Err(format!("{}: {passed} of {all} checks counted, the replay counted {} of {}", text(case, "id"), told.0, told.1)
        .into())
}

fn expectations(step: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(&step["expect"]).filter(|expectation| !expectation.is_null()).chain(items(step, "more_expects"))
}

/// Whether a failure is about the check with this key. A call that could not be made fails all.
fn is_of(failure: &str, key: &str) -> bool {
    let of_all = failure.starts_with("blocked: ") || failure.starts_with("no answer: ");
    of_all || failure.strip_prefix(key).is_some_and(|rest| rest.starts_with([':', '.', '[']))
}

/// Without the file, which is the same for all.
fn short(id: &str) -> &str {
    id.split_once("::").map_or(id, |(_, rest)| rest)
}

// ---- what is written by hand

fn stored_only() -> BTreeMap<&'static str, &'static str> {
    lines(STORED_ONLY).filter_map(|line| line.split_once(": ")).collect()
}

fn reasons() -> BTreeMap<&'static str, String> {
    let (mut reasons, mut named): (BTreeMap<&str, String>, Vec<&str>) = (BTreeMap::new(), Vec::new());
    let mut is_reason = false;
    for line in lines(REASONS) {
        if line.starts_with(' ') {
            for case in &named {
                let reason = reasons.entry(case).or_default();
                if !reason.is_empty() {
                    reason.push(' ');
                }
                reason.push_str(line.trim());
            }
        } else {
            if is_reason {
                named.clear();
            }
            named.push(line);
        }
        is_reason = line.starts_with(' ');
    }
    reasons
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

// ---- the document

fn document(usual: &Played, strict: &Played, reasons: &BTreeMap<&str, String>) -> Outcome<String> {
    // A unit test says that they are all that AWS's model has.
    let served: BTreeMap<&str, &Route> = lambda::SERVICE.operations().filter_map(row).collect();
    let stored = stored_only();
    if let Some(unknown) = stored.keys().find(|name| !served.contains_key(**name)) {
        return Err(format!("tests/stored-only.txt has {unknown}, which is not served").into());
    }

    let mut text = introduction(served.len(), &stored, usual, strict)?;
    for (name, Route { method, path }) in served {
        let state = if stored.contains_key(name) { "stored only" } else { "complete" };
        let (usual, strict) = (figure(&usual.tally, name), figure(&strict.tally, name));
        writeln!(text, "| {name} | `{method} {path}` | {state} | {usual} | {strict} |")?;
    }
    if !stored.is_empty() {
        text.push_str("\n## Stored only: what comes later\n\n");
        for (name, later) in &stored {
            writeln!(text, "- **{name}**: {later}")?;
        }
    }
    failing(&mut text, "Recorded cases that fail", &usual.failed, reasons)?;
    let only_strict = strict.failed.difference(&usual.failed).cloned().collect();
    failing(&mut text, "Recorded cases that fail only when compared strictly", &only_strict, reasons)?;
    Ok(text)
}

fn row<S>(operation: &'static Operation<S>) -> Option<(&'static str, &'static Route)> {
    Some((operation.request.name, operation.request.route.as_ref()?))
}

fn introduction(all: usize, stored: &BTreeMap<&str, &str>, usual: &Played, strict: &Played) -> Outcome<String> {
    let mut text = String::from(
        "<!-- scripts/api-coverage writes this file, and CI fails when it is stale. -->\n\n# Coverage of AWS's Lambda API\n\n",
    );
    writeln!(
        text,
        "AWS's model of Lambda (botocore 1.44.5) has {all} operations. Complete here: {}. Stored only, so that \
         their configuration is kept and\nchecked while their running part comes later: {}.\n",
        all - stored.len(),
        stored.len(),
    )?;
    writeln!(
        text,
        "The last columns count answers that were recorded on AWS (by LocalStack's tests) and that Larder gives word for \
         word, of all that\nwere recorded of the operation. *Strict* also compares what LocalStack itself is known to \
         answer differently. Of whole cases,\nsequences of calls in which everything has to agree, {} of {} pass, strictly \
         {} of {}. An operation without a figure was not recorded.\n",
        usual.passed, usual.all, strict.passed, strict.all
    )?;
    text.push_str(
        "Each operation is also called with valid, invalid and hostile parameters that botocore makes from the model, and \
         its answers are\nheld against the model (`tests/python/sweep`). CI plays the AWS CLI, boto3 and \
         aws-sdk-lambda,\nand Terraform where the machine has it and its AWS provider, which no package registry has.\n\n\
         | operation | request | state | recorded | strict |\n|---|---|---|---|---|\n",
    );
    Ok(text)
}

fn figure(tally: &Tally, name: &str) -> String {
    match tally.get(name) {
        Some((passed, all)) if *all > 0 => format!("{passed}/{all}"),
        _ => String::new(),
    }
}

fn failing(text: &mut String, title: &str, failed: &BTreeSet<String>, reasons: &BTreeMap<&str, String>) -> Outcome<()> {
    if failed.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## {title}\n\n| case | reason |\n|---|---|")?;
    for case in failed {
        let reason = reasons.get(case.as_str()).map_or("**no reason is written**", String::as_str);
        writeln!(text, "| `{case}` | {reason} |")?;
    }
    Ok(())
}

// ---- JSON

fn json(path: &str) -> Outcome<Value> {
    let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| format!("{path}: {error}"))?)
}

fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}
