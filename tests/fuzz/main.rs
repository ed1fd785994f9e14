//! The short form of `scripts/fuzz`: each reader of strangers' bytes gets seeds that were changed at random, from a seed
//! that is printed. `LARDER_FUZZ_INPUTS` says how many inputs, `LARDER_FUZZ_SEED` repeats a run.

#[path = "../../fuzz/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};

/// Inputs of each target.
const INPUTS: u64 = 1_500;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Runs a target; an input that breaks it is kept.
fn run(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name).expect("there is such a target");
    let seed = setting("LARDER_FUZZ_SEED").unwrap_or_else(rand::random);
    println!("{name}: LARDER_FUZZ_SEED={seed}");
    let (mut random, seeds) = (StdRng::seed_from_u64(seed), (target.seeds)());
    assert!(!seeds.is_empty(), "{name} has something to begin with");
    for seed in &seeds {
        (target.run)(seed);
    }
    for _ in 0..setting("LARDER_FUZZ_INPUTS").unwrap_or(INPUTS) {
        let input = changed(&seeds, &mut random);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(&input))) {
            let (_, path) = tempfile::Builder::new()
                .prefix(&format!("larder-fuzz-{name}-"))
                .tempfile()
                .and_then(|file| file.keep().map_err(|error| error.error))
                .expect("a file can be made");
            std::fs::write(&path, &input).expect("it can be written");
            println!("the input is in {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
}

/// One of the seeds after some changes.
fn changed(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..6) {
        if input.is_empty() {
            return input;
        }
        let (at, to) = (random.random_range(0..input.len()), random.random_range(0..input.len()));
        match random.random_range(0..7) {
            0 => input[at] = random.random(),
            1 => input[at] ^= 1 << random.random_range(0..8),
            2 => input.truncate(at),
            3 => drop(input.drain(at.min(to)..at.max(to))),
            4 => {
                let part = input[at.min(to)..at.max(to)].to_vec();
                input.extend_from_slice(&part[..part.len().min(4096)]);
            }
            5 => {
                let other = &seeds[random.random_range(0..seeds.len())];
                input.truncate(at);
                input.extend_from_slice(&other[random.random_range(0..other.len())..]);
            }
            _ => {
                // A number that is small, large, or beyond all there is.
                let end = (at + 4).min(input.len());
                let number = [0, 1, 0x7fff_ffff, u32::MAX, random.next_u32()][random.random_range(0..5)];
                input[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
            }
        }
    }
    input
}

#[test]
fn journal() {
    run("journal");
}

#[test]
fn link() {
    run("link");
}

#[test]
fn package() {
    run("package");
}

#[test]
fn pod() {
    run("pod");
}

#[test]
fn request() {
    run("request");
}

#[test]
fn every_target_is_run() {
    let names: Vec<_> = targets::ALL.iter().map(|target| target.name).collect();
    assert_eq!(names, ["journal", "link", "package", "pod", "request"], "each has a test of its own here");
}
