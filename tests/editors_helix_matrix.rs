//! The matrix of behaviours, in an unmodified Helix. Which cells there are and what becomes of a proof: `xtask/src/matrix.rs`.
//!
//! Must not know how a behaviour is tested: the stories are the same for all editors.
//!
//! **Invariant:** Helix is configured with what `interline setup helix --no-auto-save` writes, and nothing else.

use interline_tests::{cells, editors::Editor, stories};

cells! {
    Editor::Helix;
    real_helix_matrix_ask_from_selection: "ask-from-selection", stories::ask_from_selection, "select, `space a`: *explain this*";
    real_helix_matrix_ask_from_chat: "ask-from-chat-buffer", stories::ask_from_chat, "write in the chat, `space a`: *Send*";
    real_helix_matrix_stream: "stream-visible", stories::stream, "the chat's buffer";
    real_helix_matrix_progress: "progress", stories::progress, "the status line (`display-progress-messages`)";
    real_helix_matrix_cancel: "cancel", stories::cancel, "`space a`: *Cancel the running turn*";
    real_helix_matrix_edit_open_clean: "edit-open-clean-file", stories::changes::edit_open_clean, "in the buffer";
    real_helix_matrix_edit_open_dirty: "edit-dirty-file", stories::changes::edit_open_dirty, "in the unsaved text";
    real_helix_matrix_edit_while_typing: "edit-while-the-user-types", stories::changes::edit_while_typing, "rebased over what is typed, in insert mode too";
    real_helix_matrix_edit_unopened: "edit-unopened-file", stories::changes::edit_unopened, "written to the disk; undone with the turn";
    real_helix_matrix_new_file: "new-file", stories::changes::new_file, "written to the disk; undone with the turn";
    real_helix_matrix_delete_rename: "delete-rename-file", stories::changes::delete_rename, "on the disk; undone with the turn";
    real_helix_matrix_undo_edit: "one-step-undo-per-edit", stories::changes::undo_edit, "`u`";
    real_helix_matrix_undo_turn: "undo-turn", stories::changes::undo_turn, "`space a`: *undo the last turn*";
    real_helix_matrix_accept_hunk: "accept-hunk", stories::changes::accept_hunk, "`space a`: *accept this change*";
    real_helix_matrix_reject_hunk: "reject-hunk", stories::changes::reject_hunk, "`space a`: *reject this change*";
    real_helix_matrix_next_previous_hunk: "next-previous-hunk", stories::changes::next_previous_hunk, "`]d`, `[d`: changes are hints";
    real_helix_matrix_permit_once: "permit-once", stories::prompts::permit_once, "on the marked line `space a`: *Allow once*";
    real_helix_matrix_permit_always: "permit-always", stories::prompts::permit_always, "on the marked line `space a`: *Always allow*";
    real_helix_matrix_deny_with_reason: "deny-with-reason", stories::prompts::deny_with_reason, "in the chat `/deny reason`, *Send*";
    real_helix_matrix_question: "question-from-the-agent", stories::prompts::question, "in the chat `space a`: *Answer: …*";
    real_helix_matrix_diagnostics: "diagnostics-fed-back", stories::diagnostics, "on the line `space a`: *fix this problem*";
    real_helix_matrix_shell_sees_saved: "shell-sees-the-saved-state", stories::shell_sees_saved, "the unsaved text is on the disk while the command runs; `:w` works afterwards";
    real_helix_matrix_completion: "slash-commands-and-mentions-complete", stories::completion, "as it is typed in the chat";
    real_helix_matrix_resume: "survives-quit-and-resumes", stories::resume, "`:lsp-workspace-command interline.session.open`";
}
