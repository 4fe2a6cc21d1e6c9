//! The private repository that pictures of a project are written to.
//!
//! **Invariant:** its files are used by one process at a time; blobs hold the files' bytes as they are on the disk, unfiltered.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Trouble;
use crate::disk;

/// Larger projects are not looked at: each command would wait too long.
const MAX_FILES: usize = 50_000;
/// Larger files that git does not know yet are left out: most are built or downloaded. In bytes.
const MAX_NEW_FILE: u64 = 2 << 20;
/// A command that changed more than this is not undone file by file.
const MAX_CHANGES: usize = 5_000;
/// All that the changed files held before, in bytes.
const MAX_CONTENTS: u64 = 64 << 20;
/// So many loose objects in one of the 256 folders mean that it is time to begin anew (git's own measure).
const MANY_OBJECTS: usize = 27;

/// A file that differs between two trees.
#[derive(Debug)]
pub(super) struct TreeChange {
    /// Below the project's root.
    pub path: PathBuf,
    /// What it held before; none if it did not exist.
    before: Option<String>,
    /// Whether it was executable before.
    pub executable: bool,
}

/// The private repository.
#[derive(Debug)]
pub(super) struct Repository {
    git_dir: PathBuf,
    work_tree: PathBuf,
    root: PathBuf,
    /// The root below the work tree, with a slash at the end; empty if they are one.
    prefix: Vec<u8>,
    /// The last tree, and the index that it was written from.
    last: Option<(Option<(u64, i128)>, String)>,
}

impl Repository {
    /// Opens it, or makes it.
    pub async fn open(git_dir: &Path, root: &Path) -> Result<Self, Trouble> {
        // Looked for by hand first: most folders without a repository cost no process.
        if !is_below_one(root) {
            return Err(Trouble::NoRepository);
        }
        let arguments = ["rev-parse", "--show-toplevel", "--show-object-format", "--git-common-dir", "--absolute-git-dir", "--show-prefix"];
        let answer = run(bare_git(root).args(arguments), "rev-parse", Vec::new()).await.map_err(|trouble| match trouble {
            Trouble::Failed { .. } => Trouble::NoRepository,
            other => other,
        })?;
        let lines: Vec<&[u8]> = answer.split(|byte| *byte == b'\n').collect();
        let [top, format, common, dir, prefix, ..] = lines[..] else { return Err(Trouble::NoRepository) };
        let real =
            Real { common: root.join(OsStr::from_bytes(common)), dir: PathBuf::from(OsStr::from_bytes(dir)), sha256: format == b"sha256" };
        let repository = Self {
            git_dir: git_dir.to_owned(),
            work_tree: PathBuf::from(OsStr::from_bytes(top)),
            root: root.to_owned(),
            prefix: prefix.to_vec(),
            last: None,
        };
        let _lock = repository.lock().await?;
        repository.create(&real).await?;
        Ok(repository)
    }

