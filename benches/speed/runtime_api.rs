//! The floor of an invocation: a runtime client behind a bare Runtime API, an HTTP caller in front,
//! one thread between the two. No server can hand an event to that client in less.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use serde_json::json;

use crate::docker::Engine;
use crate::http::{self, Connection};
use crate::{Outcome, floors, package};

/// What an event comes with, but for the content's length.
const EVENT_HEADERS: &str = "Content-Type: application/json\r\n\
    Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
    Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
    Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:echo\r\n";

/// The runtime client's process.
enum Client {
    Process(Child),
    Container(Engine, String),
}

/// A bare Runtime API and the client behind it; dropping it ends both.
pub struct BareRuntime {
    client: Client,
    thread: Option<JoinHandle<io::Result<()>>>,
    caller: Option<Connection<TcpStream>>,
}

impl BareRuntime {
    /// A bare Runtime API with the client that `executor` uses, outside of any environment: AWS's
    /// in its image, on the host's network; or Larder's own by the host's Python.
    pub fn start(executor: &str, code: &Path) -> Outcome<Self> {
        std::fs::write(code.join("handler.py"), include_str!("../../fixtures/functions/python-echo/handler.py"))?;
        let (front, runtime) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let address = front.local_addr()?;
        let client = client(executor, code, runtime.local_addr()?)?;
        let thread = std::thread::spawn(move || serve(&front, &runtime));
        let caller = Connection::to(address)?;
        Ok(Self { client, thread: Some(thread), caller: Some(caller) })
    }

    /// Runs an event.
    pub fn invoke(&mut self, request: &[u8]) -> Outcome {
        self.caller.as_mut().ok_or("a caller lives as long as this")?.succeed(request).map(drop)
    }
}

impl Drop for BareRuntime {
    fn drop(&mut self) {
        match &mut self.client {
            Client::Process(child) => {
                let _ = child.kill();
                let _ = child.wait();
            }
            Client::Container(engine, id) => engine.remove(id),
        }
        // The thread ends with its caller, if it did not end with the client. A failure before now
        // was the caller's to see.
        drop(self.caller.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Answers the caller's requests with what the runtime makes of them.
fn serve(front: &TcpListener, runtime: &TcpListener) -> io::Result<()> {
    let mut caller = accept(front)?;
    let mut client = accept(runtime)?;
    let accepted = http::answer("202 Accepted", "", b"{\"status\":\"OK\"}\n");
    while let Some(event) = caller.read()? {
        receive(&mut client)?;
        client.write(&http::answer("200 OK", EVENT_HEADERS, &event.body))?;
        let response = receive(&mut client)?;
        caller.write(&http::answer("200 OK", "Content-Type: application/json\r\n", &response.body))?;
        client.write(&accepted)?;
    }
    Ok(())
}

fn accept(listener: &TcpListener) -> io::Result<Connection<TcpStream>> {
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    Ok(Connection::new(stream))
}

fn receive(client: &mut Connection<TcpStream>) -> io::Result<http::Message> {
    client.read()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn client(executor: &str, code: &Path, api: SocketAddr) -> Outcome<Client> {
    match executor {
        "docker" => container(code, api),
        _ => process(code, api),
    }
}

fn process(code: &Path, api: SocketAddr) -> Outcome<Client> {
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/environments/runtime_clients/python");
    let child = Command::new(floors::python()?)
        .arg(runtime.join("bootstrap.py"))
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
        .env("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11")
        .env("LAMBDA_RUNTIME_DIR", &runtime)
        .env("LAMBDA_TASK_ROOT", code)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("_HANDLER", "handler.handler")
        .stdin(Stdio::null())
        // A client that is killed complains.
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Client::Process(child))
}

fn container(code: &Path, api: SocketAddr) -> Outcome<Client> {
    let mut engine = Engine::connect()?;
    let id = engine.start(&json!({
        "Image": format!("public.ecr.aws/lambda/python:{}", package::RUNTIME.trim_start_matches("python")),
        "Cmd": ["handler.handler"],
        "Env": [format!("AWS_LAMBDA_RUNTIME_API={api}")],
        "HostConfig": {
            "AutoRemove": true,
            "Binds": [format!("{}:/var/task:ro", code.display())],
            "LogConfig": { "Type": "none" },
            "NetworkMode": "host",
        },
    }))?;
    Ok(Client::Container(engine, id))
}
