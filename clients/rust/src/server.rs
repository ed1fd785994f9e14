//! A server of a test run's own, which ends with it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::calls::{Calls, Error};

/// How long a server may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Lines of the server's log that are shown where it does not start.
const LOG_LINES: usize = 15;

/// What the server must not hear of the environment: a folder beside `--ephemeral`, and one file that all would write.
const UNHEARD: [&str; 2] = ["LARDER_DATA_DIR", "LARDER_SAVE_POD_ON_EXIT"];

/// What a server says of itself when it is ready.
#[derive(Debug, Default)]
struct Banner {
    address: String,
    data_dir: String,
}

/// A running `larder serve`, whose state goes with it.
#[derive(Debug)]
pub struct Server {
    process: Child,
    banner: Banner,
}

impl Server {
    /// Starts it, and waits until it is ready.
    pub fn start(program: Option<&Path>, executor: Option<&str>) -> Result<Self, Error> {
        let mut process = spawn(program, executor)?;
        let log = process.stderr.take().map(last_lines);
        let (tell, told) = mpsc::channel();
        let output = process.stdout.take();
        thread::spawn(move || tell.send(output.and_then(read_banner)));

        let banner = told.recv_timeout(PATIENCE).ok().flatten();
        let mut server = Self { process, banner: Banner::default() };
        let Some(banner) = banner else {
            drop(server);
            let log = log.and_then(|log| log.join().ok()).unwrap_or_default();
            return Err(Error::new(format!("larder did not start. The end of its log:\n{log}")));
        };
        server.banner = banner;
        Ok(server)
    }

    /// Calls of it, with the token that its data dir has for its owner.
    pub fn calls(&self) -> Result<Calls, Error> {
        let path = Path::new(&self.banner.data_dir).join("token");
        let token = fs::read_to_string(&path).map_err(|error| Error::of_file(&path, &error))?;
        Ok(Calls::new(&self.banner.address, token.trim()))
    }
}

impl Drop for Server {
    /// Ends it in good order: it takes its environments and its folder along.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(program: Option<&Path>, executor: Option<&str>) -> Result<Child, Error> {
    let named = std::env::var_os("LARDER_BIN").filter(|name| !name.is_empty());
    let program =
        program.map_or_else(|| PathBuf::from(named.unwrap_or_else(|| OsString::from("larder"))), Path::to_owned);
    let mut command = Command::new(&program);
    command.args(["serve", "--ephemeral", "--listen", "127.0.0.1:0", "--end-with-input"]);
    command.args(executor.iter().flat_map(|executor| ["--executor", executor]));
    for name in UNHEARD {
        command.env_remove(name);
    }
    // Its input is held as long as this process lives: the server ends with it, however that ends. Ctrl-C is for the
    // tests, which still need the server to tidy up: so it is no part of their group.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);

    command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(format!(
            "there is no program `{}`: install Larder (`cargo install --path .` in its repository), or say where it is \
             with `program` or LARDER_BIN",
            program.display()
        )),
        _ => Error::of_file(&program, &error),
    })
}

/// Reads what it says of itself; nothing where its output ends before.
fn read_banner(output: impl Read) -> Option<Banner> {
    let mut banner = Banner::default();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(address) = line.strip_prefix("  address ") {
            address.trim().clone_into(&mut banner.address);
        }
        if let Some(data_dir) = line.strip_prefix("  data dir ") {
            data_dir.trim().clone_into(&mut banner.data_dir);
        }
        if !banner.address.is_empty() && !banner.data_dir.is_empty() {
            return Some(banner);
        }
    }
    None
}

/// Takes the server's log, so that it never waits for a reader, and keeps its end.
fn last_lines(log: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut last = VecDeque::new();
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            last.push_back(line);
            if last.len() > LOG_LINES {
                last.pop_front();
            }
        }
        last.make_contiguous().join("\n")
    })
}
