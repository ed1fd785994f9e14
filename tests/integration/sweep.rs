//! Every operation of AWS's model, called well and badly by tests/python/sweep, which judges all
//! answers by botocore's model.

use std::path::Path;

use crate::boto3::{run, venv};
use crate::support::{Executor, Options, Server};

#[test]
fn every_operation_answers_as_the_model_says() {
    let Some(executor) = [Executor::Sandbox, Executor::Docker].into_iter().find(|executor| executor.is_here()) else {
        return;
    };
    let options = Options::new(executor).with("LARDER_DURABILITY", "interval:50");
    let server = Server::start(options.with("LARDER_STATE_DELAY_MS", 0));
    let sweep = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sweep");
    let output = run(std::process::Command::new(venv("model").join("python")).arg(sweep).arg(server.url()));
    assert!(output.contains("all as expected"), "{output}");
    println!("{output}");
}
