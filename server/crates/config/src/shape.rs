//! The table of keys: what may stand where.
//!
//! Owns which keys OpenCode (1 and 2) and Interline know, and their types. Must not know what they do.
//!
//! **Invariant:** whatever fits here can be decoded into `schema`'s types, once it is lowered.

/// What a value may be.
pub(crate) enum Shape {
    Any,
    Text,
    /// For people or models: what nobody sees of it is left out.
    Words,
    /// The name of a model of one's own: what Claude Code calls its models is none here.
    Answerer,
    Flag,
    Number,
    /// Not negative.
    Whole,
    /// Of money: not negative.
    Amount,
    Word(&'static [&'static str]),
    /// Whether a tool is on. `"true"` and `"false"` are taken as meant; what says neither counts as `ask`, for the same reason as below.
    Switch,
    /// What a rule says of a permission. What is none of its words counts as `ask`: a refusal that is misspelt is no permission.
    Action,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, &'static Shape)], Rest),
    /// An object with at least these keys.
    Needs(&'static [&'static str], &'static Shape),
    /// The first whose JSON type it is.
    Either(&'static [Shape]),
    /// Known, and without effect here.
    Unused(&'static Idle),
}

/// A key that OpenCode knows and Interline does nothing about.
pub(crate) struct Idle {
    /// What it may be.
    pub(crate) shape: Shape,
    /// As JSON: the values by which nothing is missed.
    pub(crate) harmless: &'static [&'static str],
    /// What happens instead.
    pub(crate) instead: &'static str,
}

/// Permissions of ours; those of MCP servers' tools are called as these.
pub(crate) const PERMISSIONS: &[&str] = &[
    "bash",
    "codesearch",
    "doom_loop",
    "edit",
    "external_directory",
    "glob",
    "grep",
    "list",
    "lsp",
    "plan_enter",
    "plan_exit",
    "project_code",
    "question",
    "read",
    "skill",
    "task",
    "todoread",
    "todowrite",
    "webfetch",
    "websearch",
];

/// What a rule may say.
pub(crate) const ACTIONS: &[&str] = &["allow", "ask", "deny"];

