//! The table of keys: what may stand where.
//!
//! Owns which keys OpenCode (1 and 2) and Interline know, and their types. Must not know what they do.
//!
//! **Invariant:** whatever fits here can be decoded into `schema`'s types, once it is lowered.

/// What a value may be.
pub(crate) enum Shape {
    Any,
    Text,
    Flag,
    Number,
    /// Not negative.
    Whole,
    /// Of money: not negative.
    Amount,
    Word(&'static [&'static str]),
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, &'static Shape)], Rest),
    /// An object with at least these keys.
    Needs(&'static [&'static str], &'static Shape),
    /// The first whose JSON type it is.
    Either(&'static [Shape]),
}

/// What becomes of keys that an object does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Kept, with a warning.
    Warn,
    /// Kept: they have a meaning for somebody else.
    Keep,
}

use Shape::{Amount, Any, Either, Flag, List, Map, Needs, Number, Object, Text, Whole, Word};

const ANY: Shape = Any;
const TEXT: Shape = Text;
const FLAG: Shape = Flag;
const NUMBER: Shape = Number;
const WHOLE: Shape = Whole;
const AMOUNT: Shape = Amount;
const TEXTS: Shape = List(&TEXT);
const ANYS: Shape = List(&ANY);
const MAP: Shape = Map(&ANY);
const TEXT_MAP: Shape = Map(&TEXT);
const SWITCHES: Shape = Map(&FLAG);

const ACTION: Shape = Word(&["allow", "ask", "deny"]);
/// `permission`.
pub(crate) const PERMISSION: Shape =
    Either(&[Word(&["allow", "ask", "deny"]), Map(&Either(&[Word(&["allow", "ask", "deny"]), Map(&ACTION)]))]);
const PERMISSIONS: Shape =
    List(&Needs(&["action", "effect"], &Object(&[("action", &TEXT), ("resource", &TEXT), ("effect", &ACTION)], Rest::Warn)));

const MODEL: Shape = Either(&[
    Text,
    List(&TEXT),
    Object(&[("providerID", &TEXT), ("model", &TEXT), ("modelID", &TEXT), ("id", &TEXT), ("variant", &TEXT)], Rest::Warn),
]);

/// `agent.<name>`, and an agent's front matter. Unknown keys are options for the provider.
pub(crate) const AGENT: Shape = Object(
    &[
        ("model", &MODEL),
        ("variant", &TEXT),
        ("temperature", &NUMBER),
        ("top_p", &NUMBER),
        ("prompt", &TEXT),
        ("description", &TEXT),
        ("mode", &Word(&["primary", "subagent", "all"])),
        ("hidden", &FLAG),
        ("color", &TEXT),
        ("steps", &WHOLE),
        ("maxSteps", &WHOLE),
        ("options", &MAP),
        ("permission", &PERMISSION),
        ("permissions", &PERMISSIONS),
        ("disable", &FLAG),
        ("tools", &SWITCHES),
        ("name", &TEXT),
        ("system", &TEXT),
        ("disabled", &FLAG),
        ("request", &Object(&[("headers", &TEXT_MAP), ("body", &MAP)], Rest::Warn)),
    ],
    Rest::Keep,
);

/// `command.<name>`, and a command's front matter.
pub(crate) const COMMAND: Shape = Object(
    &[
        ("template", &TEXT),
        ("description", &TEXT),
        ("agent", &TEXT),
        ("model", &MODEL),
        ("variant", &TEXT),
        ("subtask", &FLAG),
        ("name", &TEXT),
    ],
    Rest::Warn,
);

const PRICES: Shape = Object(
    &[
        ("input", &NUMBER),
        ("output", &NUMBER),
        ("cache_read", &NUMBER),
        ("cache_write", &NUMBER),
        ("reasoning", &NUMBER),
        ("tier", &Object(&[("type", &TEXT), ("size", &WHOLE)], Rest::Keep)),
    ],
    Rest::Keep,
);

const CATALOGUE_MODEL: Shape = Object(
    &[
        ("id", &TEXT),
        ("modelID", &TEXT),
        ("name", &TEXT),
        ("family", &TEXT),
        ("attachment", &FLAG),
        ("reasoning", &FLAG),
        ("temperature", &FLAG),
        ("tool_call", &FLAG),
        ("interleaved", &ANY),
        (
            "cost",
            &Object(
                &[
                    ("input", &NUMBER),
                    ("output", &NUMBER),
                    ("cache_read", &NUMBER),
                    ("cache_write", &NUMBER),
                    ("reasoning", &NUMBER),
                    ("tiers", &List(&PRICES)),
                    ("context_over_200k", &PRICES),
                ],
                Rest::Keep,
            ),
        ),
        ("limit", &Object(&[("context", &WHOLE), ("input", &WHOLE), ("output", &WHOLE)], Rest::Keep)),
        ("modalities", &Object(&[("input", &TEXTS), ("output", &TEXTS)], Rest::Keep)),
        ("options", &MAP),
        ("headers", &TEXT_MAP),
        ("variants", &Map(&MAP)),
        ("provider", &MAP),
    ],
    Rest::Keep,
);

