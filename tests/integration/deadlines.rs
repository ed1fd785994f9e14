//! Deadlines hold whatever init and engine do: environments that are stopped in the middle, an engine that takes
//! requests and does not answer, or is away for a while.

use std::time::{Duration, Instant};

use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::types::{InvokeWithResponseStreamResponseEvent as Part, Runtime};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::on_each_executor;
use crate::support::engine::{Engine, Mode, containers, orphan, pause};
use crate::support::functions::{ECHO, active, creation, python, zip};
use crate::support::invoke::{call, invoke};
use crate::support::{Executor, Options, Server, eventually};

/// What a busy machine may need beyond a deadline; far less than an environment that nobody watches takes.
const MARGIN: Duration = Duration::from_secs(6);

/// What the server gives an init beyond the function's timeout.
const GRACE: Duration = Duration::from_secs(2);

/// Sleeps, while it is imported or while it handles an event.
const SLEEPER: &str = "
import os, time
time.sleep(float(os.environ.get('IMPORT', 0)))
def handler(event, context):
    time.sleep(event.get('s', 0))
    return event
";

/// Stops every process of the environments, so that not even their inits do anything.
async fn stop(server: &Server, executor: Executor) {
    if executor == Executor::Docker {
        return pause(server.field("store")).await;
    }
    // The spawner outside only waits for the first process.
    for (pid, _) in server.processes().into_iter().filter(|(_, line)| !line.contains("larder-init sandbox ")) {
        let pid = Pid::from_raw(pid.try_into().expect("a process id"));
        // One that ended meanwhile is stopped enough.
        let _ = kill(pid, Signal::SIGSTOP);
    }
}

/// Waits for the processes of an environment, then stops them.
async fn stop_first(server: &Server, executor: Executor) {
    eventually("an environment starts", || async { (server.environments() > 0).then_some(()) }).await;
    stop(server, executor).await;
}

/// Without environments that stand by, which would be stopped with the others.
fn alone(executor: Executor) -> Options {
    Options::new(executor).with("LARDER_STANDBY", 0)
}

async fn sleeper(server: &Server, timeout: i32, import_s: &str) {
    let variables = aws_sdk_lambda::types::Environment::builder().variables("IMPORT", import_s).build();
    let creation = creation(&server.client(), "sleeper", Runtime::Python311, python(SLEEPER));
    creation.timeout(timeout).environment(variables).send().await.expect("created");
    active(&server.client(), "sleeper").await;
}

