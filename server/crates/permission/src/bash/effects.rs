//! What a simple command does beyond its name: commands it runs, code it is given, options that write.
//!
//! **Invariant:** a command that can run another is never covered by a rule for its own name alone.

use super::{Reader, Reason, Word};

/// A wrapper that only changes how its command runs: a rule for it and one for the inner command together allow it.
/// With its options that take a value, and how many words it takes before the command.
const PLAIN_WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("timeout", &["-k", "-s"], 1),
    ("nice", &["-n"], 0),
    ("ionice", &["-c", "-n"], 0),
    ("nohup", &[], 0),
    ("time", &[], 0),
    ("stdbuf", &["-i", "-o", "-e"], 0),
    ("setsid", &[], 0),
];

/// Wrappers that are always asked for: other rights, other input, another place.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    ("env", &["-u", "-C", "--unset", "--chdir"], 0),
    ("sudo", &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R"], 0),
    ("doas", &["-u", "-C", "-a"], 0),
    ("pkexec", &["--user"], 0),
    ("xargs", &["-I", "-n", "-P", "-L", "-d", "-E", "-a", "-s", "-i", "-l"], 0),
    ("watch", &["-n"], 0),
    ("parallel", &["-j", "-n", "-I", "-P", "-a"], 0),
    ("flock", &["-w", "-E"], 1),
    ("chroot", &[], 1),
    ("ssh", &["-i", "-l", "-p", "-o", "-F", "-J", "-L", "-R", "-D"], 1),
    ("su", &["-c", "-s"], 1),
    ("runuser", &["-u", "-c"], 0),
    ("strace", &["-o", "-e", "-p"], 0),
    ("ltrace", &["-o", "-e", "-p"], 0),
    ("script", &["-c"], 0),
    ("unshare", &[], 0),
    ("nsenter", &["-t"], 0),
    ("bwrap", &[], 0),
    ("firejail", &[], 0),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("builtin", &[], 0),
    ("command", &[], 0),
    ("exec", &["-a"], 0),
    ("coproc", &[], 0),
    ("noglob", &[], 0),
    ("nocorrect", &[], 0),
    ("entr", &[], 0),
    ("unbuffer", &[], 0),
    ("faketime", &[], 1),
    ("taskset", &["-p"], 1),
    ("chrt", &[], 1),
    ("prlimit", &[], 0),
    ("systemd-run", &["-p", "-u"], 0),
    ("systemd-inhibit", &[], 0),
    ("dbus-run-session", &[], 0),
    ("xvfb-run", &[], 0),
    ("start-stop-daemon", &[], 0),
    ("gdb", &[], 0),
    ("valgrind", &[], 0),
    ("expect", &[], 0),
    ("socat", &[], 0),
    ("nc", &[], 0),
    ("ncat", &[], 0),
    ("at", &[], 0),
    ("batch", &[], 0),
    ("crontab", &[], 0),
];

const SHELLS: &str = " sh bash zsh dash ksh mksh ash fish csh tcsh yash rbash pwsh ";
const INTERPRETERS: &str = " python pypy perl ruby node nodejs deno bun php lua luajit tclsh osascript Rscript R julia ghci guile racket elixir erl groovy scala jshell ipython ts-node tsx ";
/// Their first words are a program.
const PROGRAMS: &str = " awk gawk mawk nawk ed ex vi vim nvim view emacs nano dc bc gnuplot sqlite3 psql mysql m4 ";
/// Builtins that change what later words mean, or evaluate their words.
const DEFINITIONS: &str = " alias unalias trap enable hash shopt set complete bind autoload zmodload fc history zle emulate ";
const ASSIGNMENTS: &str = " read mapfile readarray getopts let local export readonly declare typeset unset integer float vared ";

