//! What command lines may run under rules.

use interline_permission::{Action, Layers, PathKind, Rule, Ruleset, analyze, base_rules, decide, is_read_only, push};

fn rules(list: &[(&str, Action)]) -> Ruleset {
    let mut rules = Ruleset::new();
    for (pattern, action) in list {
        push(&mut rules, "bash", *pattern, *action);
    }
    rules
}

fn narrow() -> Ruleset {
    rules(&[("*", Action::Ask), ("git status*", Action::Allow), ("ls*", Action::Allow), ("echo *", Action::Allow)])
}

fn action(command: &str, user: &[Rule]) -> Action {
    decide(&analyze(command), &Layers { user, ..Layers::default() }).action
}

#[track_caller]
fn check(user: &[Rule], expect: Action, commands: &[&str]) {
    let wrong: Vec<_> =
        commands.iter().filter(|command| action(command, user) != expect).map(|command| (command, analyze(command))).collect();
    assert!(wrong.is_empty(), "not {expect:?}: {wrong:#?}");
}

#[test]
fn what_a_narrow_rule_allows() {
    check(
        &narrow(),
        Action::Allow,
        &[
            "git status --short",
            "git status",
            "ls",
            "ls -la && echo fine",
            "ls -la; echo a 'b c' \"d e\"",
            "ls 2>&1",
            "ls >/dev/null 2>&1",
            "ls 2> /dev/null",
            "ls | ls",
            "ls || echo no",
            "(ls)",
            "{ ls; }",
            "if ls; then echo yes; else echo no; fi",
            "for f in a b; do echo $f; done",
            "echo $HOME \"${USER}\"",
            "echo *.rs",
            "ls \\\n -la",
            "ls # comment",
            "! ls",
            "ls & echo x",
            "cd src && ls",
            "echo '$(touch PWNED)'",
            "echo \"a; touch b\"",
            "echo \\$x",
            "'ls' -la",
            "while ls; do echo x; done",
            "case x in x) ls;; esac",
            "ls 1>&2",
            "echo größe 日本語 '✓' \"é\"",
        ],
    );
}

#[test]
fn redirects_and_lists_ask() {
    check(
        &narrow(),
        Action::Ask,
        &[
            "ls > PWNED",
            "git status >> PWNED",
            "git status | tee PWNED",
            "ls; touch PWNED",
            "ls && touch PWNED",
            "ls || touch PWNED; touch PWNED",
            "git status & touch PWNED",
            "ls\ntouch PWNED",
            "echo x >| PWNED",
            "ls &> PWNED",
            "ls &>> PWNED",
            "ls >& PWNED",
            "ls <> PWNED",
            "> PWNED",
            ">PWNED ls",
            "2>PWNED ls",
            "ls 2>PWNED",
            "ls {fd}>PWNED",
            "{ ls; touch PWNED; }",
            "{ ls; } > PWNED",
            "(ls; touch PWNED)",
            "(ls) > PWNED",
            "if ls; then ls; fi > PWNED",
            "for f in a; do ls; done > PWNED",
            "while ls; do ls; done >> PWNED",
            "ls |& touch PWNED",
            "ls > /dev/null; touch PWNED",
            "ls > /dev/null > PWNED",
            "ls > /dev/tcp/127.0.0.1/80",
            "ls >/dev/null PWNED >x",
            "ls > \"PWNED\"",
            "ls > $X",
            "ls > /dev/nul*",
            "ls < /etc/passwd",
            "echo x>PWNED",
            "echo x 3>PWNED >&3",
            "ls;touch PWNED",
            "ls&&touch PWNED",
            "ls\n\n\ntouch PWNED",
            "ls # x\ntouch PWNED",
            "echo a\\\\; touch PWNED",
            "echo 'a\\'; touch PWNED",
        ],
    );
}

