//! The servers that people have, as data.
//!
//! **Invariant:** ids, ends of names and root markers are OpenCode's, where it has them; a command is one that its project's own installer puts on the PATH.

/// A built-in server.
#[derive(Debug)]
pub(super) struct Builtin {
    pub(super) id: &'static str,
    /// `END` or `END:LANGUAGE`: ends of names without the dot, or whole names, and the protocol's name of the language.
    pub(super) files: &'static [&'static str],
    /// Names that make a folder the root; `*` at the beginning stands for anything. Sets that are tried one after the other.
    pub(super) roots: &'static [&'static [&'static str]],
    /// Where the markers are missing: the project's folder, or nothing.
    pub(super) everywhere: bool,
    /// Names that say that the folder belongs to another server.
    pub(super) unless: &'static [&'static str],
    /// Command lines; the first that is installed.
    pub(super) commands: &'static [&'static str],
    /// Of several with the same one, the first that is installed is used.
    pub(super) group: &'static str,
    /// Its own section of the settings.
    pub(super) section: &'static str,
    /// `initializationOptions`, as JSON.
    pub(super) options: &'static str,
    /// A part of the progress token of a check that it runs after saves.
    pub(super) check: &'static str,
    /// Its program may be a stand-in that only says that it is not installed.
    pub(super) probe: bool,
    /// How it marks errors of syntax: see `syntax`.
    pub(super) syntax: &'static [&'static str],
}

const NONE: Builtin = Builtin {
    id: "",
    files: &[],
    roots: &[],
    everywhere: true,
    unless: &[],
    commands: &[],
    group: "",
    section: "",
    options: "null",
    check: "",
    probe: false,
    syntax: &[],
};

