//! A project, a home and a real editor on it: what the tests with Neovim and Helix share.
//!
//! Must not know the scenarios, nor configure an editor beyond what the README tells a user to do.
//!
//! **Invariant:** an editor sees nothing of the machine's own configuration: home, configuration, state and temporary
//! files all lie in one temporary folder.

pub mod deeds;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::scripted_model::ScriptedModel;
use crate::terminal::{CTRL_R, DOWN, ENTER, ESC, Screen, Terminal};

/// Folders for one test, and the environment that points to them.
pub struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// An empty project and home.
    ///
    /// # Panics
    /// If the temporary folder cannot be written.
    #[must_use]
    pub fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for name in ["home", "project", "tmp"] {
            fs::create_dir(desk.at(name)).expect("a folder");
        }
        desk
    }

    /// One whose configuration names that model, with these permissions.
    #[must_use]
    pub fn with_model(model: &ScriptedModel, permission: &Value) -> Self {
        Self::with_model_named("test", model, permission)
    }

    /// The same under a name that says how the model is to be treated.
    #[must_use]
    pub fn with_model_named(name: &str, model: &ScriptedModel, permission: &Value) -> Self {
        let desk = Self::new();
        let config = json!({
            "model": format!("mock/{name}"),
            "provider": { "mock": {
                "npm": "@ai-sdk/openai-compatible",
                "options": { "baseURL": model.url(), "apiKey": "not-a-secret" },
                "models": { name: { "tool_call": true, "limit": { "context": 128_000, "output": 8192 } } },
            } },
            "permission": permission,
        });
        desk.write("interline.json", &config.to_string());
        desk
    }

    /// A path below the test's folder: `project/…`, `home/.config/…`.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        // The path without symbolic links, as an editor shows it.
        self.folder.path().canonicalize().expect("the folder").join(name)
    }

    /// Writes a file below the test's folder, with the folders above it.
    ///
    /// # Panics
    /// If that fails.
    pub fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a folder")).and_then(|()| fs::write(&path, text)).expect("writes the file");
        self
    }

    /// The text of a file below the test's folder.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Sets the editor up as the README tells a user to; Helix without its saving by itself, so that what is in a buffer is told from what is on the disk.
    ///
    /// # Panics
    /// If that fails.
    pub fn setup(&self, editor: Editor) -> &Self {
        match editor {
            Editor::Neovim => self.setup_by(&["neovim"]),
            Editor::Helix => self.setup_by(&["helix", "--no-auto-save"]),
            Editor::Plugin => return self.write("home/.config/nvim/init.lua", &plugin_configuration()),
        };
        if editor == Editor::Neovim {
            // What editors/neovim/README.md has a user add, to see progress.
            let status = "vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)\n\
                local value = event.data.params.value\n\
                vim.g.progress = value.kind ~= 'end' and value.title .. ': ' .. (value.message or '') or ''\n\
                vim.cmd.redrawstatus()\n\
                end })\n\
                vim.o.statusline = '%t %m line %l. %{get(g:, \"progress\", \"\")}'\n";
            self.write("home/.config/nvim/init.lua", status);
        }
        self
    }

    /// `interline setup`, whose questions are all answered by yes.
    ///
    /// # Panics
    /// If it fails.
    pub fn setup_by(&self, arguments: &[&str]) -> &Self {
        let mut command = Command::new(binary());
        let out =
            command.arg("setup").args(arguments).arg("--yes").env_clear().envs(self.environment()).output().expect("interline starts");
        assert!(out.status.success(), "interline setup {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        self
    }

    /// Adds a language server of the editor's own, for Lua, that complains about a word.
    pub fn add_linter(&self, editor: Editor, word: &str) -> &Self {
        let server = binary().with_file_name("fake-language-server").display().to_string();
        if editor == Editor::Helix {
            let languages = self.read("home/.config/helix/languages.toml");
            let own = format!(
                "{languages}\n[language-server.lua-language-server]\ncommand = \"{server}\"\nenvironment = {{ FAKE_SERVER_COMPLAINS = \"{word}\" }}\n"
            );
            return self.write("home/.config/helix/languages.toml", &own);
        }
        // Neovim 0.10 has no `vim.lsp.config`.
        let own = format!(
            "vim.api.nvim_create_autocmd('FileType', {{ pattern = 'lua', callback = function(event)\n\
            vim.lsp.start({{ name = 'linter', cmd = {{ '{server}' }}, cmd_env = {{ FAKE_SERVER_COMPLAINS = '{word}' }} }}, {{ bufnr = event.buf }})\n\
            end }})\n"
        );
        self.write("home/.config/nvim/plugin/linter.lua", &own)
    }

    /// Has the agent start such a server itself.
    pub fn add_own_linter(&self, word: &str) -> &Self {
        let mut config: Value = serde_json::from_str(&self.read("interline.json")).expect("the configuration");
        let server = binary().with_file_name("fake-language-server");
        config["lsp"] = json!({ "linter": {
            "command": [server], "extensions": [".lua"], "env": { "FAKE_SERVER_COMPLAINS": word },
        } });
        self.write("interline.json", &config.to_string())
    }

    /// The environment of a person who works here: `interline` is found on the PATH.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        let own = binary().parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let at = |name: &str| self.at(name).display().to_string();
        [
            ("PATH", format!("{own}:{path}")),
            ("HOME", at("home")),
            ("XDG_CONFIG_HOME", at("home/.config")),
            ("XDG_DATA_HOME", at("home/.local/share")),
            ("XDG_STATE_HOME", at("home/.local/state")),
            ("XDG_CACHE_HOME", at("home/.cache")),
            ("TMPDIR", at("tmp")),
            ("LANG", "C.UTF-8".to_owned()),
            ("SHELL", "/bin/bash".to_owned()),
            ("INTERLINE_CONFIG", at("interline.json")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Starts an editor that `cargo xtask editors` has installed, in the project.
    fn open(&self, editor: &str, args: &[&str]) -> Terminal {
        Terminal::start(&installed(editor), args, &self.at("project"), &self.environment())
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// The debug binary that the tests are about.
///
/// # Panics
/// If it has not been built.
#[must_use]
pub fn binary() -> PathBuf {
    let me = std::env::current_exe().expect("the test's own path");
    // target/debug/deps/TEST
    let folder = me.parent().and_then(Path::parent).expect("the build's folder");
    let path = folder.join("interline");
    assert!(path.is_file(), "{} is not there: run `cargo build` first, or `cargo xtask test`, which does", path.display());
    path
}

/// The editors that the tests know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Editor {
    /// Neovim 0.11, as it is.
    Neovim,
    /// Neovim 0.11 with our plugin.
    Plugin,
    /// Helix 25.01.
    Helix,
}

/// Somebody at an editor, who knows its keys.
pub struct Person {
    editor: Editor,
    terminal: Terminal,
}

impl Person {
    /// Sits down at a file of the project.
    ///
    /// # Panics
    /// If the editor is not installed.
    #[must_use]
    pub fn open(editor: Editor, desk: &Desk, file: &str) -> Self {
        let program = match editor {
            Editor::Neovim | Editor::Plugin => "nvim",
            Editor::Helix => "hx",
        };
        Self { editor, terminal: desk.open(program, &[file]) }
    }

    /// Waits until the editor has Interline running.
    pub fn ready(&self) -> &Self {
        match self.editor {
            // The words are put together there, so that they are not seen in the command itself.
            Editor::Neovim | Editor::Plugin => self
                .command("lua vim.wait(20000, function() return #vim.lsp.get_clients({ name = 'interline' }) > 0 end, 10) print('it' .. ' runs')")
                .see("it runs")
                // It waits for a key where the command took two lines.
                .command("")
                .miss("it runs"),
            // Helix does not say when a server is there; so its list of the server's commands is opened until it holds some.
            Editor::Helix => loop {
                const NONE_YET: &[&str] = &["0/0", "No active language servers"];
                self.command("lsp-workspace-command");
                let none = |screen: &Screen<'_>| NONE_YET.iter().any(|text| screen.has(text));
                self.terminal.wait_for("the server's commands", |screen| screen.has("interline.ask") || none(screen));
                let ready = self.terminal.look(|screen| screen.has("interline.ask"));
                self.keys(ESC);
                self.terminal.wait_for("the list to go", |screen| !screen.has("interline.ask") && !none(screen));
                if ready {
                    return self;
                }
            },
        }
    }

    /// Waits until the text is on the screen.
    pub fn see(&self, text: &str) -> &Self {
        self.terminal.wait_text(text);
        self
    }

    /// Waits until the text is not on the screen.
    pub fn miss(&self, text: &str) -> &Self {
        self.terminal.wait_gone(text);
        self
    }

    /// Waits until the line that holds the text has a mark at its start.
    pub fn see_mark_on(&self, text: &str) -> &Self {
        let marks: &[char] = match self.editor {
            Editor::Neovim => &['E', 'W', 'I', 'H'],
            Editor::Plugin => &['E', 'W', 'I', 'H', '┃'],
            Editor::Helix => &['●'],
        };
        let marked = |line: &str| line.contains(text) && line.trim_start().starts_with(marks);
        self.terminal.wait_for(&format!("a mark on {text:?}"), |screen| screen.lines().any(|line| marked(&line)));
        self
    }

    /// Waits until the line that holds the text has none.
    pub fn see_no_mark_on(&self, text: &str) -> &Self {
        let marks: &[char] = if self.editor == Editor::Helix { &['●'] } else { &['E', 'W', 'I', 'H', '┃'] };
        let bare = |line: &str| line.contains(text) && !line.trim_start().starts_with(marks);
        self.terminal.wait_for(&format!("no mark on {text:?}"), |screen| screen.lines().any(|line| bare(&line)));
        self
    }

    /// The screen's text.
    #[must_use]
    pub fn screen(&self) -> String {
        self.terminal.screen()
    }

    /// Presses keys.
    pub fn keys(&self, keys: &str) -> &Self {
        self.terminal.keys(keys);
        self
    }

    /// Presses `keys`, which begin an insertion (`A`: at the line's end; `ggO`: above the first line), types the text, and goes back to normal mode.
    pub fn insert(&self, keys: &str, text: &str) -> &Self {
        match self.editor {
            Editor::Neovim | Editor::Plugin => self.keys(keys).see("-- INSERT --").type_text(text).keys(ESC).miss("-- INSERT --"),
            Editor::Helix => self.keys(keys).see("INS").type_text(text).keys(ESC).see("NOR"),
        }
    }

    /// As a hand types: each letter is on the screen before the next. (Helix 25.01 sends each change from a task of its own; of
    /// letters that come at once the server may be told in another order.)
    pub fn type_text(&self, text: &str) -> &Self {
        for (at, letter) in text.char_indices() {
            let end = at + letter.len_utf8();
            let before = self.terminal.look(helix_place);
            self.keys(&text[at..end]).see(text[..end].trim_end());
            // A blank is not seen, and a letter may have stood there before.
            if self.editor == Editor::Helix {
                self.terminal.wait_for("the cursor to move", |screen| helix_place(screen) != before);
            }
        }
        self
    }

    /// A command of the editor: `w`, `q!`.
    pub fn command(&self, command: &str) -> &Self {
        self.keys(&format!(":{command}{ENTER}"))
    }

    /// A command of the language server, without arguments.
    pub fn server_command(&self, name: &str) -> &Self {
        match self.editor {
            Editor::Neovim | Editor::Plugin => self
                .command(&format!("lua vim.lsp.get_clients({{ name = 'interline' }})[1]:exec_cmd({{ title = '', command = '{name}' }})")),
            Editor::Helix => self.command(&format!("lsp-workspace-command {name}")),
        }
    }

    /// Shows a file of the project, which may be open already and unsaved.
    pub fn show(&self, file: &str) -> &Self {
        self.command(&format!("e {file}"))
    }

    /// Shows the chat, which is made where there is none.
    pub fn show_chat(&self) -> &Self {
        self.server_command("interline.chat").see("## You")
    }

    /// Takes the last undo back.
    pub fn redo(&self) -> &Self {
        self.keys(match self.editor {
            Editor::Neovim | Editor::Plugin => CTRL_R,
            Editor::Helix => "U",
        })
    }

    /// Picks the code action whose title holds `title`, where the cursor is.
    pub fn pick(&self, title: &str) -> &Self {
        match self.editor {
            Editor::Neovim | Editor::Plugin => self.pick_number("gra", title),
            Editor::Helix => self.pick_marked(" a", title),
        }
    }

    /// Selects the cursor's line and picks a code action for it.
    pub fn pick_on_line(&self, title: &str) -> &Self {
        match self.editor {
            Editor::Neovim | Editor::Plugin => {
                self.keys("V").see("-- VISUAL LINE --");
                self.pick_number("gra", title).miss("-- VISUAL LINE --")
            }
            Editor::Helix => self.pick_marked("x a", title),
        }
    }

    /// Leaves the editor and waits until it has ended, by itself and well.
    ///
    /// # Panics
    /// If it does not.
    pub fn leave(self, command: &str) {
        self.command(command);
        let status = self.terminal.wait_end();
        assert!(status.success(), "{:?} ended with {status}", self.editor);
    }

    /// Neovim's menu: a numbered list that waits for a number.
    fn pick_number(&self, keys: &str, title: &str) -> &Self {
        let number = |line: String| {
            line.split_once(": ").filter(|(_, entry)| entry.contains(title)).and_then(|(number, _)| number.trim().parse::<u32>().ok())
        };
        let listed = |screen: &Screen<'_>| screen.lines().find_map(number);
        self.terminal
            .keys(keys)
            .wait_for(&format!("{title:?} in the list"), |screen| screen.has("Type number") && listed(screen).is_some());
        let number = self.terminal.look(listed).expect("the entry that was just seen");
        self.keys(&format!("{number}{ENTER}"));
        self.terminal.wait_for("the list to go", |screen| listed(screen).is_none());
        self
    }

    /// Helix's menu: an entry is marked, and each Down moves the mark by one.
    fn pick_marked(&self, keys: &str, title: &str) -> &Self {
        self.terminal.keys(keys).wait_text(title);
        let mut marked = self.terminal.look(|screen| screen.marked());
        while !self.terminal.look(|screen| screen.is_marked(title)) {
            let moved = |row: Option<u16>| row.is_some() && row != marked;
            self.terminal.keys(DOWN).wait_for(&format!("the mark to move to {title:?}"), |screen| moved(screen.marked()));
            marked = self.terminal.look(|screen| screen.marked());
        }
        self.keys(ENTER)
    }
}

/// The line and column of the cursor, as Helix tells them at the end of its status line while text is inserted.
fn helix_place(screen: &Screen<'_>) -> Option<String> {
    let status = screen.lines().filter(|line| line.contains(" INS ")).last()?;
    status.split_whitespace().next_back().map(str::to_owned)
}

/// What the plugin's README has a user write, and keys of their choice. What Neovim shows of it has to have room in a small terminal.
fn plugin_configuration() -> String {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("editors").join("neovim");
    format!(
        "vim.opt.rtp:prepend('{}')\n\
        vim.g.interline = {{ chat = {{ split = 'botright', size = 14 }}, prompt = {{ idle = false }}, hunks = {{ deleted = false }} }}\n\
        vim.keymap.set({{ 'n', 'x' }}, '<Space>a', '<Plug>(interline-ask)')\n\
        vim.keymap.set('n', '<Space>p', '<Plug>(interline-prompt)')\n\
        vim.keymap.set('x', 'gra', vim.lsp.buf.code_action)\n\
        vim.keymap.set('n', ']h', '<Plug>(interline-next)')\n\
        vim.keymap.set('n', '[h', '<Plug>(interline-prev)')\n\
        vim.o.statusline = \"%t %m line %l. %{{v:lua.require'interline'.status()}}\"\n",
        plugin.display()
    )
}

/// The program that `cargo xtask editors` has installed, or `INTERLINE_EDITORS` has another version of.
///
/// # Panics
/// If it has not.
#[must_use]
pub fn installed(editor: &str) -> PathBuf {
    if let Some(other) = std::env::var_os("INTERLINE_EDITORS").map(|folder| Path::new(&folder).join(editor)).filter(|path| path.exists()) {
        return other;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".editors").join("bin").join(editor);
    assert!(path.exists(), "{} is not there: run `cargo xtask editors` first, or `cargo xtask test`, which does", path.display());
    path
}