#[test]
fn substitutions_ask() {
    check(
        &narrow(),
        Action::Ask,
        &[
            "ls $(touch PWNED)",
            "echo `touch PWNED`",
            "git status \"$(touch PWNED)\"",
            "ls <(touch PWNED)",
            "echo hi > >(tee PWNED)",
            "echo ${x:-$(touch PWNED)}",
            "echo ${x:=y}",
            "echo ${x@P}",
            "echo ${!x}",
            "echo $((1 + $(touch PWNED; echo 1)))",
            "echo $((a[$(touch PWNED)]))",
            "echo $((x))",
            "echo $[1 + $(touch PWNED)]",
            "bash <<'E'\ntouch PWNED\nE",
            "ls <<E\n$(touch PWNED)\nE",
            "ls <<E\"\"\nx\nE\ntouch PWNED\nE\"\"",
            "ls <<-E\n\tx\n\tE\ntouch PWNED",
            "ls <<\\E\nx\nE\ntouch PWNED",
            "sh <<< 'touch PWNED'",
            "cat <<E | sh\ntouch PWNED\nE",
            "ls \"`touch PWNED`\"",
            "ls $(ls)",
            "ls \"${x:-`touch PWNED`}\"",
            "for i in $(touch PWNED); do ls; done",
            "case $(touch PWNED) in x) ls;; esac",
            "ls ${x/$(touch PWNED)/}",
            "ls $'a\\'; touch PWNED; echo '",
            "ls =(touch PWNED)",
            "ls *(e:'touch PWNED':)",
            "ls $(<x)",
            "ls (touch)",
            "echo a >(touch PWNED)",
            "echo \"$(echo \"$(touch PWNED)\")\"",
            "echo ${x#`touch PWNED`}",
            "echo ${x[$(touch PWNED)]}",
            "ls; : > PWNED",
            "ls 2>&1>PWNED",
            "ls >/dev/null/../../PWNED",
            "echo a;#b\ntouch PWNED",
            "echo \"a\" #\"\ntouch PWNED #\"",
            "ls | while read x; do ls; done",
            "for ((i=0;i<1;i++)); do ls; done",
            "cd $X && ls",
            "cd - && ls",
            "ls <<'E' && touch PWNED\nx\nE",
            "ls <<E; touch PWNED\nx\nE",
            "ls <<A <<B\nx\nA\ny\nB\ntouch PWNED",
            "echo 'a'\"$(touch PWNED)\"'b'",
            "echo a\\`touch PWNED`",
            "echo \"\\\\`touch PWNED`\"",
            "(( x = $(touch PWNED) ))",
            "[[ a -eq 'b[$(touch PWNED)]' ]] && ls",
            "[[ -f $(touch PWNED) ]]",
            "[ -v 'a[$(touch PWNED)]' ]",
            "test -v 'a[$(touch PWNED)]' && ls",
        ],
    );
}

#[test]
fn wrappers_and_code_ask() {
    check(
        &narrow(),
        Action::Ask,
        &[
            "env touch PWNED",
            "env",
            "env ls",
            "env -S 'touch PWNED'",
            "sudo ls",
            "sudo ls; sudo touch PWNED",
            "doas touch PWNED",
            "sh -c 'touch PWNED'",
            "sh",
            "ls | sh",
            "ls | xargs touch PWNED",
            "echo PWNED | xargs touch",
            "ls | xargs ls",
            "timeout 5 touch PWNED",
            "timeout 5 ls",
            "nohup touch PWNED",
            "eval 'touch PWNED'",
            "eval ls",
            "exec touch PWNED",
            "exec ls",
            "command touch PWNED",
            "command ls",
            "builtin eval 'touch PWNED'",
            "find . -name a.txt -exec touch PWNED ';'",
            "find . -delete",
            "python3 -c 'open(\"PWNED\",\"w\")'",
            "perl -e 'open F, \">PWNED\"'",
            "awk 'BEGIN{system(\"touch PWNED\")}'",
            "node -e 1",
            "ruby -e 1",
            "php -r 1",
            "bash -lc \"touch PWNED\"",
            "/bin/bash -c 'touch PWNED'",
            "time touch PWNED",
            "nice touch PWNED",
            "stdbuf -oL touch PWNED",
            "setsid touch PWNED",
            "watch touch PWNED",
            "parallel touch ::: PWNED",
            "ssh host touch PWNED",
            "busybox touch PWNED",
            "su -c 'touch PWNED'",
            "source x.sh",
            ". ./x.sh",
            "trap 'touch PWNED' EXIT; ls",
            "read x; ls",
            "hash -p /tmp/x ls; ls",
            "enable -f x.so ls; ls",
            "/bin/ls",
            "./ls",
            "../ls",
        ],
    );
}

