//! The guard, with a program that tells what it was given instead of ending it.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

/// A keeper, and the fifo to which its guard's program writes what it was given.
fn keeper() -> (Keeper, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (told, program) = (folder.path().join("told"), folder.path().join("program"));
    assert!(Command::new("mkfifo").arg(&told).status().unwrap().success());
    std::fs::write(&program, format!("#!/bin/sh\necho \"$@\" > {}\n", told.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (Keeper { program: Some(program), shell: "/bin/sh", next: 0, kept: BTreeMap::new(), guard: Guard::NotYet }, folder)
}

fn target(number: i32) -> Target {
    Target::Group { id: Pid::from_raw(number).unwrap(), start: Some(5) }
}

fn guard(keeper: &Keeper) -> &Child {
    let Guard::Waits(child, _) = &keeper.guard else { panic!("{keeper:?}") };
    child
}

/// Our end, and what the guard's program is given then.
fn told(keeper: Keeper, folder: &TempDir) -> String {
    let Guard::Waits(mut child, pipe) = keeper.guard else { panic!("no guard") };
    drop(pipe);
    let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
    assert!(child.wait().unwrap().success());
    told
}

#[test]
fn it_is_told_what_is_left() {
    let (mut keeper, folder) = keeper();
    assert!(matches!(keeper.guard, Guard::NotYet), "none before the first");
    keeper.add(target(7));
    let second = keeper.add(target(8));
    keeper.add(Target::Mark("0a-".to_owned()));
    keeper.remove(second);
    // An update, meanwhile.
    std::fs::remove_file(folder.path().join("program")).unwrap();
    assert_eq!(told(keeper, &folder), "guard 7:5 =0a-\n");
}

#[test]
fn where_nothing_is_left_it_just_ends() {
    let (mut keeper, folder) = keeper();
    let only = keeper.add(target(7));
    keeper.remove(only);
    std::fs::write(folder.path().join("program"), "#!/bin/sh\nexit 3\n").unwrap();
    let Guard::Waits(mut child, pipe) = keeper.guard else { panic!("no guard") };
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_line_that_was_cut_does_not_count() {
    let (mut keeper, folder) = keeper();
    keeper.add(target(7));
    let Guard::Waits(_, pipe) = &mut keeper.guard else { panic!("no guard") };
    pipe.write_all(b"7:5 12").unwrap();
    assert_eq!(told(keeper, &folder), "guard 7:5\n");
}

/// The signals that a process ignores, a bit each.
fn ignored(pid: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn signals_do_not_end_it() {
    let (mut keeper, folder) = keeper();
    keeper.add(target(7));
    let pid = Pid::from_child(guard(&keeper));
    let signals = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::TSTP];
    // A shell that has not begun yet ignores nothing.
    while signals.iter().any(|signal| ignored(pid) & 1 << (signal.as_raw() - 1) == 0) {
        std::thread::yield_now();
    }
    for signal in signals {
        kill_process(pid, signal).unwrap();
    }
    assert_eq!(told(keeper, &folder), "guard 7:5\n");
}

#[test]
fn one_that_was_killed_or_does_not_listen_is_replaced() {
    let (mut keeper, folder) = keeper();
    keeper.add(target(7));
    let first = guard(&keeper).id();
    let pid = Pid::from_child(guard(&keeper));
    kill_process(pid, Signal::KILL).unwrap();
    let Guard::Waits(child, _) = &mut keeper.guard else { panic!("no guard") };
    child.wait().unwrap();
    keeper.add(target(8));
    let second = guard(&keeper).id();
    assert_ne!(first, second);

    kill_process(Pid::from_child(guard(&keeper)), Signal::STOP).unwrap();
    while guard(&keeper).id() == second {
        let more = keeper.add(target(9));
        keeper.remove(more);
    }
    assert_eq!(told(keeper, &folder), "guard 7:5 8:5\n");
}

#[test]
fn without_one_all_goes_on() {
    for (shell, gone) in [("/nowhere/sh", false), ("/bin/sh", true)] {
        let (mut keeper, folder) = keeper();
        keeper.shell = shell;
        if gone {
            std::fs::remove_file(folder.path().join("program")).unwrap();
        }
        let number = keeper.add(target(7));
        assert!(matches!(keeper.guard, Guard::Never));
        keeper.remove(number);
    }
    let (mut keeper, _folder) = keeper();
    keeper.program = None;
    keeper.add(target(7));
    assert!(matches!(keeper.guard, Guard::NotYet));
}
