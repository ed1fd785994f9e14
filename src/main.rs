//! Process entry: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::main()
}