#[test]
fn quoting_names_and_git_ask() {
    check(
        &narrow(),
        Action::Ask,
        &[
            "t\"o\"uch PWNED",
            "\\touch PWNED",
            "$'touch' PWNED",
            "$'\\x6cs'",
            "X=touch; $X PWNED",
            "X=1 ls",
            "PATH=. ls",
            "LD_PRELOAD=./x.so ls",
            "X=1",
            "a=(1 2); ls",
            "export PATH=.; ls",
            "declare PATH=.; ls",
            "for PATH in .; do ls; done",
            "select x in a; do touch PWNED; done",
            "alias ls='touch PWNED'; ls",
            "ls() { touch PWNED; }; ls",
            "function ls { touch PWNED; }; ls",
            "git -c core.pager='touch PWNED' --paginate status",
            "git -c core.fsmonitor='touch PWNED; false' status",
            "GIT_PAGER='touch PWNED' git --paginate status",
            "git --exec-path=. status; touch PWNED",
            "if ls; then touch PWNED; fi",
            "for i in 1; do touch PWNED; done",
            "while ls; do touch PWNED; done",
            "until ls; do touch PWNED; done",
            "! touch PWNED",
            "ls \\\n; touch PWNED",
            "coproc touch PWNED",
            "coproc ls",
            "case x in x) touch PWNED;; esac",
            "{touch,PWNED}",
            "l{s,} PWNED",
            "/bin/tou?h PWNED",
            "\"ls; touch PWNED\"",
            "\"ls \"",
            "\"\" ls",
            "$X",
            "ls$X",
            "\"l$X\"",
            "~/ls",
            "LS",
            "git  -C /x status",
        ],
    );
}

#[test]
fn what_cannot_be_read_asks() {
    let all = rules(&[("*", Action::Allow)]);
    let broken = [
        "ls 'unclosed",
        "ls $(",
        "ls ; ; touch PWNED",
        "echo )( ; touch PWNED",
        "ls \"a",
        "if ls",
        "ls | ",
        "ls `",
        "(ls",
        "ls \r touch",
        "ls\u{a0}x",
        "ls\u{0}x",
    ];
    check(&narrow(), Action::Ask, &broken);
    check(&all, Action::Ask, &broken);
    check(&narrow(), Action::Ask, &["", "   ", "\n", "# only a comment", ";"]);
    check(&narrow(), Action::Ask, &["echo \\ #x; touch PWNED", "echo a\\\n#b; touch PWNED", "echo a#b; touch PWNED"]);
    let huge = [
        format!("ls {}", "a ".repeat(500_000)),
        "(".repeat(10_000),
        format!("{}ls{}", "(".repeat(10_000), ")".repeat(10_000)),
        "$(".repeat(10_000),
        "{ ".repeat(9_000),
        "\"$(".repeat(8_000),
        "<<E ".repeat(8_000),
        "if ".repeat(9_000),
        "[[ ( ".repeat(6_000),
        "${x:-".repeat(5_000),
        "`\\".repeat(9_000),
        "((".repeat(9_000),
        "a|".repeat(15_000),
        "a|".repeat(1_000),
        "a;".repeat(16_000),
        "a&&".repeat(10_000),
        "pwd x\n".repeat(5_000),
        "<<E\n".repeat(1_000),
        "a=(".repeat(9_000),
        "case x in ".repeat(3_000),
        "$((".repeat(9_000),
        "!(".repeat(9_000),
        "ls > ".repeat(6_000),
    ];
    for command in &huge {
        assert_eq!(action(command, &narrow()), Action::Ask, "{}", &command[..20]);
    }
}