/// Options by which ordinary commands run or write something. A long one counts by any beginning of it.
const OPTIONS: &[(&str, &[&str])] = &[
    ("sort", &["-o", "-T", "--output", "--compress-program"]),
    ("rg", &["--pre", "--hostname-bin", "--search-zip", "-z"]),
    ("fd", &["-x", "-X", "--exec", "--exec-batch"]),
    ("fdfind", &["-x", "-X", "--exec", "--exec-batch"]),
    (
        "tar",
        &[
            "-I",
            "-F",
            "--to-command",
            "--checkpoint-action",
            "--use-compress-program",
            "--new-volume-script",
            "--info-script",
            "--rsh-command",
            "--rmt-command",
        ],
    ),
    ("rsync", &["-e", "--rsh", "--rsync-path"]),
    ("scp", &["-S", "-o", "-F"]),
    ("man", &["-P", "-H", "--pager", "--html", "--preprocessor"]),
    (
        "curl",
        &[
            "-o",
            "-O",
            "-K",
            "-D",
            "-c",
            "--output",
            "--remote-name",
            "--config",
            "--dump-header",
            "--cookie-jar",
            "--trace",
            "--stderr",
            "--libcurl",
            "--etag-save",
            "--hsts",
            "--alt-svc",
        ],
    ),
    ("wget", &["--use-askpass", "--config", "-e", "--execute"]),
    ("date", &["-s", "--set"]),
    ("hostname", &["-F", "--file"]),
    ("tree", &["-o"]),
    ("file", &["-C", "--compile", "-m", "-z"]),
    ("zip", &["-T", "-TT", "--unzip-command"]),
    ("diff", &["--output"]),
    ("printf", &["-v"]),
    ("make", &["-f", "-C", "-I", "--eval", "--file", "--makefile", "--directory"]),
    ("gcc", &["-wrapper", "-B", "-fplugin"]),
    ("less", &["-o", "-O", "-k", "--log-file", "--lesskey-file", "--lesskey-src"]),
    ("ip", &["-b", "-batch", "-force"]),
    ("split", &["--filter"]),
];

const GIT_COMMANDS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "--output",
            "--ext-diff",
            "--textconv",
            "--upload-pack",
            "--receive-pack",
            "--exec",
            "--open-files-in-pager",
            "--extcmd",
            "--tool",
            "--gpg-sign",
            "--show-signature",
            "--config",
            "--template",
            "--filters",
            "--batch-command",
        ],
    ),
    ("grep", &["-O"]),
    ("clone", &["-c", "-u"]),
    ("rebase", &["-x", "-i", "--interactive"]),
    ("archive", &["-o"]),
    ("format-patch", &["-o"]),
    ("difftool", &["-x", "-t"]),
];
const GIT_RUNS: &str = " config bisect submodule filter-branch difftool mergetool instaweb daemon hook maintenance credential remote-ext var web--browse send-email ";

pub(super) fn has(list: &str, name: &str) -> bool {
    !name.is_empty() && !name.contains(' ') && list.contains(&format!(" {name} "))
}

/// A program's name without its directory.
pub(super) fn base_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// Whether a word is the option, also attached to a value or shortened.
pub(super) fn is_option(word: &str, option: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    if option.starts_with("--") {
        name.len() > 2 && option.starts_with(name)
    } else if let [b'-', letter] = option.as_bytes() {
        // Also within a bundle of letters: `-xo`.
        name.starts_with('-') && !name.starts_with("--") && word.bytes().skip(1).any(|b| b == *letter)
    } else {
        name == option
    }
}