    async fn create(&self, real: &Real) -> Result<(), Trouble> {
        let sample = self.git_dir.join("objects/17");
        if fs::read_dir(sample).is_ok_and(|objects| objects.count() > MANY_OBJECTS) {
            fs::remove_dir_all(self.git_dir.join("objects"))?;
            fs::remove_file(self.git_dir.join("index"))?;
        }
        for folder in ["objects/info", "refs", "info"] {
            fs::create_dir_all(self.git_dir.join(folder))?;
        }
        let put = |name: &str, bytes: &[u8]| disk::write_atomic(&self.git_dir.join(name), bytes, None);
        put("HEAD", b"ref: refs/heads/none\n")?;
        let format = if real.sha256 { "1\n[extensions]\nobjectFormat = sha256\n" } else { "0\n" };
        put("config", format!("[core]\nrepositoryFormatVersion = {format}").as_bytes())?;
        put("objects/info/alternates", &[real.common.join("objects").as_os_str().as_bytes(), b"\n"].concat())?;
        // Before all others: no conversion of line ends, no large file storage.
        put("info/attributes", b"* -text -eol -filter -ident -working-tree-encoding\n")?;
        let exclude = fs::read(real.common.join("info/exclude")).unwrap_or_default();
        put("info/exclude", &[&exclude, &b"\n.interline/\n"[..]].concat())?;
        let index = self.git_dir.join("index");
        if !index.exists() && real.files_are_as_stored(&self.root).await? {
            // With the times of all files in it: nothing has to be read again.
            let theirs = real.dir.join("index");
            if let Ok(meta) = fs::metadata(&theirs) {
                fs::copy(&theirs, &index)?;
                disk::set_mtime(&index, disk::mtime_ns(&meta))?;
                // One that is split, or of a newer kind, cannot be read here.
                if self.git(&["ls-files", "-z", "--", "."], "ls-files", Vec::new()).await.is_err() {
                    fs::remove_file(&index)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the project as it is now; the tree's name. Most commands change nothing: that costs one process.
    pub async fn write_tree(&mut self) -> Result<String, Trouble> {
        let _lock = self.lock().await?;
        let list = ["ls-files", "-t", "-o", "-m", "-d", "-z", "--exclude-standard", "--", "."];
        let differing = self.git(&list, "ls-files", Vec::new()).await?;
        if let Some((index, tree)) = &self.last
            && differing.is_empty()
            && *index == self.index_state()
        {
            return Ok(tree.clone());
        }
        self.leave_out_large_files(&differing)?;
        self.git(&["add", "-A", "--ignore-errors", "--", "."], "add", Vec::new()).await.or_else(|trouble| match trouble {
            // A file that may not be read: the others are in.
            Trouble::Failed { stderr, .. } if !stderr.contains("fatal:") => Ok(Vec::new()),
            other => Err(other),
        })?;
        let tree = self.git(&["write-tree"], "write-tree", Vec::new()).await?;
        let tree = String::from_utf8_lossy(&tree).trim().to_owned();
        self.last = Some((self.index_state(), tree.clone()));
        Ok(tree)
    }

    /// Tells whether the index was written since, by another process of this project.
    fn index_state(&self) -> Option<(u64, i128)> {
        fs::metadata(self.git_dir.join("index")).ok().map(|meta| (meta.ino(), disk::mtime_ns(&meta)))
    }

    /// `differing` is what differs from the index, as `ls-files -t -z` tells it.
    fn leave_out_large_files(&self, differing: &[u8]) -> Result<(), Trouble> {
        let known = index_length(&self.git_dir.join("index"));
        let new: Vec<&[u8]> = differing.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(b"? ")).collect();
        if known + new.len() > MAX_FILES {
            return Err(Trouble::TooMany(known + new.len()));
        }
        let large = |path: &&&[u8]| {
            fs::symlink_metadata(self.root.join(OsStr::from_bytes(path))).is_ok_and(|meta| meta.is_file() && meta.len() > MAX_NEW_FILE)
        };
        let large: Vec<&&[u8]> = new.iter().filter(large).collect();
        if !large.is_empty() {
            let file = self.git_dir.join("info/exclude");
            let mut exclude = fs::read(&file)?;
            for path in large {
                tracing::info!(path = %String::from_utf8_lossy(path), "a large new file: commands' changes of it are not undone");
                exclude.push(b'/');
                exclude.extend(&self.prefix);
                for byte in *path {
                    if br"\*?[ #!".contains(byte) {
                        exclude.push(b'\\');
                    }
                    exclude.push(*byte);
                }
                exclude.push(b'\n');
            }
            disk::write_atomic(&file, &exclude, None)?;
        }
        Ok(())
    }

    /// What git ignores below the root, each with whether it is a whole folder.
    pub async fn ignored(&self) -> Result<Vec<(PathBuf, bool)>, Trouble> {
        let list = ["ls-files", "-o", "-i", "--directory", "-z", "--exclude-standard", "--", "."];
        let listed = self.git(&list, "ls-files", Vec::new()).await?;
        let entry = |name: &[u8]| match name.strip_suffix(b"/") {
            Some(folder) => (PathBuf::from(OsString::from_vec(folder.to_vec())), true),
            None => (PathBuf::from(OsString::from_vec(name.to_vec())), false),
        };
        Ok(listed.split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(entry).collect())
    }

    /// What differs between two trees: files; and the links and submodules among it.
    pub async fn diff(&self, before: &str, after: &str) -> Result<(Vec<TreeChange>, Vec<PathBuf>), Trouble> {
        let raw = self.git(&["diff-tree", "-r", "-z", "--raw", "--no-renames", before, after], "diff-tree", Vec::new()).await?;
        let mut fields = raw.split(|byte| *byte == 0);
        let (mut changes, mut links) = (Vec::new(), Vec::new());
        // `:old-mode new-mode old-name new-name status`, then the path.
        while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
            let head = String::from_utf8_lossy(head);
            let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
            let ([old_mode, new_mode, old, ..], Some(path)) = (&words[..], path.strip_prefix(&self.prefix[..])) else { continue };
            if ![old_mode, new_mode].iter().all(|mode| mode.starts_with("100") || **mode == "000000") {
                links.push(PathBuf::from(OsString::from_vec(path.to_vec())));
                continue;
            }
            changes.push(TreeChange {
                path: PathBuf::from(OsString::from_vec(path.to_vec())),
                before: (*old_mode != "000000").then(|| (*old).to_owned()),
                executable: *old_mode == "100755",
            });
        }
        if changes.len() > MAX_CHANGES { Err(Trouble::TooMuch(format!("{} files", changes.len()))) } else { Ok((changes, links)) }
    }

    /// What the files held before, in the order of `changes`.
    pub async fn contents(&self, changes: &[TreeChange]) -> Result<Vec<Option<Vec<u8>>>, Trouble> {
        let names: String = changes.iter().filter_map(|change| change.before.as_ref()).flat_map(|name| [name, "\n"]).collect();
        let output = if names.is_empty() { Vec::new() } else { self.git(&["cat-file", "--batch"], "cat-file", names.into_bytes()).await? };
        let mut rest = &output[..];
        let mut next = || {
            // `name blob length`, the bytes, a line end.
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let length: usize = std::str::from_utf8(&rest[..end]).ok()?.rsplit_once(' ')?.1.parse().ok()?;
            let bytes = rest.get(end + 1..end + 1 + length)?.to_vec();
            rest = rest.get(end + 2 + length..)?;
            Some(bytes)
        };
        changes
            .iter()
            .map(|change| match change.before {
                None => Ok(None),
                Some(_) => {
                    next().map(Some).ok_or_else(|| Trouble::Failed { command: "cat-file".into(), stderr: "a blob is missing".into() })
                }
            })
            .collect()
    }

    async fn git(&self, arguments: &[&str], name: &str, input: Vec<u8>) -> Result<Vec<u8>, Trouble> {
        let mut command = bare_git(&self.root);
        command
            .env("GIT_DIR", &self.git_dir)
            .env("GIT_WORK_TREE", &self.work_tree)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "core.autocrlf=false"]);
        run(command.args(arguments), name, input).await
    }

