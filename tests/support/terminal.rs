//! A terminal with a program in it, for tests that use real editors as a person does: keys in, screen out.
//!
//! Owns the pseudo-terminal, the thread that reads it, and the emulated screen. Must not know which program runs.
//!
//! **Invariant:** waiting ends by an event (new output, the program's end) or by a time-out that shows the screen;
//! nothing sleeps, and no byte of output is lost between two looks at the screen.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// The Escape key. An editor takes what follows at once for a key held with Alt: wait for the screen to change first.
pub const ESC: &str = "\x1b";
/// The Enter key.
pub const ENTER: &str = "\r";
/// The Down key.
pub const DOWN: &str = "\x1b[B";
/// Control and O.
pub const CTRL_O: &str = "\x0f";
/// Control and X.
pub const CTRL_X: &str = "\x18";
/// Control and R.
pub const CTRL_R: &str = "\x12";

const ROWS: NonZeroU16 = NonZeroU16::new(30).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(100).unwrap();
/// How long anything is waited for, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A program in a terminal of 100 columns and 30 rows. Dropping it kills the program.
pub struct Terminal {
    shared: Arc<Shared>,
    keyboard: Keyboard,
    child: Box<dyn Child + Send + Sync>,
    // Closing it would hang the program up.
    _master: Box<dyn MasterPty + Send>,
}

type Keyboard = Arc<Mutex<Box<dyn Write + Send>>>;

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: vt100::Parser<Answers>,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers what programs ask a terminal when they start. Helix waits two seconds for the first of these.
struct Answers {
    keyboard: Keyboard,
}

impl vt100::Callbacks for Answers {
    fn unhandled_csi(&mut self, screen: &mut vt100::Screen, first: Option<u8>, _: Option<u8>, params: &[&[u16]], last: char) {
        let answer = match (first, params, last) {
            (None, [] | [[0]], 'c') => "\x1b[?62c".to_owned(),
            (None, [[6]], 'n') => {
                let (row, column) = screen.cursor_position();
                format!("\x1b[{};{}R", row + 1, column + 1)
            }
            _ => return,
        };
        let mut keyboard = self.keyboard.lock().unwrap_or_else(PoisonError::into_inner);
        // A program that has ended meanwhile needs no answer.
        let _ = keyboard.write_all(answer.as_bytes());
    }
}

/// What the screen shows at one moment.
pub struct Screen<'a>(&'a vt100::Screen);

impl Screen<'_> {
    /// Whether the text stands on the screen, within one line.
    pub fn has(&self, text: &str) -> bool {
        self.lines().any(|line| line.contains(text))
    }

    /// The screen's lines from the top, without the blanks at their ends.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.rows(0, COLUMNS.get()).map(|line| line.trim_end().to_owned())
    }

    /// The row of the marked entry of a menu: the first one with a word drawn in reverse, the cursor left out.
    pub fn marked(&self) -> Option<u16> {
        let reverse = |row: u16, column: u16| self.0.cell(row, column).is_some_and(vt100::Cell::inverse);
        (0..ROWS.get()).find(|row| (1..COLUMNS.get()).any(|column| reverse(*row, column - 1) && reverse(*row, column)))
    }

    /// Whether the marked entry of a menu is the one that holds `text`.
    pub fn is_marked(&self, text: &str) -> bool {
        self.marked().and_then(|row| self.lines().nth(row.into())).is_some_and(|line| line.contains(text))
    }
}

impl std::fmt::Display for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines().try_for_each(|line| writeln!(f, "  | {line}"))
    }
}

impl Terminal {
    /// Starts `program` in `folder` with exactly this environment, besides `TERM`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(program: &Path, args: &[&str], folder: &Path, environment: &[(String, String)]) -> Self {
        let pair = native_pty_system()
            .openpty(PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 })
            .expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(folder);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        // Ours must be closed, or the program's end is no end of its output.
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("the terminal's output");
        let keyboard: Keyboard = Arc::new(Mutex::new(pair.master.take_writer().expect("the terminal's input")));
        let parser = vt100::Parser::new_with_callbacks(ROWS, COLUMNS, 0, Answers { keyboard: keyboard.clone() });
        let shared = Arc::new(Shared { state: Mutex::new(State { parser, ended: false }), changed: Condvar::new() });
        let reader = shared.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                // An error is how Linux says that the program has closed its side.
                let read = output.read(&mut buffer).unwrap_or(0);
                let mut state = reader.lock();
                state.parser.process(&buffer[..read]);
                state.ended = read == 0;
                reader.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { shared, keyboard, child, _master: pair.master }
    }

    /// Presses keys; text is typed as it stands.
    ///
    /// # Panics
    /// If the program has ended.
    pub fn keys(&self, keys: &str) -> &Self {
        let mut keyboard = self.keyboard.lock().unwrap_or_else(PoisonError::into_inner);
        keyboard.write_all(keys.as_bytes()).and_then(|()| keyboard.flush()).expect("the program reads its keys");
        self
    }

    /// Waits until the screen is so. `what` is for the message of the time-out.
    ///
    /// # Panics
    /// After the time-out, or when the program ends before; with the screen.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Screen<'_>) -> bool) -> &Self {
        let end = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        loop {
            let screen = Screen(state.parser.screen());
            if is_so(&screen) {
                return self;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!state.ended, "the program ended; waited for {what}:\n{screen}");
            assert!(!left.is_zero(), "waited in vain for {what}:\n{screen}");
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the text is on the screen.
    ///
    /// # Panics
    /// Like [`Terminal::wait_for`].
    pub fn wait_text(&self, text: &str) -> &Self {
        self.wait_for(&format!("{text:?}"), |screen| screen.has(text))
    }

    /// Waits until the text is not on the screen.
    ///
    /// # Panics
    /// Like [`Terminal::wait_for`].
    pub fn wait_gone(&self, text: &str) -> &Self {
        self.wait_for(&format!("{text:?} to go"), |screen| !screen.has(text))
    }

    /// The screen's text now.
    pub fn screen(&self) -> String {
        Screen(self.shared.lock().parser.screen()).to_string()
    }

    /// Looks at the screen now.
    pub fn look<T>(&self, at: impl FnOnce(&Screen<'_>) -> T) -> T {
        at(&Screen(self.shared.lock().parser.screen()))
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Panics
    /// If it does not, with the screen.
    pub fn wait_end(mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !state.ended {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program did not end:\n{}", Screen(state.parser.screen()));
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.child.wait().expect("the program's status")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