#[test]
fn options_that_run_or_write_ask() {
    let user = rules(&[
        ("*", Action::Ask),
        ("git *", Action::Allow),
        ("find *", Action::Allow),
        ("sort *", Action::Allow),
        ("rg *", Action::Allow),
        ("sed *", Action::Allow),
        ("python *", Action::Allow),
        ("bash *", Action::Allow),
        ("timeout *", Action::Allow),
        ("npm *", Action::Allow),
        ("tar *", Action::Allow),
        ("awk *", Action::Allow),
        ("tee *", Action::Allow),
        ("xargs *", Action::Allow),
        ("sudo *", Action::Allow),
    ]);
    check(
        &user,
        Action::Ask,
        &[
            "git -c core.pager=x log",
            "git -ccore.pager=x log",
            "git --config-env=core.pager=X log",
            "git --paginate log",
            "git -p log",
            "git --exec-path=. log",
            "git --git-dir=x log",
            "git log --output=PWNED",
            "git log --outp=PWNED",
            "git diff --ext-diff",
            "git grep -Otouch x",
            "git grep --open-files-in-pager=touch x",
            "git rebase -x 'touch PWNED' HEAD",
            "git bisect run touch PWNED",
            "git submodule foreach 'touch PWNED'",
            "git config alias.x '!touch PWNED'",
            "git clone ext::sh x",
            "git fetch --upload-pack='touch PWNED' x",
            "git $X",
            "git log $X",
            "git log --{output,x}=PWNED",
            "find . -exec touch PWNED +",
            "find . -execdir touch PWNED ';'",
            "find . -ok touch PWNED ';'",
            "find . -fprint PWNED",
            "find . >/dev/null -delete",
            "find . $X",
            "find . -{delete,x}",
            "sort -o PWNED a",
            "sort a -oPWNED",
            "sort -ro PWNED a",
            "sort --out=PWNED a",
            "sort --compress-program=x a",
            "rg --pre=x y",
            "sed -i s/a/b/ f",
            "sed -n -i s/a/b/ f",
            "sed 1e\\ touch f",
            "sed 's/a/touch PWNED/e' f",
            "sed 's/a/b/w PWNED' f",
            "sed 'w PWNED' f",
            "sed -f x f",
            "python",
            "python -c 1",
            "python -",
            "bash",
            "bash -c ls",
            "bash -x x.sh",
            "timeout 5 touch PWNED",
            "timeout --x=y 5 npm test",
            "timeout 5 timeout 5 touch PWNED",
            "tar --to-command=x -xf a",
            "tar -I x -xf a",
            "tar --checkpoint-action=exec=x -xf a",
            "awk 1",
            "tee PWNED",
            "xargs npm test",
            "sudo npm test",
        ],
    );
    check(
        &user,
        Action::Allow,
        &[
            "git log -p --oneline -5",
            "git diff HEAD~1 -- src/a.rs",
            "git commit -m 'a message'",
            "git add *.rs",
            "git --no-pager log",
            "git push origin main",
            "find . -name '*.rs' -type f",
            "sort -u a",
            "rg -n foo src",
            "sed -n 1,5p f",
            "sed 's/a/b/g' f",
            "python x.py",
            "python -m pytest",
            "bash x.sh",
            "timeout 5 npm test",
            "timeout -k 1 -s KILL 5 npm test",
            "tar -xf a.tar",
        ],
    );
}

#[test]
fn denied_is_denied_everywhere() {
    let user = rules(&[("*", Action::Allow), ("rm *", Action::Deny)]);
    check(
        &user,
        Action::Deny,
        &[
            "rm x",
            "rm",
            "ls; rm x",
            "r\"m\" x",
            "'rm' x",
            "\\rm x",
            "/bin/rm x",
            "sudo rm x",
            "sudo -u root rm x",
            "env A=1 rm x",
            "A=1 rm x",
            "timeout 5 rm x",
            "nice -n 5 nohup rm x",
            "ls | xargs rm",
            "ls | xargs -n 1 rm",
            "find . -exec rm {} +",
            "sh -c 'rm x'",
            "bash -lc \"sh -c 'rm x'\"",
            "eval 'rm x'",
            "eval rm x",
            "echo $(rm x)",
            "echo `rm x`",
            "echo \"${x:-$(rm x)}\"",
            "cat <(rm x)",
            "f() { rm x; }",
            "trap 'rm x' EXIT",
            "command rm x",
            "exec rm x",
            "builtin eval 'rm x'",
            "coproc rm x",
            "time rm x",
            "! rm x",
            "if true; then rm x; fi",
            "cat <<E\n$(rm x)\nE",
            "rm x > y",
            "X=1; rm $X",
        ],
    );
    check(
        &user,
        Action::Allow,
        &["ls > x", "A=1 npm test", "echo $(ls)", "sudo ls", "python -c 1", "cat <<E\nx\nE", "npm run x 2>&1 | tail -5"],
    );
    check(&user, Action::Ask, &["$X y", "r${X}m y"]);
    check(
        &rules(&[("*", Action::Allow)]),
        Action::Allow,
        &["$X y", "eval $X", "f() { ls; }; f", "source x", "rm -rf x", "ls > x", "cat <<'E' > f\nx\nE"],
    );
    check(&base_rules(&[]).into_iter().collect::<Vec<_>>(), Action::Allow, &["npm test", "ls | sh"]);
}

