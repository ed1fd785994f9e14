//! A function's folder, a client over it, and a Runtime API of a few lines.

use crate::skipped::skipped;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use larder::environments::runtime_clients;
use serde_json::Value;

/// Longest run of a client.
const PATIENCE: Duration = Duration::from_secs(20);

/// What runs the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Python,
    Node,
}

/// A function and a client for it.
pub struct Stage {
    folder: tempfile::TempDir,
    argv: Vec<String>,
}

/// What came of a run.
pub struct Run {
    pub posts: Vec<Post>,
    pub output: String,
    /// Exit status; `None` when it waited for one more event and was ended.
    pub status: Option<i32>,
}

/// One request with a body.
pub struct Post {
    pub head: String,
    pub body: String,
    pub trailers: String,
}

impl Run {
    pub fn bodies(&self) -> Vec<&str> {
        self.posts.iter().map(|post| post.body.as_str()).collect()
    }

    pub fn error(&self, number: usize) -> Value {
        serde_json::from_str(&self.posts[number].body).expect("an error report is JSON")
    }
}

impl Stage {
    /// Writes a function's files; `None`, with a line, where the language is not installed.
    pub fn set(language: Language, files: &[(&str, &str)]) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path().join("clients");
        let (client, program, options, script) = match language {
            Language::Python => (&runtime_clients::PYTHON, "python3", &["-S", "-u"][..], "bootstrap.py"),
            Language::Node => (&runtime_clients::NODE, "node", &[][..], "bootstrap.cjs"),
        };
        let written = client.write(&base).expect("the client is written");
        if Command::new(program).arg("--version").output().is_err() {
            skipped(&format!("no {program} on the PATH"));
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this must run in CI");
            return None;
        }
        let task = folder.path().join("task");
        std::fs::create_dir(&task).expect("created");
        for (name, text) in files {
            std::fs::write(task.join(name), text).expect("written");
        }
        let mut argv = vec![program.to_owned()];
        argv.extend(options.iter().map(|option| (*option).to_owned()));
        argv.push(written.join(script).display().to_string());
        Some(Stage { folder, argv })
    }

    pub fn task(&self) -> String {
        self.folder.path().join("task").display().to_string()
    }

    /// Runs a handler over events until it asks for one more, or ends.
    pub fn run(&self, handler: &str, events: &[&str]) -> Run {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        let mut child = self.start(handler, &listener);
        let begin = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break Some(stream),
                Err(_) if child.try_wait().expect("ours").is_some() => break None,
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
            assert!(begin.elapsed() < PATIENCE, "{handler} did not call");
        };
        let (posts, waits) = stream.map_or((Vec::new(), false), |stream| serve(stream, events));
        if waits {
            child.kill().expect("ours");
        }
        let output = child.wait_with_output().expect("ours");
        Run { posts, output: String::from_utf8(output.stdout).expect("text"), status: output.status.code() }
    }

    /// Has a client stand by that no function comes for, with `hook` loaded before it; what it wrote, and its exit status.
    pub fn stand_by(&self, hook: &str) -> (String, Option<i32>) {
        let file = self.folder.path().join("hook.cjs");
        std::fs::write(&file, hook).expect("written");
        let mut command = Command::new(&self.argv[0]);
        command.arg("--require").arg(file).args(&self.argv[1..]).env("_LARDER_STANDS_BY", "1");
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("the client starts");
        (String::from_utf8(output.stdout).expect("text"), output.status.code())
    }

    fn start(&self, handler: &str, listener: &TcpListener) -> Child {
        let task: PathBuf = self.task().into();
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).current_dir(&task).env("LAMBDA_TASK_ROOT", &task);
        command.env("_HANDLER", handler).env("AWS_LAMBDA_FUNCTION_NAME", "f").env_remove("CI");
        command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().expect("bound").to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the client starts")
    }
}

/// Serves events; gives what was posted, and whether the client then waited for one more.
fn serve(stream: TcpStream, events: &[&str]) -> (Vec<Post>, bool) {
    stream.set_nonblocking(false).expect("set");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut out = stream.try_clone().expect("a socket");
    let mut reader = BufReader::new(stream);
    let mut events = events.iter().zip(1..);
    let mut posts = Vec::new();
    while let Some(head) = read_head(&mut reader) {
        let (body, trailers) = read_body(&mut reader, &head);
        if !head.contains("/invocation/next ") {
            posts.push(Post { head, body, trailers });
            out.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").expect("sent");
        } else if let Some((event, number)) = events.next() {
            out.write_all(answer(event, number).as_bytes()).expect("sent");
        } else {
            return (posts, true);
        }
    }
    (posts, false)
}

fn answer(event: &str, number: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: id-{number}\r\n\
         Lambda-Runtime-Deadline-Ms: {}\r\nLambda-Runtime-Trace-Id: Root=1\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n\
         Lambda-Runtime-Client-Context: {{\"custom\":{{\"k\":\"v\"}},\"client\":{{\"app_title\":\"App\"}}}}\r\n\
         Lambda-Runtime-Cognito-Identity: {{\"cognitoIdentityId\":\"me\"}}\r\n\
         content-length: {}\r\n\r\n{event}",
        now + 3000,
        event.len()
    )
}

/// A request's head; `None` at the end of the connection.
fn read_head(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn read_body(reader: &mut BufReader<TcpStream>, head: &str) -> (String, String) {
    if head.contains("Transfer-Encoding: chunked") {
        return read_chunks(reader);
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let body = read_exactly(reader, length.map_or(0, |length| length.parse().expect("a number")));
    (body, String::new())
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> (String, String) {
    let mut body = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a chunk");
        let size = usize::from_str_radix(line.trim(), 16).expect("a size");
        if size == 0 {
            break;
        }
        body += &read_exactly(reader, size);
        read_exactly(reader, 2);
    }
    let mut trailers = String::new();
    while !trailers.ends_with("\r\n\r\n") && trailers != "\r\n" {
        reader.read_line(&mut trailers).expect("trailers");
    }
    (body, trailers)
}

fn read_exactly(reader: &mut BufReader<TcpStream>, size: usize) -> String {
    let mut bytes = vec![0; size];
    reader.read_exact(&mut bytes).expect("a whole body");
    String::from_utf8(bytes).expect("text")
}
