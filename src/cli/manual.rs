//! `larder completions` and `larder man`: what shells and `man` know of the command line, made from the command line itself.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::error::CliError;

/// Options of `larder completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Options of `larder man`.
#[derive(Debug, Args)]
pub struct ManOptions {
    /// Write a page for each subcommand into this folder, instead of the one of `larder` to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a script of completions.
pub fn completions(options: &CompletionsOptions, mut larder: Command) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut larder, "larder", &mut script);
    print(&script)
}

/// Prints the manual, or writes all of its pages.
pub fn man(options: &ManOptions, larder: Command) -> Result<(), CliError> {
    let Some(dir) = &options.dir else {
        let mut page = Vec::new();
        Man::new(larder).render(&mut page).map_err(|error| error.to_string())?;
        return print(&page);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| write_pages(larder, dir));
    written.map_err(|error| format!("{}: {error}", dir.display()).into())
}

/// A page for a command, and for each below it: `larder-pod-save.1`.
fn write_pages(mut command: Command, dir: &Path) -> io::Result<()> {
    command.build();
    let mut commands = vec![command];
    while let Some(command) = commands.pop() {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
        commands.extend(below.cloned());
        let page = Man::new(command);
        page.render(&mut File::create(dir.join(page.get_filename()))?)?;
    }
    Ok(())
}

/// A reader that has seen enough is no failure.
fn print(text: &[u8]) -> Result<(), CliError> {
    match io::Write::write_all(&mut io::stdout(), text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string().into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subcommand_has_a_page() {
        let save = Command::new("save").about("Save");
        let larder = Command::new("larder").subcommand(Command::new("pod").subcommand(save)).version("1");
        let dir = tempfile::tempdir().expect("a folder");
        man(&ManOptions { dir: Some(dir.path().to_owned()) }, larder).expect("written");
        for page in ["larder.1", "larder-pod.1", "larder-pod-save.1"] {
            let text = std::fs::read_to_string(dir.path().join(page)).expect("a page");
            assert!(text.contains(".SH NAME"), "{page}: {text}");
        }
    }
}