    /// Keeps other processes of the same project away. A lock that git left when it was killed is removed.
    async fn lock(&self) -> Result<File, Trouble> {
        fs::create_dir_all(&self.git_dir)?;
        let file = File::options().create(true).truncate(false).write(true).open(self.git_dir.join("interline.lock"))?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // The caller has a time-out.
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(3)).await,
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        match fs::remove_file(self.git_dir.join("index.lock")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(file),
        }
    }
}

/// Whether a folder lies in a repository, by the looks of it.
pub(super) fn is_below_one(folder: &Path) -> bool {
    folder.ancestors().any(|folder| folder.join(".git").exists())
}

/// The user's repository.
struct Real {
    common: PathBuf,
    dir: PathBuf,
    sha256: bool,
}

impl Real {
    /// Whether files are on the disk as they are in the repository: no line ends converted, nothing filtered. Only then its index holds for raw bytes.
    async fn files_are_as_stored(&self, root: &Path) -> Result<bool, Trouble> {
        if self.common.join("info/attributes").exists() {
            return Ok(false);
        }
        let attributes = run(bare_git(root).args(["ls-files", "--", ":(top,glob)**/.gitattributes"]), "ls-files", Vec::new()).await?;
        let configured =
            run(bare_git(root).args(["config", "--get-regexp", r"^core\.(autocrlf|attributesfile|eol)$"]), "config", Vec::new()).await;
        Ok(attributes.is_empty() && configured.is_err())
    }
}

/// How many files an index holds: its third word.
fn index_length(index: &Path) -> usize {
    let mut head = [0; 12];
    match File::open(index).and_then(|mut file| io::Read::read_exact(&mut file, &mut head)) {
        Ok(()) => u32::from_be_bytes([head[8], head[9], head[10], head[11]]) as usize,
        Err(_) => 0,
    }
}

/// git in a folder, with none of the variables that would lead it elsewhere, and none of the user's programs.
fn bare_git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"GIT_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
    command
}

/// Runs git; what it wrote.
async fn run(command: &mut Command, name: &str, input: Vec<u8>) -> Result<Vec<u8>, Trouble> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child =
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(Trouble::NoGit)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut pipe) = stdin {
            pipe.write_all(&input).await?;
        }
        io::Result::Ok(())
    };
    let (fed, output, errors) = tokio::join!(feed, read(stdout), read(stderr));
    let output = output?;
    if output.len() as u64 > MAX_CONTENTS {
        return Err(Trouble::TooMuch(format!("more than {} MiB", MAX_CONTENTS >> 20)));
    }
    fed?;
    if child.wait().await?.success() {
        return Ok(output);
    }
    Err(Trouble::Failed { command: name.to_owned(), stderr: String::from_utf8_lossy(&errors?).trim().to_owned() })
}

/// Reads a pipe to its end, or to a byte more than is allowed.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(MAX_CONTENTS + 1).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}
