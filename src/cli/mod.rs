//! The command line: one file per subcommand.

mod background;
mod ca;
mod compact;
mod demo;
mod diff;
mod entry_text;
mod error;
mod events_then;
mod gc;
mod invocations;
mod invoke;
mod log;
mod logs;
mod manual;
mod mark;
mod marks;
mod own_folder;
mod pager;
mod pod;
mod queue;
mod recover;
mod replay;
mod rewind;
mod serve;
mod server_process;
mod show;
mod state;
mod target;
mod terminal;
mod top;
mod url;
mod verify;
mod why_denied;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::error::{CliError, EXIT_CODES};

/// A local AWS Lambda service that never forgets.
///
/// Point the AWS CLI, an SDK, Terraform or SAM at one port: functions are created, run, versioned and
/// wired up as on AWS, and everything acknowledged survives a crash.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  larder demo                       see it work, in ten seconds
  larder serve                      serve on http://127.0.0.1:4566, keep everything in ./.larder
  larder start -d                   the same in the background; `larder stop` ends it
  larder log --function orders      who changed what, and when; with -p field by field
  larder rewind --to 10m            bring everything back to ten minutes ago
  larder invoke orders --tail       call a function, and see its log
  larder logs orders -f             what it logs, as it comes
  larder invocations --errors       what failed, and why
  larder queue wait                 wait until all asynchronous events have been run
  aws --endpoint-url http://127.0.0.1:4566 lambda list-functions";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Lambda API
    Serve(Box<crate::config::ServeOptions>),
    /// Start a server, with -d in the background, where `stop`, `status` and `wait` find it
    Start(Box<background::start::StartOptions>),
    /// Stop the server in the background
    Stop(background::stop::StopOptions),
    /// Show whether a server runs, where it listens, and what it does
    Status(background::status::StatusOptions),
    /// Wait until the server is ready
    Wait(background::wait::WaitOptions),
    /// Show in a few seconds what Larder does: create, invoke, crash, recover, invoke again
    Demo(demo::DemoOptions),
    /// Show history: who changed what, when, a line a change, the newest first
    #[command(after_help = log::EXAMPLES)]
    Log(log::LogOptions),
    /// Invoke a function, and print its answer, with the end of its log where that is wanted
    #[command(after_help = invoke::EXAMPLES)]
    Invoke(invoke::InvokeOptions),
    /// Show what functions log, and go on with what they write
    Logs(logs::LogsOptions),
    /// Show one event
    Show(show::ShowOptions),
    /// Show all resources, now or at any point of history
    State(state::StateOptions),
    /// Show what differs between two points of history, or between one and now, or two data dirs
    Diff(diff::DiffOptions),
    /// Bring the state back to what it was, by a new event
    Rewind(rewind::RewindOptions),
    /// Name this point of history
    Mark(mark::MarkOptions),
    /// List the marks
    Marks(marks::MarksOptions),
    /// Show invocations: what had them run, how they ended, their log, and what they called
    Invocations(Box<invocations::InvocationsOptions>),
    /// Show live what runs: rates, durations, environments, function by function
    Top(top::TopOptions),
    /// Run a recorded invocation again, as it was then or as it is now, and say whether it goes as it went
    #[command(after_help = replay::EXAMPLES)]
    Replay(Box<replay::ReplayOptions>),
    /// Write a failing call, with the state that it failed in, into one file
    Report(Box<replay::report::ReportOptions>),
    /// Run what a report is about, and say whether it fails as it did
    Reproduce(Box<replay::reproduce::ReproduceOptions>),
    /// Find the smallest event with which an invocation fails as it did
    Minimize(Box<replay::minimize::MinimizeOptions>),
    /// Run a command, such as tests, and write what was invoked meanwhile into a report where it fails
    Record(Box<replay::record::RecordOptions>),
    /// Save, load, inspect and verify pods: the state as one file
    #[command(subcommand)]
    Pod(pod::Command),
    /// See, retry, drop and wait for asynchronous events: those that wait until they have been run
    ///
    /// An invocation that nobody waits for (`--invocation-type Event`) is an event. It is on disk until it has been run: at
    /// once where there is room, and again after a while where its function failed.
    #[command(subcommand)]
    Queue(queue::Command),
    /// Show functions' URLs, under their own host and by a path
    Url(url::UrlOptions),
    /// Show which statement of which policy refused a call
    ///
    /// Whose calls are judged says `larder serve --authorize`.
    WhyDenied(why_denied::WhyDeniedOptions),
    /// Show the authority that vouches for the server over TLS, and how to trust it
    Ca(ca::CaOptions),
    /// Check every record, event, checkpoint, blob and reference of a store
    Verify(verify::VerifyOptions),
    /// Write what is whole of a damaged data dir into a new one
    Recover(recover::RecoverOptions),
    /// Drop history
    Compact(compact::CompactOptions),
    /// Remove blobs and code trees that nothing refers to
    Gc(gc::GcOptions),
    /// Print what a shell completes with: `source <(larder completions bash)`
    Completions(manual::CompletionsOptions),
    /// Print the manual for `man`, or write all of its pages
    Man(manual::ManOptions),
}