const PROVIDER: Shape = Object(
    &[
        ("npm", &TEXT),
        ("name", &TEXT),
        ("id", &TEXT),
        ("api", &TEXT),
        ("env", &TEXTS),
        (
            "options",
            &Object(
                &[
                    ("apiKey", &TEXT),
                    ("baseURL", &TEXT),
                    ("headers", &TEXT_MAP),
                    ("timeout", &Either(&[Whole, Flag])),
                    ("headerTimeout", &WHOLE),
                    ("chunkTimeout", &WHOLE),
                ],
                Rest::Keep,
            ),
        ),
        ("models", &Map(&CATALOGUE_MODEL)),
        ("whitelist", &TEXTS),
        ("blacklist", &TEXTS),
    ],
    Rest::Keep,
);

const FORMATTER: Shape = Either(&[
    Flag,
    Map(&Object(&[("disabled", &FLAG), ("command", &TEXTS), ("environment", &TEXT_MAP), ("extensions", &TEXTS)], Rest::Warn)),
]);

const LSP: Shape = Either(&[
    Flag,
    Map(&Object(
        &[("disabled", &FLAG), ("command", &TEXTS), ("extensions", &TEXTS), ("env", &TEXT_MAP), ("initialization", &ANY)],
        Rest::Warn,
    )),
]);

/// The whole file.
pub(crate) const CONFIG: Shape = Object(
    &[
        ("$schema", &TEXT),
        ("shell", &TEXT),
        ("notify", &TEXTS),
        ("logLevel", &Word(&["DEBUG", "INFO", "WARN", "ERROR"])),
        ("server", &MAP),
        ("command", &Map(&Needs(&["template"], &COMMAND))),
        ("commands", &Map(&Needs(&["template"], &COMMAND))),
        ("skills", &Either(&[List(&TEXT), Object(&[("paths", &TEXTS), ("urls", &TEXTS)], Rest::Warn)])),
        ("references", &MAP),
        ("reference", &MAP),
        ("watcher", &Object(&[("ignore", &TEXTS)], Rest::Warn)),
        ("snapshot", &FLAG),
        ("snapshots", &FLAG),
        ("plugin", &ANYS),
        ("plugins", &ANY),
        ("share", &Word(&["manual", "auto", "disabled"])),
        ("autoshare", &FLAG),
        ("autoupdate", &Either(&[Flag, Word(&["notify"])])),
        ("disabled_providers", &TEXTS),
        ("enabled_providers", &TEXTS),
        ("model", &MODEL),
        ("small_model", &MODEL),
        ("default_agent", &TEXT),
        ("subagent_depth", &WHOLE),
        ("username", &TEXT),
        ("mode", &Map(&AGENT)),
        ("agent", &Map(&AGENT)),
        ("agents", &Map(&AGENT)),
        ("provider", &Map(&PROVIDER)),
        ("providers", &Map(&PROVIDER)),
        ("mcp", &MAP),
        ("formatter", &FORMATTER),
        ("lsp", &LSP),
        ("preflight", &FLAG),
        ("instructions", &TEXTS),
        ("layout", &ANY),
        ("permission", &PERMISSION),
        ("permissions", &PERMISSIONS),
        ("tools", &SWITCHES),
        ("attachment", &MAP),
        ("media", &MAP),
        ("enterprise", &MAP),
        ("budget", &Object(&[("turn", &AMOUNT), ("session", &AMOUNT), ("day", &AMOUNT)], Rest::Warn)),
        ("tool_output", &Object(&[("max_lines", &WHOLE), ("max_bytes", &WHOLE)], Rest::Warn)),
        (
            "compaction",
            &Object(
                &[
                    ("auto", &FLAG),
                    ("prune", &FLAG),
                    ("tail_turns", &WHOLE),
                    ("preserve_recent_tokens", &WHOLE),
                    ("reserved", &WHOLE),
                    ("buffer", &WHOLE),
                    ("keep", &Object(&[("tokens", &WHOLE)], Rest::Warn)),
                ],
                Rest::Warn,
            ),
        ),
        ("experimental", &MAP),
        // These belong to OpenCode's terminal and its services; they are known, and have no meaning here.
        ("theme", &ANY),
        ("keybinds", &ANY),
        ("tui", &ANY),
        ("websearch", &ANY),
        ("warming", &ANY),
        ("codemode", &ANY),
    ],
    Rest::Warn,
);