#[test]
fn denied_is_denied_behind_options() {
    let user = rules(&[("*", Action::Allow), ("git push*", Action::Deny), ("kubectl delete *", Action::Deny), ("rm -rf *", Action::Deny)]);
    check(
        &user,
        Action::Deny,
        &[
            "git push",
            "git -C . push",
            "git --no-pager push origin",
            "git -c a.b=c push",
            "git --git-dir=x push",
            "git -P -C x -c a=b push",
            "/usr/bin/git -C . push",
            "kubectl -n prod delete pod x",
            "kubectl --context=x -v 5 delete pod x",
        ],
    );
    check(
        &user,
        Action::Allow,
        &[
            "git",
            "git -C",
            "git -C . status",
            "git log --grep push",
            "git commit -m push",
            "git -C x commit -m push",
            "rm -r x",
            "rm -r -f x",
        ],
    );
    // What the user allows by name stays allowed.
    check(&rules(&[("*", Action::Deny), ("git --no-pager *", Action::Allow)]), Action::Allow, &["git --no-pager push"]);
    check(&rules(&[("git *", Action::Deny), ("git -C . *", Action::Allow)]), Action::Allow, &["git -C . push"]);
}

#[test]
fn last_match_wins() {
    let user =
        rules(&[("*", Action::Deny), ("echo *", Action::Allow), ("echo secret*", Action::Deny), ("echo secret but fine", Action::Allow)]);
    check(
        &user,
        Action::Allow,
        &["echo hello", "echo secret but fine", "echo 'secret but fine'", "echo  secret   but fine", "cd x && echo hello"],
    );
    check(
        &user,
        Action::Deny,
        &["echo secret word", "printf hello", "echo \"secret\" word", "echo s\\ecret", "echo hello; echo secret", "rm x"],
    );
}

#[test]
fn always_allows_as_much_as_it_says() {
    let user = rules(&[("*", Action::Ask), ("echo *", Action::Allow)]);
    let mut approved = Ruleset::new();
    let ask = |command: &str, approved: &[Rule]| decide(&analyze(command), &Layers { user: &user, approved, ..Layers::default() });

    let first = ask("npm test --silent || echo ran-1", &approved);
    assert_eq!((first.action, first.always_ask), (Action::Ask, false));
    assert_eq!(first.ask_patterns, ["npm test --silent"]);
    assert_eq!(first.always, ["npm test *"]);
    push(&mut approved, "bash", "npm test *", Action::Allow);
    assert_eq!(ask("npm test --silent || echo ran-2", &approved).action, Action::Allow);
    assert_eq!(ask("npm test", &approved).action, Action::Allow);
    assert_eq!(ask("npm tests", &approved).action, Action::Ask);
    assert_eq!(ask("touch other.txt", &approved).ask_patterns, ["touch other.txt"]);

    let odd = ask("npm test * > out && FOO=1 ls", &approved);
    assert_eq!((odd.action, odd.always_ask), (Action::Ask, true));
    assert_eq!(odd.always, ["npm test * > out && FOO=1 ls"]);
    push(&mut approved, "bash", odd.always[0].clone(), Action::Allow);
    push(&mut approved, "bash", "npm *", Action::Allow);
    assert_eq!(ask("npm test * > out && FOO=1 ls", &approved).action, Action::Allow);
    assert_eq!(ask("npm test x > out && FOO=1 ls", &approved).action, Action::Ask);
    assert_eq!(ask("npm test * > out && FOO=1 ls; touch x", &approved).action, Action::Ask);

    let always = |command: &str| ask(command, &[]).always;
    assert_eq!(always("git remote add x y"), ["git remote add *"]);
    assert_eq!(always("git push"), ["git push *"]);
    assert_eq!(always("docker compose up -d"), ["docker compose up *"]);
    assert_eq!(always("frobnicate a; touch b; touch c"), ["frobnicate *", "touch *"]);
    assert_eq!(always("frobnicaté ü"), ["frobnicaté *"]);
    assert_eq!(always("aws s3 ls x"), ["aws s3 ls *"]);
}