on_each_executor! {
    async fn a_stopped_environment_does_not_hold_its_caller(executor) {
        let server = Server::start(alone(executor));
        let client = server.client();
        sleeper(&server, 3, "0").await;
        call(&client, "sleeper").await.response();
        stop(&server, executor).await;

        let begin = Instant::now();
        let failed = call(&client, "sleeper").await;
        assert!(begin.elapsed() < Duration::from_secs(3) + GRACE + MARGIN, "{:?}", begin.elapsed());
        let (error, message) = failed.failure();
        assert_eq!(error, "Sandbox.Timedout");
        assert_eq!(message, format!("RequestId: {} Error: Task timed out after 3.00 seconds", failed.request_id));
        assert!(failed.log.contains("Status: timeout"), "{}", failed.log);

        // It was replaced, and goes whole.
        let again = invoke(&client, "sleeper", json!({ "n": 1 })).await;
        assert!(again.is_cold(), "{}", again.log);
        eventually("the stopped one is gone", || async {
            let there = if executor == Executor::Docker {
                containers(server.field("store")).await.len()
            } else {
                server.processes().iter().filter(|(_, line)| line.starts_with("/run/larder/init")).count()
            };
            (there == 1).then_some(())
        })
        .await;
        assert_eq!(server.environments(), 1);
    }

    async fn nor_one_that_is_stopped_while_it_works(executor) {
        let server = Server::start(alone(executor));
        sleeper(&server, 3, "0").await;
        let client = server.client();
        call(&client, "sleeper").await.response();
        let begin = Instant::now();
        let (failed, ()) = tokio::join!(invoke(&client, "sleeper", json!({ "s": 60 })), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop(&server, executor).await;
        });
        assert!(begin.elapsed() < Duration::from_secs(3) + GRACE + MARGIN, "{:?}", begin.elapsed());
        assert_eq!(failed.failure().0, "Sandbox.Timedout");
        call(&client, "sleeper").await.response();
    }

    async fn nor_one_that_is_stopped_in_its_init_phase(executor) {
        let server = Server::start(Options::new(executor));
        sleeper(&server, 1, "8").await;
        let client = server.client();
        let begin = Instant::now();
        let (failed, ()) = tokio::join!(call(&client, "sleeper"), stop_first(&server, executor));
        // The init phase may take 10 s, and the function's own time begins after that.
        assert!(begin.elapsed() < Duration::from_secs(10 + 1) + GRACE + MARGIN, "{:?}", begin.elapsed());
        assert_eq!(failed.failure().0, "Sandbox.Timedout");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_environments_deadline() {
    let Some(server) = Server::in_sandbox() else { return };
    let client = server.client();
    let code = r"
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((done) => setTimeout(done, 60000));
  stream.end('last');
});
";
    let package = zip(&[("handler.js", code.as_bytes())]);
    let creation = creation(&client, "streamer", Runtime::Nodejs20x, package).timeout(3).memory_size(512);
    creation.send().await.expect("created");
    active(&client, "streamer").await;
    let begin = Instant::now();
    let call = client.invoke_with_response_stream().function_name("streamer").send();
    let mut output = call.await.expect("invoked");
    let first = output.event_stream.recv().await.expect("frames").expect("a part");
    assert!(matches!(first, Part::PayloadChunk(_)), "{first:?}");
    stop(&server, Executor::Sandbox).await;
    let last = output.event_stream.recv().await.expect("frames").expect("the end");
    let Part::InvokeComplete(end) = last else { panic!("{last:?}") };
    assert!(end.error_details.unwrap_or_default().contains("Task timed out after 3.00 seconds"));
    assert!(begin.elapsed() < Duration::from_secs(3) + GRACE + MARGIN + MARGIN, "{:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_engine_holds_no_cold_call_beyond_the_start_limit() {
    if !Executor::Docker.is_here() {
        return;
    }
    let engine = Engine::new();
    let options = Options::new(Executor::Docker).with("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", 5);
    let server = Server::start(options.with("DOCKER_HOST", engine.host()));
    let client = server.client();
    for name in ["silent", "deaf"] {
        creation(&client, name, Runtime::Python311, python(ECHO)).send().await.expect("created");
        active(&client, name).await;
    }
    // Deaf is worse: what is asked for is made, and nobody hears of it.
    for (name, mode) in [("silent", Mode::Silent), ("deaf", Mode::Deaf)] {
        engine.be(mode);
        let begin = Instant::now();
        let refused = client.invoke().function_name(name).send().await.expect_err("no environment can be made");
        assert!(begin.elapsed() < Duration::from_secs(5) + MARGIN, "{name}: {:?}", begin.elapsed());
        let text = refused.message().unwrap_or_default().to_owned();
        assert!(text.contains("a new environment was not there within 5 s"), "{text}");
        engine.be(Mode::Passes);
    }
    eventually("what came of it is removed", || async {
        containers(server.field("store")).await.is_empty().then_some(())
    })
    .await;
    for name in ["silent", "deaf"] {
        invoke(&client, name, json!({ "well": true })).await.response();
    }
}

/// As after a kill in the middle of a start: the engine makes what it was asked for, and whoever asked is gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_makes_after_the_servers_first_look_is_removed() {
    if !Executor::Docker.is_here() {
        return;
    }
    let mut server = Server::start(Options::new(Executor::Docker));
    let client = server.client();
    // Its image is there.
    creation(&client, "any", Runtime::Python311, python(ECHO)).send().await.expect("created");
    call(&client, "any").await.response();
    let made = orphan(server.field("store")).await;
    assert!(server.stop().success());
    let left = containers(server.field("store")).await;
    assert!(left.iter().all(|(id, _)| *id != made), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_removed_while_the_engine_is_away_is_removed_later() {
    if !Executor::Docker.is_here() {
        return;
    }
    let engine = Engine::new();
    let server = Server::start(Options::new(Executor::Docker).with("DOCKER_HOST", engine.host()));
    let client = server.client();
    creation(&client, "paused", Runtime::Python311, python(ECHO)).send().await.expect("created");
    active(&client, "paused").await;
    call(&client, "paused").await.response();
    // It cannot end by itself.
    pause(server.field("store")).await;
    engine.be(Mode::Away);
    client.delete_function().function_name("paused").send().await.expect("deleted");
    eventually("the server gave it up", || async { (server.environments() == 0).then_some(()) }).await;
    // Its own end is given 2.5 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(containers(server.field("store")).await.len(), 1, "nobody could remove it");
    engine.be(Mode::Passes);
    eventually("it is removed", || async { containers(server.field("store")).await.is_empty().then_some(()) }).await;
}
