//! The matrix of behaviours, in Neovim with our plugin and as it is. Which cells there are and what becomes of a proof: `xtask/src/matrix.rs`.
//!
//! Must not know how a behaviour is tested: the stories are the same for all editors.
//!
//! **Invariant:** Neovim has our plugin, or what `interline setup neovim` writes; the options and keys that `Desk::setup` adds, and nothing else.

use interline_tests::{cells, editors::Editor, stories};

cells! {
    Editor::Plugin;
    real_neovim_matrix_ask_from_selection: "ask-from-selection", stories::ask_from_selection, "select, `:Interline ask …`";
    real_neovim_matrix_ask_from_chat: "ask-from-chat-buffer", stories::ask_from_chat, "write in the chat, `:Interline send`";
    real_neovim_matrix_stream: "stream-visible", stories::stream, "the chat's split beside the code";
    real_neovim_matrix_progress: "progress", stories::progress, "`require('interline').status()` in the statusline";
    real_neovim_matrix_cancel: "cancel", stories::cancel, "`:Interline cancel`";
    real_neovim_matrix_edit_open_clean: "edit-open-clean-file", stories::changes::edit_open_clean, "in the buffer";
    real_neovim_matrix_edit_open_dirty: "edit-dirty-file", stories::changes::edit_open_dirty, "in the unsaved text";
    real_neovim_matrix_edit_while_typing: "edit-while-the-user-types", stories::changes::edit_while_typing, "rebased over what is typed, in insert mode too";
    real_neovim_matrix_edit_unopened: "edit-unopened-file", stories::changes::edit_unopened, "written to the disk; undone with the turn";
    real_neovim_matrix_new_file: "new-file", stories::changes::new_file, "written to the disk; undone with the turn";
    real_neovim_matrix_delete_rename: "delete-rename-file", stories::changes::delete_rename, "on the disk; undone with the turn";
    real_neovim_matrix_undo_edit: "one-step-undo-per-edit", stories::changes::undo_edit, "`u`";
    real_neovim_matrix_undo_turn: "undo-turn", stories::changes::undo_turn, "`:Interline undo`";
    real_neovim_matrix_accept_hunk: "accept-hunk", stories::changes::accept_hunk, "`:Interline accept`";
    real_neovim_matrix_reject_hunk: "reject-hunk", stories::changes::reject_hunk, "`:Interline reject`";
    real_neovim_matrix_next_previous_hunk: "next-previous-hunk", stories::changes::next_previous_hunk, "`<Plug>(interline-next)`, `<Plug>(interline-prev)`";
    real_neovim_matrix_permit_once: "permit-once", stories::prompts::permit_once, "the prompt's window: `y`";
    real_neovim_matrix_permit_always: "permit-always", stories::prompts::permit_always, "the prompt's window: `a`";
    real_neovim_matrix_deny_with_reason: "deny-with-reason", stories::prompts::deny_with_reason, "the prompt's window: `n` and the reason";
    real_neovim_matrix_question: "question-from-the-agent", stories::prompts::question, "`vim.ui.select`";
    real_neovim_matrix_diagnostics: "diagnostics-fed-back", stories::diagnostics_pushed, "pushed by the plugin, told with the result of the edit; on the line `:Interline fix`";
    real_neovim_matrix_shell_sees_saved: "shell-sees-the-saved-state", stories::shell_sees_saved, "the plugin saves before the command";
    real_neovim_matrix_completion: "slash-commands-and-mentions-complete", stories::completion, "omni completion (`<C-x><C-o>`) in the chat";
    real_neovim_matrix_resume: "survives-quit-and-resumes", stories::resume, "`:Interline sessions`";
}

cells! {
    Editor::Neovim;
    real_neovim_stock_ask_from_selection: "ask-from-selection", stories::ask_from_selection, "select, `gra`: *explain this*";
    real_neovim_stock_ask_from_chat: "ask-from-chat-buffer", stories::ask_from_chat, "write in the chat, `gra`: *Send*";
    real_neovim_stock_stream: "stream-visible", stories::stream, "the chat's buffer";
    real_neovim_stock_progress: "progress", stories::progress, "`LspProgress` in the statusline";
    real_neovim_stock_cancel: "cancel", stories::cancel, "`gra`: *Cancel the running turn*";
    real_neovim_stock_edit_open_clean: "edit-open-clean-file", stories::changes::edit_open_clean, "in the buffer";
    real_neovim_stock_edit_open_dirty: "edit-dirty-file", stories::changes::edit_open_dirty, "in the unsaved text";
    real_neovim_stock_edit_while_typing: "edit-while-the-user-types", stories::changes::edit_while_typing, "rebased over what is typed, in insert mode too";
    real_neovim_stock_edit_unopened: "edit-unopened-file", stories::changes::edit_unopened, "written to the disk";
    real_neovim_stock_new_file: "new-file", stories::changes::new_file, "written to the disk; undone with the turn";
    real_neovim_stock_delete_rename: "delete-rename-file", stories::changes::delete_rename, "on the disk; undone with the turn";
    real_neovim_stock_undo_edit: "one-step-undo-per-edit", stories::changes::undo_edit, "`u`";
    real_neovim_stock_undo_turn: "undo-turn", stories::changes::undo_turn, "`gra`: *undo the last turn*";
    real_neovim_stock_accept_hunk: "accept-hunk", stories::changes::accept_hunk, "`gra`: *accept this change*";
    real_neovim_stock_reject_hunk: "reject-hunk", stories::changes::reject_hunk, "`gra`: *reject this change*";
    real_neovim_stock_next_previous_hunk: "next-previous-hunk", stories::changes::next_previous_hunk, "`]d`, `[d`: changes are hints";
    real_neovim_stock_permit_once: "permit-once", stories::prompts::permit_once, "on the marked line `gra`: *Allow once*";
    real_neovim_stock_permit_always: "permit-always", stories::prompts::permit_always, "on the marked line `gra`: *Always allow*";
    real_neovim_stock_deny_with_reason: "deny-with-reason", stories::prompts::deny_with_reason, "in the chat `/deny reason`, *Send*";
    real_neovim_stock_question: "question-from-the-agent", stories::prompts::question, "in the chat `gra`: *Answer: …*";
    real_neovim_stock_diagnostics: "diagnostics-fed-back", stories::diagnostics_of_own_edit, "told with the result of the edit";
    real_neovim_stock_shell_sees_saved: "shell-sees-the-saved-state", stories::shell_sees_saved, "the unsaved text is on the disk while the command runs; `:w` works afterwards";
    real_neovim_stock_completion: "slash-commands-and-mentions-complete", stories::completion, "omni completion (`<C-x><C-o>`) in the chat";
    real_neovim_stock_resume: "survives-quit-and-resumes", stories::resume, "the command `interline.session.open`";
}
