//! **Invariant:** see `disk.rs`; these tests look at the folder itself after each write.

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn put(path: PathBuf, text: &str) -> Write {
    Write::put(&path, text.into(), None)
}

#[test]
fn a_byte_order_mark_is_taken_off_and_remembered() {
    let dir = folder();
    let path = dir.path().join("a");
    fs::write(&path, "\u{feff}x\r\n").unwrap();
    let file = read_file(&path).unwrap();
    assert!(file.bom);
    assert_eq!(file.text.to_string(), "x\r\n");
    assert_eq!(read_content(&path).unwrap().unwrap().to_bytes(), "\u{feff}x\r\n".as_bytes());
}

#[test]
fn what_is_no_text_is_told_by_name() {
    let dir = folder();
    let check = |bytes: &[u8], expect: &str| {
        let path = dir.path().join("a");
        fs::write(&path, bytes).unwrap();
        let got = match read_file(&path) {
            Ok(file) => file.text.to_string(),
            Err(error) => error.to_string().replace(&path.display().to_string(), "a"),
        };
        assert_eq!(got, expect);
    };
    check(b"a\0b", "a is a binary file, or text that is not UTF-8");
    check(b"\xff\xfe", "a is a binary file, or text that is not UTF-8");
    check(b"\x01\x02ab", "a is a binary file, or text that is not UTF-8");
    check(b"", "");
    check("zwölf\t猫\n".as_bytes(), "zwölf\t猫\n");
    assert!(matches!(read_file(dir.path()), Err(ReadError::IsDirectory(_))));
    assert!(matches!(read_file(&dir.path().join("none")), Err(ReadError::NotFound(_))));
    assert!(matches!(read_file(&dir.path().join("a/none")), Err(ReadError::NotFound(_))));
}

#[test]
fn a_write_keeps_the_mode_and_the_link() {
    let dir = folder();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::write(&real, "old").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o751)).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    write_atomic(&link, b"new", None).unwrap();
    assert_eq!(fs::read(&real).unwrap(), b"new");
    assert_eq!(fs::metadata(&real).unwrap().mode() & MODE, 0o751);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(dir.path()), ["link", "real"]);
}

#[test]
fn a_new_file_gets_its_folders_and_the_usual_mode() {
    let dir = folder();
    let path = dir.path().join("x/y/z");
    write_atomic(&path, b"new", None).unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode(), fs::metadata(&plain).unwrap().mode());
    assert_eq!(names(path.parent().unwrap()), ["z"]);
}

#[test]
fn if_one_of_several_fails_all_are_as_before() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("a"), "a").unwrap();
    fs::write(at("b"), "b").unwrap();
    let gone = Write::delete(&at("missing"));
    let removed = Write::delete(&at("b"));
    let (path, _) = write_all(vec![put(at("a"), "A"), removed, put(at("n/new"), "N"), gone]).unwrap_err();
    assert_eq!(path, at("missing"));
    assert_eq!((fs::read(at("a")).unwrap(), fs::read(at("b")).unwrap()), (b"a".to_vec(), b"b".to_vec()));
    assert_eq!(names(dir.path()), ["a", "b"]);
}

#[test]
fn a_file_is_no_folder() {
    let dir = folder();
    fs::write(dir.path().join("file"), "x").unwrap();
    let (_, error) = write_all(vec![put(dir.path().join("file/deep/new"), "x")]).unwrap_err();
    assert!(error.to_string().contains("file is a file, not a folder"), "{error}");
}

#[test]
fn a_new_file_does_not_replace_one_that_is_there() {
    let dir = folder();
    let path = dir.path().join("a");
    fs::write(&path, "old").unwrap();
    let (_, error) = write_all(vec![Write { new: true, ..put(path.clone(), "new") }]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn the_time_of_writing_is_set_to_the_nanosecond() {
    let dir = folder();
    let path = dir.path().join("a");
    fs::write(&path, "").unwrap();
    set_mtime(&path, 1_234_567_890_123_456_789).unwrap();
    assert_eq!(mtime_ns(&fs::metadata(&path).unwrap()), 1_234_567_890_123_456_789);
}

#[test]
fn line_ends() {
    let check = |text, expect| assert_eq!(majority_crlf(text), expect, "{text:?}");
    check("a\r\nb\r\nc\n", true);
    check("a\nb\r\n", false);
    check("", false);
    assert_eq!(with_line_ends("a\r\nb\n", true), "a\r\nb\r\n");
    assert_eq!(with_line_ends("a\r\nb\n", false), "a\nb\n");
}