/// What becomes of keys that an object does not know.
#[derive(Clone, Copy)]
pub(crate) enum Rest {
    /// Kept, with a warning.
    Warn,
    /// Kept: they have a meaning for somebody else.
    Keep,
    /// The same for these; others with a warning that says this.
    Known(&'static [&'static [&'static str]], &'static str),
    /// They are names that the user gives, each of something like this.
    Each(&'static Shape),
    /// They are names of permissions, each with what a rule says.
    Permissions(&'static Shape),
}

use Shape::{Action, Amount, Answerer, Any, Either, Flag, List, Map, Needs, Number, Object, Switch, Text, Unused, Whole, Word, Words};

const fn idle(shape: Shape, instead: &'static str) -> Idle {
    Idle { shape, harmless: &[], instead }
}

const ANY: Shape = Any;
const TEXT: Shape = Text;
const WORDS: Shape = Words;
const FLAG: Shape = Flag;
const NUMBER: Shape = Number;
const WHOLE: Shape = Whole;
const AMOUNT: Shape = Amount;
const TEXTS: Shape = List(&TEXT);
const MAP: Shape = Map(&ANY);
const TEXT_MAP: Shape = Map(&TEXT);
const SWITCHES: Shape = Map(&Switch);

const ACTION: Shape = Action;
/// `permission`.
pub(crate) const PERMISSION: Shape = Either(&[Action, Object(&[], Rest::Permissions(&RULE))]);
const RULE: Shape = Either(&[Action, Map(&ACTION)]);
/// `permissions`: OpenCode 2's list. People also write OpenCode 1's form under that name, and mean what it says.
const NEWER_PERMISSION: Shape = Either(&[
    List(&Needs(&["action", "effect"], &Object(&[("action", &TEXT), ("resource", &TEXT), ("effect", &ACTION)], Rest::Warn))),
    Action,
    Object(&[], Rest::Permissions(&RULE)),
]);

const MODEL_PARTS: Shape =
    Object(&[("providerID", &TEXT), ("model", &TEXT), ("modelID", &TEXT), ("id", &TEXT), ("variant", &TEXT)], Rest::Warn);
const MODEL: Shape = Either(&[Text, List(&TEXT), MODEL_PARTS]);
/// The same of an agent, or of a command.
const OWN_MODEL: Shape = Either(&[Answerer, List(&TEXT), MODEL_PARTS]);

const REQUEST_HEADERS: Idle = idle(Map(&TEXT), "headers are set for a whole provider, by `provider.*.options.headers`");

/// What people write of an agent, for people: no option for a provider, which would refuse the request for it. OpenCode's own providers leave it out as well.
#[rustfmt::skip]
pub(crate) const ABOUT: &[&str] = &[
    "id", "category", "type", "version", "author", "authors", "tags", "keywords", "aliases", "dependencies", "license", "homepage", "created", "updated",
    "emoji", "icon", "role", "domain", "examples", "triggers", "capabilities", "specialization", "whenToUse", "when_to_use",
];

/// Options that a provider is known to take where they stand beside an agent's other keys, by the names of the AI SDK, which are OpenCode's, and of the wire.
#[rustfmt::skip]
pub(crate) const OPTIONS: &[&str] = &[
    "anthropicBeta", "anthropic_beta", "budgetTokens", "cacheControl", "chatTemplateKwargs", "chat_template_args", "chat_template_kwargs", "contextManagement",
    "context_management", "disableParallelToolUse", "effort", "enableThinking", "enable_thinking", "extraBody", "extra_body", "frequencyPenalty",
    "frequency_penalty", "generationConfig", "include", "includeThoughts", "keep_alive", "logitBias", "logit_bias", "logprobs", "maxCompletionTokens",
    "maxOutputTokens", "maxTokens", "max_completion_tokens", "max_output_tokens", "max_tokens", "minP", "min_p", "num_ctx", "output_config",
    "parallelToolCalls", "parallel_tool_calls", "presencePenalty", "presence_penalty", "promptCacheKey", "promptCacheRetention", "prompt_cache_key",
    "prompt_cache_retention", "provider", "providerOptions", "reasoning", "reasoningEffort", "reasoningSummary", "reasoning_effort", "reasoning_format",
    "reasoning_split", "reasoning_summary", "repetitionPenalty", "repetition_penalty", "safetyIdentifier", "safetySettings", "safety_identifier",
    "searchParameters", "search_parameters", "seed", "sendReasoning", "serviceTier", "service_tier", "stop", "stopSequences", "stop_sequences", "store",
    "strictJsonSchema", "structuredOutputs", "textVerbosity", "thinking", "thinkingBudget", "thinkingConfig", "thinkingLevel", "thinking_budget", "topK",
    "topLogprobs", "topP", "top_k", "top_logprobs", "transforms", "truncation", "user", "verbosity", "webSearchOptions", "web_search_options",
];

/// What is said of an agent's key that is neither.
const NO_OPTION: &str = "only a provider that takes any option (OpenAI-compatible) is sent it; below `options` it is sent to every one";

// What an agent's front matter may say in Claude Code, and here does not.
const PERMISSION_MODE: Idle =
    Idle { shape: Text, harmless: &["\"default\""], instead: "what an agent may do is said by `permission`, and asked as always" };
const AGENT_SKILLS: Idle = idle(Any, "skills are loaded when a task calls for them: `permission.skill` says which");
const AGENT_SERVERS: Idle = idle(Any, "MCP servers stand in `mcp`, for all agents: `permission` denies an agent their tools");
const AGENT_HOOKS: Idle = idle(Any, "`hooks` of the configuration count for all agents (docs/extending.md)");
const AGENT_MEMORY: Idle = idle(Any, "what an agent is to know stands in its text, or in AGENTS.md");
const ISOLATION: Idle = idle(Any, "every agent works in the project's own folders");
const BACKGROUND: Idle = Idle { shape: Flag, harmless: &["false"], instead: "who starts an agent waits for it" };
const INITIAL_PROMPT: Idle = idle(Any, "an agent begins with what it is asked");

/// `agent.<name>`, and an agent's front matter. Unknown keys are options for the provider, but for those that are [`ABOUT`] the agent.
pub(crate) const AGENT: Shape = Object(
    &[
        ("model", &OWN_MODEL),
        ("variant", &TEXT),
        ("temperature", &NUMBER),
        ("top_p", &NUMBER),
        ("prompt", &WORDS),
        ("description", &WORDS),
        ("mode", &Word(&["primary", "subagent", "all"])),
        ("hidden", &FLAG),
        ("color", &TEXT),
        ("steps", &WHOLE),
        ("maxSteps", &WHOLE),
        ("maxTurns", &WHOLE),
        ("options", &MAP),
        ("permission", &PERMISSION),
        ("permissions", &NEWER_PERMISSION),
        ("disable", &FLAG),
        ("tools", &Either(&[SWITCHES, Text, List(&TEXT)])),
        ("name", &TEXT),
        ("system", &WORDS),
        ("disabled", &FLAG),
        ("request", &Object(&[("headers", &Unused(&REQUEST_HEADERS)), ("body", &MAP)], Rest::Warn)),
        ("permissionMode", &Unused(&PERMISSION_MODE)),
        ("skills", &Unused(&AGENT_SKILLS)),
        ("mcpServers", &Unused(&AGENT_SERVERS)),
        ("hooks", &Unused(&AGENT_HOOKS)),
        ("memory", &Unused(&AGENT_MEMORY)),
        ("isolation", &Unused(&ISOLATION)),
        ("background", &Unused(&BACKGROUND)),
        ("initialPrompt", &Unused(&INITIAL_PROMPT)),
    ],
    Rest::Known(&[OPTIONS, ABOUT], NO_OPTION),
);

/// `mcp.<name>`.
const MCP_SERVER: Shape = Object(
    &[
        ("type", &Word(&["local", "remote"])),
        ("command", &TEXTS),
        ("cwd", &TEXT),
        ("environment", &TEXT_MAP),
        ("url", &TEXT),
        ("headers", &TEXT_MAP),
        ("oauth", &Either(&[Flag, OAUTH])),
        ("enabled", &FLAG),
        ("disabled", &FLAG),
        ("timeout", &Either(&[Whole, Object(&[("startup", &WHOLE), ("catalog", &WHOLE), ("execution", &WHOLE)], Rest::Warn)])),
    ],
    Rest::Warn,
);

/// `mcp.<name>.oauth`, in the spellings of OpenCode 1 and 2.
const OAUTH: Shape = Object(
    &[
        ("clientId", &TEXT),
        ("client_id", &TEXT),
        ("clientSecret", &TEXT),
        ("client_secret", &TEXT),
        ("scope", &TEXT),
        ("callbackPort", &WHOLE),
        ("callback_port", &WHOLE),
        ("redirectUri", &TEXT),
        ("redirect_uri", &TEXT),
    ],
    Rest::Warn,
);

/// `mcp`: servers by name. OpenCode 2 has them below `servers`, which may also be a server's name here, as `timeout` may.
const MCP: Shape =
    Object(&[("servers", &Map(&Either(&[MCP_SERVER, Any]))), ("timeout", &Either(&[Whole, MCP_SERVER]))], Rest::Each(&MCP_SERVER));

const PREAPPROVED: Idle = idle(Any, "what a command needs is allowed, asked or denied as always, by `permission`");
const BY_THE_MODEL: Idle = Idle { shape: Flag, harmless: &["true", "false"], instead: "only you start a command" };
const BY_THE_USER: Idle = Idle { shape: Flag, harmless: &["true"], instead: "every command is yours to start" };
const COMMAND_HOOKS: Idle = idle(Any, "`hooks` of the configuration count for all messages (docs/extending.md)");

const EFFORT: Idle = idle(Any, "how much a model thinks is said by `variant`");
const COMMAND_SHELL: Idle = idle(Any, "`shell` of the configuration runs all command lines");

/// `command.<name>`, and a command's front matter, Claude Code's among it.
pub(crate) const COMMAND: Shape = Object(
    &[
        ("template", &WORDS),
        ("description", &WORDS),
        ("agent", &TEXT),
        ("model", &OWN_MODEL),
        ("variant", &TEXT),
        ("subtask", &FLAG),
        ("name", &TEXT),
        ("argument-hint", &Either(&[Words, List(&WORDS)])),
        ("context", &Word(&["fork"])),
        ("allowed-tools", &Unused(&PREAPPROVED)),
        ("allowed_tools", &Unused(&PREAPPROVED)),
        ("tools", &Unused(&PREAPPROVED)),
        ("disable-model-invocation", &Unused(&BY_THE_MODEL)),
        ("user-invocable", &Unused(&BY_THE_USER)),
        ("hooks", &Unused(&COMMAND_HOOKS)),
        ("effort", &Unused(&EFFORT)),
        ("shell", &Unused(&COMMAND_SHELL)),
    ],
    Rest::Warn,
);

const BY_WHOM: Idle =
    Idle { shape: Any, harmless: &["\"inherit\""], instead: "a skill is read by whoever answers: a command may name a model or an agent" };
const FORKED: Idle = idle(Any, "a skill is read in the conversation that it is for: a command may be a subagent's (`subtask`)");
const SKILL_TOOLS: Idle = idle(Any, "what a skill needs is allowed, asked or denied as always, by `permission`");
const SKILLS_USER: Idle = Idle { shape: Any, harmless: &["true"], instead: "every skill is yours to start" };

/// What the front matter of a skill may say in Claude Code, and here does not; what else it says is for others.
pub(crate) const SKILL: Shape = Object(
    &[
        ("allowed-tools", &Unused(&SKILL_TOOLS)),
        ("model", &Unused(&BY_WHOM)),
        ("effort", &Unused(&BY_WHOM)),
        ("agent", &Unused(&BY_WHOM)),
        ("context", &Unused(&FORKED)),
        ("hooks", &Unused(&COMMAND_HOOKS)),
        ("user-invocable", &Unused(&SKILLS_USER)),
        ("shell", &Unused(&COMMAND_SHELL)),
    ],
    Rest::Keep,
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

const PROGRAM: Shape =
    Needs(&["command"], &Object(&[("command", &Either(&[Text, List(&TEXT)])), ("tools", &TEXTS), ("timeout", &WHOLE)], Rest::Warn));
const PROGRAMS: Shape = List(&PROGRAM);
/// `hooks`: Interline's own.
const HOOKS: Shape = Object(
    &[("tool.before", &PROGRAMS), ("tool.after", &PROGRAMS), ("message", &PROGRAMS), ("permission", &PROGRAMS), ("session", &PROGRAMS)],
    Rest::Warn,
);
/// `websearch`: OpenCode 2 knows only whether it is on.
const WEBSEARCH: Shape = Either(&[
    Unused(&Idle {
        shape: Flag,
        harmless: &["false"],
        instead: "name a service: {\"provider\": \"brave\", \"tavily\", \"exa\" or \"searxng\", \"apiKey\", \"url\"}; or configure an MCP server that searches, whose tools are offered",
    }),
    Object(
        &[("provider", &Word(&["brave", "tavily", "exa", "searxng"])), ("apiKey", &TEXT), ("url", &TEXT), ("results", &WHOLE)],
        Rest::Warn,
    ),
]);

const LOG_LEVEL: Idle =
    idle(Word(&["DEBUG", "INFO", "WARN", "ERROR"]), "warnings go to the log file, more to standard error by `RUST_LOG=trace`");
const SERVER: Idle = idle(Map(&ANY), "nothing listens on a port: your editor talks to Interline by pipes");
const URLS: Idle = idle(List(&TEXT), "skills are not fetched: copy them into `skills/` of a configuration folder");
const REFERENCES: Idle =
    idle(Map(&ANY), "nothing is cloned or offered: name the folders in AGENTS.md and allow them by `permission.external_directory`");
const WATCHER: Idle = idle(Map(&ANY), "files are watched by your editor, which knows what it leaves out");
const ATTACHMENT: Shape = Object(
    &[(
        "image",
        &Object(&[("auto_resize", &FLAG), ("max_width", &WHOLE), ("max_height", &WHOLE), ("max_base64_bytes", &WHOLE)], Rest::Warn),
    )],
    Rest::Warn,
);
const PLUGIN: Idle = idle(
    Any,
    "plugins need a JavaScript runtime and are not run: a tool can be any executable in `.interline/tool/`, and `hooks` run programs on events (docs/extending.md)",
);
const SHARE: Idle =
    Idle { shape: Word(&["manual", "auto", "disabled"]), harmless: &["\"manual\"", "\"disabled\""], instead: "nothing is ever shared" };
const AUTOSHARE: Idle = Idle { shape: Flag, harmless: &["false"], instead: "nothing is ever shared" };
const AUTOUPDATE: Idle = Idle {
    shape: Either(&[Flag, Word(&["notify"])]),
    harmless: &["false"],
    instead: "Interline never replaces itself: update it by what you installed it with",
};
const ENTERPRISE: Idle = idle(Map(&ANY), "nothing is ever shared, so that there is no host for it");
const TERMINAL: Idle = idle(Any, "it belongs to OpenCode's terminal; how things look, and their keys, are your editor's");
const SERVICE: Idle = idle(Any, "it belongs to OpenCode's services, which are not used");
const BATCH: Idle = idle(Flag, "several calls of one answer run together without it");
const PASTE: Idle = idle(Flag, "nothing that you paste is summarised");
const TELEMETRY: Idle = Idle { shape: Flag, harmless: &["false"], instead: "nothing is measured or sent" };
const HOOK: Idle = idle(Any, "`hooks` run programs on events, and `formatter` formats what is edited (docs/extending.md)");
const RETRIES: Idle = idle(Any, "how often a provider is asked again depends on what it says, and is shown");
const POLICIES: Idle = idle(Any, "name the providers by `enabled_providers` or `disabled_providers`");

const EXPERIMENTAL: Shape = Object(
    &[
        ("continue_loop_on_deny", &FLAG),
        ("mcp_timeout", &WHOLE),
        ("primary_tools", &TEXTS),
        ("subagent_depth", &WHOLE),
        ("batch_tool", &Unused(&BATCH)),
        ("disable_paste_summary", &Unused(&PASTE)),
        ("openTelemetry", &Unused(&TELEMETRY)),
        ("policies", &Unused(&POLICIES)),
        ("hook", &Unused(&HOOK)),
        ("chatMaxRetries", &Unused(&RETRIES)),
    ],
    Rest::Warn,
);

/// The whole file.
pub(crate) const CONFIG: Shape = Object(
    &[
        ("$schema", &TEXT),
        ("shell", &TEXT),
        ("notify", &TEXTS),
        ("logLevel", &Unused(&LOG_LEVEL)),
        ("server", &Unused(&SERVER)),
        ("command", &Map(&Needs(&["template"], &COMMAND))),
        ("commands", &Map(&Needs(&["template"], &COMMAND))),
        ("skills", &Either(&[List(&TEXT), Object(&[("paths", &TEXTS), ("urls", &Unused(&URLS))], Rest::Warn)])),
        ("references", &Unused(&REFERENCES)),
        ("reference", &Unused(&REFERENCES)),
        ("watcher", &Unused(&WATCHER)),
        ("snapshot", &FLAG),
        ("snapshots", &FLAG),
        ("plugin", &Unused(&PLUGIN)),
        ("plugins", &Unused(&PLUGIN)),
        ("share", &Unused(&SHARE)),
        ("autoshare", &Unused(&AUTOSHARE)),
        ("autoupdate", &Unused(&AUTOUPDATE)),
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
        ("mcp", &MCP),
        ("formatter", &FORMATTER),
        ("lsp", &LSP),
        ("preflight", &FLAG),
        ("instructions", &TEXTS),
        ("layout", &Unused(&TERMINAL)),
        ("permission", &PERMISSION),
        ("permissions", &NEWER_PERMISSION),
        ("tools", &SWITCHES),
        ("attachment", &ATTACHMENT),
        ("media", &ATTACHMENT),
        ("enterprise", &Unused(&ENTERPRISE)),
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
        ("experimental", &EXPERIMENTAL),
        ("theme", &Unused(&TERMINAL)),
        ("keybinds", &Unused(&TERMINAL)),
        ("tui", &Unused(&TERMINAL)),
        ("hooks", &HOOKS),
        ("websearch", &WEBSEARCH),
        ("warming", &Unused(&SERVICE)),
        ("codemode", &Unused(&SERVICE)),
    ],
    Rest::Warn,
);