#[test]
fn paths_are_named() {
    #[track_caller]
    fn check(command: &str, expect: &[(&str, PathKind)]) {
        let analysis = analyze(command);
        let paths: Vec<_> = analysis.paths.iter().map(|path| (path.text.as_str(), path.kind)).collect();
        assert_eq!(paths, expect, "{command}");
    }
    use PathKind::{Cd, Read, Write};
    check("cat /x/secret.txt", &[("/x/secret.txt", Read)]);
    check("cd ../../elsewhere && rm secret.txt", &[("../../elsewhere", Cd), ("secret.txt", Write)]);
    check("echo x > /x/new.txt", &[("/x/new.txt", Write)]);
    check("echo x >> '/x/a b' 2>/dev/null", &[("/x/a b", Write)]);
    check("sort < ~/x", &[("~/x", Read)]);
    check("cd", &[("~", Cd)]);
    check("cp a ../b", &[("a", Read), ("../b", Write)]);
    check("rm -rf /x/*.rs", &[("/x/", Write)]);
    check("ls | tee a /b", &[("a", Write), ("/b", Write)]);
    check("dd if=/dev/zero of=x", &[("/dev/zero", Read), ("x", Write)]);
    check("sudo rm /x", &[("/x", Read), ("/x", Write)]);
    check("sh -c 'rm /x'", &[("/x", Write)]);
    check("echo $(cat /x)", &[("/x", Read)]);
    check("grep -n foo /x", &[("/x", Read)]);
    check("grep /foo x", &[]);
    check("python /x/y.py --out=/z", &[("/x/y.py", Read), ("/z", Write)]);
    check("git -C /x status", &[("/x", Cd), ("/x", Read)]);
    check("echo /x", &[]);
    check("sed -i s/a/b/ f", &[("f", Write)]);
    check("touch a; mkdir -p b", &[("a", Write), ("b", Write)]);
    check("x=/o; cat $x/s", &[("/o", Read), ("$x/s", Read)]);
    check("x=/o cat s", &[("s", Read)]);
    check("export P=/o:$P; make", &[]);
    assert!(!analyze("rm $X").paths[0].literal);
}

#[test]
fn paths_within_words_are_named() {
    #[track_caller]
    fn check(command: &str, expect: &str) {
        let analysis = analyze(command);
        assert!(analysis.paths.iter().any(|path| path.text == expect), "{command}: {:?}", analysis.paths);
    }
    check("cat {/o/s.txt,a}", "/o/s.txt");
    check("cat {a,/o/s.txt}", "/o/s.txt");
    check("cat $'/o/s.txt'", "/o/s.txt");
    check("cat ${x:-/o/s.txt}", "/o/s.txt");
    check("tool {~/s,a}", "~/s");
    check("tool --in={/o,a}", "/o");
}

#[test]
fn only_readers_are_read_only() {
    let yes = [
        "ls",
        "cat a | grep b",
        "git status && git diff HEAD",
        "git --no-pager log -5",
        "find . -name x",
        "rg foo",
        "cd src && ls",
        "head -5 a 2>/dev/null",
        "wc -l a",
    ];
    let no = [
        "rm a",
        "ls > x",
        "git commit",
        "git branch x",
        "git log --output=x",
        "find . -delete",
        "find . -exec cat {} +",
        "echo $(ls)",
        "sort -o a a",
        "sed -i s/a/b/ f",
        "npm test",
        "X=1 ls",
        "ls | tee a",
        "ls | xargs cat",
        "",
        "ls 'x",
        "./ls",
        "uniq a b",
        "date -s x",
        "hostname evil",
        "git",
    ];
    for command in yes {
        assert!(is_read_only(&analyze(command)), "{command}: {:#?}", analyze(command));
    }
    for command in no {
        assert!(!is_read_only(&analyze(command)), "{command}");
    }
}
