//! The AWS CLI through a function's whole life, with its waiters and with all that a function can
//! have.

use std::path::Path;
use std::process::Command;

use crate::on_each_executor;
use crate::support::python::{run, venv};
use crate::support::{Options, Server, queues};

on_each_executor! {
    async fn the_aws_cli_from_creation_to_end(executor) {
        let server = Server::start(Options::new(executor).with("LARDER_STATE_DELAY_MS", 300));
        queues::create(&server, &["queue"]);
        let home = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/use_cli.py");
        let mut command = Command::new(venv("sdk").join("python"));
        command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
        let output = run(command.arg(script).args([server.url().as_str(), "python3.11"]));
        assert!(output.contains("all as expected"), "{output}");
    }
}