impl Reader {
    pub(super) fn effects(&mut self, argv: &[Word], wrappers: &[String]) {
        let Some((first, rest)) = argv.split_first() else { return };
        let name = base_name(&first.text);
        let language = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let text = || super::words::joined(argv);
        let inner_wrappers = || wrappers.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
        let long = |word: &Word| word.text.starts_with("--");

        if let Some((_, valued, words)) = PLAIN_WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            let (inner, known) = inner_command(rest, valued, *words);
            if !known {
                self.because(Reason::Wrapper(name.to_owned()));
            }
            self.simple(inner.to_vec(), &[], &inner_wrappers());
        } else if name == "command" && rest.first().is_some_and(|word| ["-v", "-V"].contains(&word.text.as_str())) {
            // It only says what the name means.
        } else if let Some((_, valued, words)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            self.because(Reason::Wrapper(name.to_owned()));
            let (inner, _) = inner_command(rest, valued, *words);
            let inner: Vec<Word> = inner.iter().skip_while(|word| name == "env" && word.text.contains('=')).cloned().collect();
            if ["ssh", "watch", "parallel", "su", "script", "flock", "env"].contains(&name) {
                self.strings(rest.iter().filter(|word| word.text.contains(' ')));
            }
            if name == "ssh" || name == "watch" {
                self.read(&super::words::joined(&inner));
            }
            self.simple(inner, &[], &inner_wrappers());
        } else if has(SHELLS, language) || has(SHELLS, name) {
            // A script's name alone is an ordinary argument; all else is code.
            if rest.first().is_none_or(|word| word.text.starts_with(['-', '+']) || word.dynamic) {
                self.because(Reason::Code(text()));
                self.strings(rest.iter());
            }
        } else if has(INTERPRETERS, language) || has(INTERPRETERS, name) {
            let harmless = ["--version", "-V", "-v", "--help", "-h", "--test", "-m"];
            let first = rest.first().map(|word| word.text.as_str()).unwrap_or("-");
            let module = language == "python" && first == "-m";
            let subcommand = ["eval", "repl", "exec", "x"].contains(&first) && ["deno", "bun"].contains(&name);
            let option =
                first.starts_with('-') && !(harmless.contains(&first) && (first != "-m" || module)) && !(first == "-v" && rest.len() > 1);
            if option || subcommand || rest.first().is_some_and(|word| word.dynamic) {
                self.because(Reason::Code(text()));
            }
        } else if has(PROGRAMS, name) {
            self.because(Reason::Code(text()));
        } else if matches!(name, "eval" | "source" | ".") {
            self.because(Reason::Dynamic(text()));
            if name == "eval" {
                self.read(&super::words::joined(rest));
            }
        } else if has(DEFINITIONS, name) {
            self.because(Reason::Definition(text()));
            self.strings(rest.iter().filter(|word| name == "trap" && word.literal));
        } else if has(ASSIGNMENTS, name) {
            self.because(Reason::Assignment(text()));
        } else if matches!(name, "test" | "[") && rest.iter().any(|word| word.dynamic || word.text.contains(['$', '`', '['])) {
            self.because(Reason::Dynamic(text()));
        } else if name == "find" {
            self.find(rest, wrappers);
        } else if name == "sed" {
            self.sed(rest);
        } else if name == "git" {
            self.git(rest);
        } else if matches!(name, "cd" | "chdir" | "pushd" | "popd") {
            if rest.iter().any(|word| word.dynamic || word.text.starts_with(['-', '+'])) {
                self.because(Reason::Dynamic(text()));
            }
        } else if let Some((_, options)) = OPTIONS.iter().find(|(command, _)| *command == name) {
            self.options(rest, options);
        } else if name == "uniq" && rest.iter().filter(|word| !word.text.starts_with('-')).count() > 1 {
            self.because(Reason::Option(text()));
        } else if name == "tee" && rest.iter().any(|word| !long(word) && !word.text.starts_with('-')) {
            self.because(Reason::Redirect(text()));
        }
    }

    /// Words that are commands themselves.
    fn strings<'a>(&mut self, words: impl Iterator<Item = &'a Word>) {
        for word in words.filter(|word| !word.text.starts_with('-')) {
            self.read(&word.text);
        }
    }

    fn options(&mut self, rest: &[Word], options: &[&str]) {
        for word in rest {
            let unknown = word.dynamic && !options.is_empty();
            if unknown || options.iter().any(|option| is_option(&word.text, option)) {
                self.because(Reason::Option(word.text.clone()));
            }
        }
    }

    fn find(&mut self, rest: &[Word], wrappers: &[String]) {
        let mut words = rest;
        while let Some((word, after)) = words.split_first() {
            words = after;
            match word.text.as_str() {
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    self.because(Reason::Wrapper(format!("find {}", word.text)));
                    let end = words.iter().position(|word| [";", "+"].contains(&word.text.as_str())).unwrap_or(words.len());
                    let (inner, after) = words.split_at(end);
                    words = after;
                    let wrappers: Vec<String> = wrappers.iter().cloned().chain(["find".to_owned()]).collect();
                    self.simple(inner.to_vec(), &[], &wrappers);
                }
                text if text == "-delete"
                    || text.starts_with("-fprint")
                    || text == "-fls"
                    || text.starts_with("-files0")
                    || word.dynamic =>
                {
                    self.because(Reason::Option(word.text.clone()));
                }
                _ => {}
            }
        }
    }

    /// A script of sed may run and write: only the plainest ones do not.
    fn sed(&mut self, rest: &[Word]) {
        let mut script_given = false;
        for word in rest {
            let text = word.text.as_str();
            let plain_option = ["-n", "-E", "-r", "-nE", "-En", "-nr", "--quiet", "--regexp-extended"].contains(&text);
            if text.starts_with('-') && !plain_option || word.dynamic {
                self.because(Reason::Option(text.to_owned()));
            } else if !plain_option && !script_given {
                script_given = true;
                if !is_plain_sed(text) {
                    self.because(Reason::Code(text.to_owned()));
                }
            }
        }
    }

    fn git(&mut self, rest: &[Word]) {
        let mut words = rest.iter();
        let mut command = "";
        while let Some(word) = words.next() {
            if word.text == "-C" {
                words.next();
            } else if word.text.starts_with('-') || word.dynamic {
                let harmless = ["--no-pager", "--version", "--help", "--no-optional-locks", "--literal-pathspecs", "-P"];
                if !harmless.contains(&word.text.as_str()) {
                    self.because(Reason::Option(word.text.clone()));
                }
            } else {
                command = &word.text;
                break;
            }
        }
        if has(GIT_RUNS, command) {
            self.because(Reason::Wrapper(format!("git {command}")));
        }
        let rest = words.as_slice();
        for (_, options) in GIT_COMMANDS.iter().filter(|(name, _)| name.is_empty() || *name == command) {
            self.options(rest, options);
        }
        if ["fetch", "pull", "push", "clone", "ls-remote", "remote"].contains(&command)
            && rest.iter().any(|word| word.text.contains("ext::"))
        {
            self.because(Reason::Option("ext::".to_owned()));
        }
    }
}

