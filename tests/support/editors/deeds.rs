//! What a person does with Interline, in the idiom of their editor: commands of our plugin, or code actions.
//!
//! Must not know the scenarios.
//!
//! **Invariant:** each deed is done with keys that the editor's README names.

use super::{Editor, Person, Screen};
use crate::terminal::{CTRL_O, CTRL_X, ENTER, ESC};

impl Person {
    /// Which editor it is.
    #[must_use]
    pub fn editor(&self) -> Editor {
        self.editor
    }

    /// Waits for Interline, with the chat at hand and the file in view.
    pub fn settle(&self, file: &str, text: &str) -> &Self {
        self.see(text).ready();
        match self.editor {
            Editor::Plugin => self,
            Editor::Neovim | Editor::Helix => self.show_chat().show(file).see(text),
        }
    }

    /// Asks about the cursor's line; the answer is in view then.
    pub fn ask(&self, words: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self.keys("V").see("-- VISUAL LINE --").command(&format!("Interline ask {words}")),
            Editor::Neovim | Editor::Helix => self.pick_on_line("explain this"),
        };
        self.see("## Interline")
    }

    /// Goes back from the answer to the file.
    pub fn back(&self, file: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self,
            Editor::Neovim | Editor::Helix => self.show(file),
        }
    }

    /// Goes to the end of the chat.
    pub fn go_to_chat(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.command("Interline chat").see("## You").see("chat.md"),
            Editor::Neovim | Editor::Helix => self.show_chat(),
        };
        self.keys(if self.editor == Editor::Helix { "ge" } else { "G" })
    }

    /// Writes at the end of the chat, where the person is, and sends it.
    pub fn send(&self, words: &str) -> &Self {
        self.insert("A", words);
        match self.editor {
            Editor::Plugin => self.command("Interline send"),
            Editor::Neovim | Editor::Helix => self.pick("Send"),
        }
    }

    /// Has what is wrong on the cursor's line put right.
    pub fn fix(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.command("Interline fix"),
            Editor::Neovim | Editor::Helix => self.pick_on_line("fix this problem"),
        }
    }

    /// Stops the turn; the person is at the answer.
    pub fn cancel(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.command("Interline cancel"),
            Editor::Neovim | Editor::Helix => self.pick("ancel the running turn"),
        }
    }

    /// Waits until the editor says by its own means that a turn runs.
    pub fn see_running(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.see("◆ writes"),
            Editor::Neovim => self.see("Interline: "),
            // Helix 25.01 shows the token, later ones the title.
            Editor::Helix => self.wait_for("a turn to run", |screen| screen.has("Interline 1") || screen.has("interline: Interline ⋅")),
        }
    }

    /// Waits until it does not say so any more.
    pub fn see_ended(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.miss("◆ writes").miss("◆ thinks"),
            Editor::Neovim => self.miss("Interline: "),
            Editor::Helix => {
                self.wait_for("the turn to end", |screen| screen.has("[Interline 1] done") || screen.has("interline: Interline ⋅ done"))
            }
        }
    }

    /// Waits for the end of a turn that ends with these words, which may be further down in the chat.
    pub fn see_last(&self, words: &str) -> &Self {
        match self.editor {
            Editor::Helix => self.see_ended(),
            Editor::Neovim => self.keys("G").see(words),
            Editor::Plugin => self.see(words),
        }
    }

    /// Waits for a prompt about the line with that text.
    pub fn see_prompt(&self, on: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self.see("Interline: edit?"),
            Editor::Neovim | Editor::Helix => self.see_mark_on(on),
        }
    }

    /// Answers the prompt on the line with that number.
    pub fn allow(&self, line: u32) -> &Self {
        match self.editor {
            Editor::Plugin => self.prompt_key("y"),
            Editor::Neovim | Editor::Helix => self.keys(&format!("{line}G")).pick("Allow once"),
        }
    }

    /// The same, for good.
    pub fn allow_always(&self, line: u32) -> &Self {
        match self.editor {
            Editor::Plugin => self.prompt_key("a"),
            Editor::Neovim | Editor::Helix => self.keys(&format!("{line}G")).pick("Always allow"),
        }
    }

    /// Refuses, and says why.
    pub fn deny(&self, reason: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self.prompt_key("n").see("Why not?").keys(&format!("{reason}{ENTER}")),
            Editor::Neovim | Editor::Helix => self.go_to_chat().send(&format!("/deny {reason}")),
        }
    }

    fn prompt_key(&self, key: &str) -> &Self {
        // The window's text has the focus when the cursor's line is the window's.
        self.keys(" p").command("echo 'at ' .. &filetype").see("at interline-prompt").keys(key)
    }

    /// Answers a question of the agent's; the person is at the chat.
    pub fn answer(&self, label: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self.choose(label),
            Editor::Neovim | Editor::Helix => self.pick(&format!("Answer: {label}")),
        }
    }

    /// Chooses from a list that Neovim shows by itself.
    pub fn choose(&self, entry: &str) -> &Self {
        self.pick_number("", entry)
    }

    /// Takes the last turn back.
    pub fn undo_turn(&self) -> &Self {
        match self.editor {
            Editor::Plugin => self.command("Interline undo"),
            Editor::Neovim | Editor::Helix => self.pick("undo the last turn"),
        }
    }

    /// Accepts or rejects the change on the cursor's line.
    pub fn review(&self, word: &str) -> &Self {
        match self.editor {
            Editor::Plugin => self.command(&format!("Interline {word}")),
            Editor::Neovim | Editor::Helix => self.pick(&format!("{word} this change")),
        }
    }

    /// Goes to the next change, or to the one before.
    pub fn go_to_change(&self, next: bool) -> &Self {
        match (self.editor, next) {
            (Editor::Plugin, true) => self.keys("]h"),
            (Editor::Plugin, false) => self.keys("[h"),
            (_, true) => self.keys("]d"),
            (Editor::Neovim, false) => self.keys("[d"),
            // The first goes from the end of the change, where the cursor stands, to its beginning.
            (Editor::Helix, false) => self.keys("[d[d"),
        }
    }

    /// Waits until the cursor is on that line.
    pub fn see_line(&self, line: u32) -> &Self {
        match self.editor {
            Editor::Plugin | Editor::Neovim => self.see(&format!("line {line}.")),
            Editor::Helix => self.see(&format!(" {line}:")),
        }
    }

    /// Begins to insert at the end of that line.
    pub fn begin_insert(&self, line: u32) -> &Self {
        let mode = if self.editor == Editor::Helix { "INS" } else { "-- INSERT --" };
        self.keys(&format!("{line}GA")).see(mode)
    }

    /// Ends it.
    pub fn end_insert(&self) -> &Self {
        match self.editor {
            Editor::Helix => self.keys(ESC).see("NOR"),
            Editor::Neovim | Editor::Plugin => self.keys(ESC).miss("-- INSERT --"),
        }
    }

    /// Begins to write a word in the chat, and looks at what could be meant.
    pub fn complete(&self, begin: &str, entry: &str) -> &Self {
        self.type_text(begin);
        if self.editor != Editor::Helix {
            self.keys(&format!("{CTRL_X}{CTRL_O}"));
        }
        self.see(entry)
    }

    /// Goes on with the conversation that was left.
    pub fn resume(&self) -> &Self {
        match self.editor {
            Editor::Plugin => {
                // There is one.
                self.command("Interline sessions").pick_number("", "1").see("the session is")
            }
            Editor::Neovim | Editor::Helix => self.server_command("interline.session.open"),
        }
    }

    /// Waits until the screen is so.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Screen<'_>) -> bool) -> &Self {
        self.terminal.wait_for(what, is_so);
        self
    }
}
