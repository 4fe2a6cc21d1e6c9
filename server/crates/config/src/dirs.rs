//! The environment, and the folders that follow from it.
//!
//! Owns the names of variables and folders. Must not know what stands in the files there.
//!
//! **Invariant:** the process' own environment is read in `Env::from_process` and nowhere else, so that a test can give another.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Variables of the environment.
#[derive(Clone, Debug, Default)]
pub struct Env(HashMap<String, String>);

impl Env {
    /// The process' own. Variables that are not UTF-8 are left out; `HOME` is what the system says where it is not set.
    #[must_use]
    pub fn from_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut env = Self(variables.collect());
        if env.get("HOME").is_none()
            && let Some(home) = std::env::home_dir().and_then(|home| home.into_os_string().into_string().ok())
        {
            env.0.insert("HOME".to_owned(), home);
        }
        env
    }

    /// The given ones.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's value; an empty one counts as absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `INTERLINE_<name>`, else `OPENCODE_<name>`; with the variable's whole name.
    #[must_use]
    pub fn ours(&self, name: &str) -> Option<(String, &str)> {
        ["INTERLINE", "OPENCODE"].iter().find_map(|prefix| {
            let variable = format!("{prefix}_{name}");
            self.get(&variable).map(|value| (variable.clone(), value))
        })
    }

    /// Whether `INTERLINE_<name>` (else `OPENCODE_<name>`) is `1` or `true`.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.ours(name).is_some_and(|(_, value)| value == "1" || value.eq_ignore_ascii_case("true"))
    }
}

/// The folders of the user. None needs to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// The user's own.
    pub home: PathBuf,
    /// Interline's configuration.
    pub config: PathBuf,
    /// Interline's state: sessions, logs, keys.
    pub data: PathBuf,
    /// What may be deleted at any time.
    pub cache: PathBuf,
    /// OpenCode's configuration; only read.
    pub opencode_config: PathBuf,
    /// OpenCode's state; only read.
    pub opencode_data: PathBuf,
    /// `~/.claude`; only read.
    pub claude: PathBuf,
    /// The administrator's folders, which count over everything; only read.
    pub managed: Vec<PathBuf>,
    /// Where editors keep their configuration.
    pub editors: PathBuf,
}

impl Dirs {
    /// The XDG folders where their variables are set or the system is a Unix other than macOS; else the platform's own. OpenCode uses XDG's
    /// everywhere.
    #[must_use]
    pub fn from_env(env: &Env) -> Self {
        // Without a home nothing is found: a folder that others may write to, such as the temporary one, would let them configure us.
        let home = PathBuf::from(env.get("HOME").or_else(|| env.get("USERPROFILE")).unwrap_or("/"));
        let xdg = |variable: &str, default: &str| {
            let given = env.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            let set = given.is_some();
            (given.unwrap_or_else(|| home.join(default)), set)
        };
        let (xdg_config, config_set) = xdg("XDG_CONFIG_HOME", ".config");
        let (xdg_data, data_set) = xdg("XDG_DATA_HOME", ".local/share");
        let (xdg_cache, cache_set) = xdg("XDG_CACHE_HOME", ".cache");
        let native = |set: bool, xdg: &Path, mac: &str, windows: &str| {
            if set || (cfg!(unix) && !cfg!(target_os = "macos")) {
                xdg.to_path_buf()
            } else if cfg!(target_os = "macos") {
                home.join(mac)
            } else {
                env.get(windows).map_or_else(|| xdg.to_path_buf(), PathBuf::from)
            }
        };
        let managed = if cfg!(target_os = "macos") {
            PathBuf::from("/Library/Application Support")
        } else if cfg!(windows) {
            env.get("ProgramData").map_or_else(|| PathBuf::from("C:\\ProgramData"), PathBuf::from)
        } else {
            PathBuf::from("/etc")
        };
        let cache = native(cache_set, &xdg_cache, "Library/Caches", "LOCALAPPDATA").join("interline");
        Self {
            config: native(config_set, &xdg_config, "Library/Application Support", "APPDATA").join("interline"),
            data: native(data_set, &xdg_data, "Library/Application Support", "LOCALAPPDATA").join("interline"),
            cache: if cfg!(windows) && !cache_set { cache.join("cache") } else { cache },
            opencode_config: xdg_config.join("opencode"),
            opencode_data: xdg_data.join("opencode"),
            claude: home.join(".claude"),
            managed: vec![managed.join("opencode"), managed.join("interline")],
            editors: xdg_config,
            home,
        }
    }

    /// `path` with a leading `~` or `$HOME` replaced.
    #[must_use]
    pub fn expand(&self, path: &str) -> PathBuf {
        PathBuf::from(expand_home(path, &self.home))
    }
}

/// `text` with a leading `~` or `$HOME` (alone, or before a separator) replaced.
pub(crate) fn expand_home(text: &str, home: &Path) -> String {
    for prefix in ["~", "$HOME"] {
        if let Some(rest) = text.strip_prefix(prefix)
            && (rest.is_empty() || rest.starts_with(['/', '\\']))
        {
            return format!("{}{rest}", home.display());
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_expanded_only_as_a_whole_component() {
        let check = |text: &str, expect: &str| assert_eq!(expand_home(text, Path::new("/home/me")), expect, "{text}");
        check("~", "/home/me");
        check("~/x", "/home/me/x");
        check("$HOME/x", "/home/me/x");
        check("~you/x", "~you/x");
        check("$HOMELY", "$HOMELY");
        check("a/~/b", "a/~/b");
    }

    #[test]
    fn our_variables_come_before_those_of_opencode() {
        let env = Env::from_pairs([
            ("OPENCODE_CONFIG", "o"),
            ("INTERLINE_CONFIG", "i"),
            ("OPENCODE_X", "x"),
            ("INTERLINE_Y", ""),
            ("OPENCODE_F", "TRUE"),
        ]);
        assert_eq!(env.ours("CONFIG"), Some(("INTERLINE_CONFIG".into(), "i")));
        assert_eq!(env.ours("X"), Some(("OPENCODE_X".into(), "x")));
        assert_eq!(env.ours("Y"), None);
        assert!(env.flag("F") && !env.flag("X"));
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn xdg_folders() {
        let dirs = Dirs::from_env(&Env::from_pairs([("HOME", "/h"), ("XDG_DATA_HOME", "/d"), ("XDG_CACHE_HOME", "relative")]));
        assert_eq!(dirs.config, Path::new("/h/.config/interline"));
        assert_eq!(dirs.data, Path::new("/d/interline"));
        assert_eq!(dirs.cache, Path::new("/h/.cache/interline"), "XDG says that relative paths are ignored");
        assert_eq!(dirs.opencode_data, Path::new("/d/opencode"));
    }
}