const LOCKS: &[&str] = &["package-lock.json", "bun.lockb", "bun.lock", "pnpm-lock.yaml", "yarn.lock"];
const PACKAGE: &[&str] = &["tsconfig.json", "jsconfig.json", "package.json"];
const DENO: &[&str] = &["deno.json", "deno.jsonc"];
const SCRIPTS: &[&str] = &[
    "ts:typescript",
    "tsx:typescriptreact",
    "js:javascript",
    "jsx:javascriptreact",
    "mjs:javascript",
    "cjs:javascript",
    "mts:typescript",
    "cts:typescript",
];
const PYTHON: &[&str] = &["py:python", "pyi:python"];
const PYTHON_ROOTS: &[&str] = &["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "pyrightconfig.json"];
const NET: &[&str] = &["*.slnx", "*.sln", "*.csproj", "*.fsproj", "global.json"];

/// `END` and `LANGUAGE`.
pub(super) fn split(file: &'static str) -> (&'static str, &'static str) {
    file.split_once(':').unwrap_or((file, file))
}

/// All of them.
pub(super) const BUILTIN: &[Builtin] = &[
    Builtin {
        id: "rust",
        files: &["rs:rust"],
        // The workspace's root is found beyond the nearest one: see `root`.
        roots: &[&["Cargo.toml", "Cargo.lock"]],
        commands: &["rust-analyzer"],
        section: "rust-analyzer",
        // Or a search by name would find types alone.
        options: r#"{"workspace":{"symbol":{"search":{"kind":"all_symbols"}}}}"#,
        check: "flycheck",
        probe: true,
        syntax: &["rust-analyzer syntax-error"],
        ..NONE
    },
    Builtin {
        id: "deno",
        files: SCRIPTS,
        roots: &[DENO],
        everywhere: false,
        commands: &["deno lsp"],
        section: "deno",
        options: r#"{"enable":true}"#,
        syntax: &["deno-ts 1000-1999"],
        ..NONE
    },
    Builtin {
        id: "typescript",
        files: SCRIPTS,
        roots: &[LOCKS, PACKAGE],
        unless: DENO,
        commands: &["typescript-language-server --stdio"],
        // Or it would fetch types from the network, rename an import instead of what it imports, and let a server that sees single files only answer first.
        options: concat!(
            r#"{"disableAutomaticTypingAcquisition":true,"preferences":{"providePrefixAndSuffixTextForRename":false},"#,
            r#""tsserver":{"useSyntaxServer":"never"}}"#
        ),
        syntax: &["typescript 1000-1999"],
        ..NONE
    },
    Builtin { id: "vue", files: &["vue"], roots: &[LOCKS, PACKAGE], commands: &["vue-language-server --stdio"], ..NONE },
    Builtin { id: "svelte", files: &["svelte"], roots: &[LOCKS, PACKAGE], commands: &["svelteserver --stdio"], ..NONE },
    Builtin { id: "astro", files: &["astro"], roots: &[LOCKS, PACKAGE], commands: &["astro-ls --stdio"], ..NONE },
    Builtin {
        id: "oxlint",
        files: SCRIPTS,
        roots: &[&[".oxlintrc.json"]],
        everywhere: false,
        commands: &["oxlint --lsp", "oxc_language_server"],
        ..NONE
    },
    Builtin {
        id: "biome",
        files: &[
            "ts",
            "tsx",
            "js",
            "jsx",
            "mjs",
            "cjs",
            "mts",
            "cts",
            "json",
            "jsonc",
            "vue",
            "astro",
            "svelte",
            "css",
            "graphql",
            "gql:graphql",
            "html",
        ],
        roots: &[&["biome.json", "biome.jsonc"]],
        everywhere: false,
        commands: &["biome lsp-proxy --stdio"],
        ..NONE
    },
    Builtin {
        id: "pyright",
        files: PYTHON,
        roots: &[PYTHON_ROOTS],
        commands: &["pyright-langserver --stdio"],
        group: "python types",
        section: "python",
        // Whatever the type checker finds has a rule's name.
        syntax: &["Pyright none"],
        ..NONE
    },
    Builtin {
        id: "basedpyright",
        files: PYTHON,
        roots: &[PYTHON_ROOTS],
        commands: &["basedpyright-langserver --stdio"],
        group: "python types",
        section: "python",
        syntax: &["basedpyright none"],
        ..NONE
    },
    Builtin {
        id: "ty",
        files: PYTHON,
        roots: &[&["ty.toml", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "pyrightconfig.json"]],
        commands: &["ty server"],
        group: "python types",
        section: "ty",
        syntax: &["ty invalid-syntax"],
        ..NONE
    },
    Builtin {
        id: "ruff",
        files: PYTHON,
        roots: &[&["ruff.toml", ".ruff.toml", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile"]],
        commands: &["ruff server"],
        syntax: &["Ruff invalid-syntax"],
        ..NONE
    },
    Builtin {
        id: "gopls",
        files: &["go"],
        roots: &[&["go.work"], &["go.mod", "go.sum"]],
        commands: &["gopls"],
        section: "gopls",
        syntax: &["syntax any"],
        ..NONE
    },
    Builtin {
        id: "clangd",
        files: &["c", "cpp", "cc:cpp", "cxx:cpp", "c++:cpp", "h:c", "hpp:cpp", "hh:cpp", "hxx:cpp", "h++:cpp"],
        roots: &[&["compile_commands.json", "compile_flags.txt", ".clangd"]],
        commands: &["clangd --background-index --clang-tidy"],
        syntax: &["clang expected*", "clang missing_param", "clang extraneous_closing_brace", "clang unterminated*"],
        ..NONE
    },
    Builtin {
        id: "ruby-lsp",
        files: &["rb:ruby", "rake:ruby", "gemspec:ruby", "ru:ruby"],
        roots: &[&["Gemfile"]],
        commands: &["ruby-lsp", "rubocop --lsp"],
        ..NONE
    },
    Builtin {
        id: "elixir-ls",
        files: &["ex:elixir", "exs:elixir"],
        roots: &[&["mix.exs", "mix.lock"]],
        commands: &["elixir-ls", "language_server.sh"],
        section: "elixirLS",
        ..NONE
    },
    Builtin { id: "zls", files: &["zig", "zon:zig"], roots: &[&["build.zig"]], commands: &["zls"], section: "zls", ..NONE },
    Builtin {
        id: "csharp",
        files: &["cs:csharp", "csx:csharp"],
        roots: &[NET],
        commands: &["roslyn-language-server --stdio --autoLoadProjects", "csharp-ls"],
        ..NONE
    },
    Builtin {
        id: "fsharp",
        files: &["fs:fsharp", "fsi:fsharp", "fsx:fsharp", "fsscript:fsharp"],
        roots: &[NET],
        commands: &["fsautocomplete"],
        options: r#"{"AutomaticWorkspaceInit":true}"#,
        ..NONE
    },
    Builtin {
        id: "sourcekit-lsp",
        files: &["swift", "objc:objective-c"],
        roots: &[&["Package.swift", "*.xcodeproj", "*.xcworkspace"]],
        commands: &["sourcekit-lsp"],
        ..NONE
    },
    Builtin {
        id: "jdtls",
        files: &["java"],
        roots: &[
            &["settings.gradle", "settings.gradle.kts", "gradlew"],
            &["build.gradle", "build.gradle.kts", "pom.xml", ".project", ".classpath"],
        ],
        everywhere: false,
        commands: &["jdtls"],
        section: "java",
        ..NONE
    },
    Builtin {
        id: "kotlin-ls",
        files: &["kt:kotlin", "kts:kotlin"],
        roots: &[&["settings.gradle.kts", "settings.gradle"], &["gradlew"], &["build.gradle.kts", "build.gradle"], &["pom.xml"]],
        commands: &["kotlin-lsp --stdio", "kotlin-language-server"],
        ..NONE
    },
    Builtin {
        id: "yaml-ls",
        files: &["yaml", "yml:yaml"],
        roots: &[LOCKS],
        commands: &["yaml-language-server --stdio"],
        section: "yaml",
        ..NONE
    },
    Builtin { id: "json", files: &["json", "jsonc"], commands: &["vscode-json-language-server --stdio"], ..NONE },
    Builtin { id: "html", files: &["html", "htm:html"], commands: &["vscode-html-language-server --stdio"], ..NONE },
    Builtin { id: "css", files: &["css", "scss", "less"], commands: &["vscode-css-language-server --stdio"], ..NONE },
    Builtin {
        id: "lua-ls",
        files: &["lua"],
        roots: &[&[".luarc.json", ".luarc.jsonc", ".luacheckrc", ".stylua.toml", "stylua.toml", "selene.toml", "selene.yml"]],
        commands: &["lua-language-server"],
        section: "Lua",
        ..NONE
    },
    Builtin {
        id: "php intelephense",
        files: &["php"],
        roots: &[&["composer.json", "composer.lock", ".php-version"]],
        commands: &["intelephense --stdio"],
        options: r#"{"telemetry":{"enabled":false}}"#,
        ..NONE
    },
    Builtin { id: "prisma", files: &["prisma"], roots: &[&["schema.prisma", "prisma"]], commands: &["prisma language-server"], ..NONE },
    Builtin {
        id: "dart",
        files: &["dart"],
        roots: &[&["pubspec.yaml", "analysis_options.yaml"]],
        commands: &["dart language-server --lsp"],
        ..NONE
    },
    Builtin {
        id: "ocaml-lsp",
        files: &["ml:ocaml", "mli:ocaml"],
        roots: &[&["dune-project", "dune-workspace", ".merlin", "opam"]],
        commands: &["ocamllsp"],
        ..NONE
    },
    Builtin {
        id: "bash",
        files: &["sh:shellscript", "bash:shellscript", "zsh:shellscript", "ksh:shellscript"],
        commands: &["bash-language-server start"],
        ..NONE
    },
    Builtin {
        id: "terraform",
        files: &["tf:terraform", "tfvars:terraform-vars"],
        roots: &[&[".terraform.lock.hcl", "terraform.tfstate", "*.tf"]],
        commands: &["terraform-ls serve"],
        ..NONE
    },
    Builtin {
        id: "texlab",
        files: &["tex:latex", "bib:bibtex"],
        roots: &[&[".latexmkrc", "latexmkrc", ".texlabroot", "texlabroot"]],
        commands: &["texlab"],
        ..NONE
    },
    Builtin { id: "dockerfile", files: &["dockerfile", "Dockerfile:dockerfile"], commands: &["docker-langserver --stdio"], ..NONE },
    Builtin { id: "gleam", files: &["gleam"], roots: &[&["gleam.toml"]], commands: &["gleam lsp"], ..NONE },
    Builtin {
        id: "clojure-lsp",
        files: &["clj:clojure", "cljs:clojurescript", "cljc:clojure", "edn:clojure"],
        roots: &[&["deps.edn", "project.clj", "shadow-cljs.edn", "bb.edn", "build.boot"]],
        commands: &["clojure-lsp listen"],
        ..NONE
    },
    Builtin { id: "nixd", files: &["nix"], roots: &[&["flake.nix"]], commands: &["nixd"], ..NONE },
    Builtin { id: "tinymist", files: &["typ:typst", "typc:typst"], roots: &[&["typst.toml"]], commands: &["tinymist"], ..NONE },
    Builtin {
        id: "haskell-language-server",
        files: &["hs:haskell", "lhs:haskell"],
        roots: &[&["stack.yaml", "cabal.project", "hie.yaml", "*.cabal"]],
        commands: &["haskell-language-server-wrapper --lsp"],
        ..NONE
    },
];