/// Parses the command line, runs it, turns its end into an exit code.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start threads: {error}").into()),
    };
    let ended = match parsed() {
        Command::Serve(options) => runtime.block_on(serve::run(*options)),
        Command::Start(options) => runtime.block_on(background::start::run(*options)),
        Command::Stop(options) => runtime.block_on(background::stop::run(options)),
        Command::Status(options) => {
            return runtime.block_on(background::status::run(options)).unwrap_or_else(|error| complain(&error));
        }
        Command::Wait(options) => runtime.block_on(background::wait::run(options)),
        Command::Pod(command) => runtime.block_on(pod::run(command)),
        Command::Queue(command) => runtime.block_on(queue::run(command)),
        Command::Invocations(options) => runtime.block_on(invocations::run(*options)),
        Command::Top(options) => runtime.block_on(top::run(options)),
        Command::Replay(options) => return judged(runtime.block_on(replay::run(*options))),
        Command::Reproduce(options) => return judged(runtime.block_on(replay::reproduce::run(*options))),
        Command::Minimize(options) => return judged(runtime.block_on(replay::minimize::run(*options))),
        Command::Record(options) => return judged(runtime.block_on(replay::record::run(*options))),
        Command::Report(options) => runtime.block_on(replay::report::run(*options)),
        Command::Demo(options) => return runtime.block_on(demo::run(options)),
        Command::Invoke(options) => return judged(runtime.block_on(invoke::run(options))),
        Command::Logs(options) => runtime.block_on(logs::run(options)),
        Command::Log(options) => runtime.block_on(log::run(options)),
        Command::Show(options) => runtime.block_on(show::run(options)),
        Command::State(options) => runtime.block_on(state::run(options)),
        Command::Diff(options) => return judged(runtime.block_on(diff::run(options))),
        Command::Rewind(options) => runtime.block_on(rewind::run(options)),
        Command::Mark(options) => runtime.block_on(mark::run(options)),
        Command::Marks(options) => runtime.block_on(marks::run(options)),
        Command::Ca(options) => runtime.block_on(ca::run(options)),
        Command::WhyDenied(options) => runtime.block_on(why_denied::run(options)),
        Command::Url(options) => runtime.block_on(url::run(options)),
        Command::Verify(options) => return judged(runtime.block_on(verify::run(options))),
        Command::Recover(options) => recover::run(&options),
        Command::Compact(options) => runtime.block_on(compact::run(options)),
        Command::Gc(options) => runtime.block_on(gc::run(options)),
        Command::Completions(options) => manual::completions(&options, Cli::command()),
        Command::Man(options) => manual::man(&options, Cli::command()),
    };
    // Blocking work that is still going on (a pull, an unpack) must not hold up the exit.
    runtime.shutdown_background();

    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

fn parsed() -> Command {
    let matches = Cli::command().mut_subcommand("serve", serve::with_help).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command
}

/// The exit code of a command that finds something, or fails.
fn judged(ended: Result<ExitCode, CliError>) -> ExitCode {
    ended.unwrap_or_else(|error| complain(&error))
}

fn complain(error: &CliError) -> ExitCode {
    eprintln!("larder: {error}");
    ExitCode::from(error.kind.code())
}