/// The command within a wrapper's words, and whether all options before it are known.
fn inner_command<'a>(rest: &'a [Word], valued: &[&str], words: usize) -> (&'a [Word], bool) {
    let mut left = rest;
    let mut known = true;
    while let Some((word, after)) = left.split_first().filter(|(word, _)| word.text.starts_with('-') && word.text.len() > 1) {
        left = after;
        if word.text == "--" {
            break;
        }
        if valued.contains(&word.text.as_str()) {
            left = left.get(1..).unwrap_or_default();
        } else {
            known &= word.literal && valued.iter().any(|option| word.text.starts_with(option));
        }
    }
    let skipped = left.get(..words).unwrap_or_default();
    known &= skipped.iter().all(|word| word.literal && !word.text.is_empty());
    (left.get(words..).unwrap_or_default(), known)
}

/// Lines chosen and printed, or one substitution without `e` and `w`.
fn is_plain_sed(script: &str) -> bool {
    let address = script.trim_start_matches(|c: char| c.is_ascii_digit() || "$, ".contains(c));
    if ["p", "d", "q", "="].contains(&address) {
        return true;
    }
    let mut chars = address.chars();
    let (Some('s'), Some(delimiter)) = (chars.next(), chars.next()) else { return false };
    if delimiter == '\\' || delimiter.is_alphanumeric() || delimiter.is_whitespace() {
        return false;
    }
    let mut left = 2;
    while left > 0 {
        match chars.next() {
            Some('\\') => {
                chars.next();
            }
            Some('\n') | None => return false,
            Some(c) if c == delimiter => left -= 1,
            Some(_) => {}
        }
    }
    chars.all(|c| "gpiI0123456789".contains(c))
}
