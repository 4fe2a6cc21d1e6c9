//! What holds for all rules and all command lines.

use interline_permission::{
    Action, Layers, Rule, Ruleset, analyze, base_rules, decide, directory_pattern, evaluate, expand_home, is_hidden, is_read_only, matches,
    push,
};
use proptest::prelude::*;

fn rule((permission, pattern, action): (&str, &str, Action)) -> Rule {
    Rule { permission: permission.into(), pattern: pattern.into(), action }
}

/// The plainest matcher there is.
fn naive(value: &[char], pattern: &[char]) -> bool {
    match (value, pattern) {
        ([], []) => true,
        (_, ['*', rest @ ..]) => naive(value, rest) || (!value.is_empty() && naive(&value[1..], pattern)),
        ([_, value @ ..], ['?', rest @ ..]) => naive(value, rest),
        ([a, value @ ..], [b, rest @ ..]) => a == b && naive(value, rest),
        _ => false,
    }
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![Just(Action::Allow), Just(Action::Ask), Just(Action::Deny)]
}

fn ruleset() -> impl Strategy<Value = Ruleset> {
    prop::collection::vec(
        ("[a*]{1,2}", "[ab*?]{0,4}", action()).prop_map(|(permission, pattern, action)| Rule { permission, pattern, action }),
        0..6,
    )
}

fn forbidden() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("touch PWNED"),
        Just("'touch' PWNED"),
        Just("t\"ou\"ch PWNED"),
        Just("\\touch PWNED"),
        Just("$'touch' PWNED"),
        Just("/bin/touch PWNED"),
        Just("X=touch; $X PWNED"),
        Just("ls > PWNED"),
        Just("git -c core.pager='touch PWNED' -p status"),
        Just("{touch,PWNED}"),
        Just("to?ch PWNED"),
    ];
    word.prop_map(str::to_owned).prop_recursive(5, 20, 1, |inner| {
        (inner, 0..34_usize).prop_map(|(inner, how)| {
            let quoted = inner.replace('\'', "'\\''");
            match how {
                0 => format!("ls; {inner}"),
                1 => format!("ls && {inner}"),
                2 => format!("ls || {inner}"),
                3 => format!("ls | {inner}"),
                4 => format!("ls & {inner}"),
                5 => format!("ls\n{inner}"),
                6 => format!("({inner})"),
                7 => format!("{{ {inner}; }}"),
                8 => format!("ls $({inner})"),
                9 => format!("echo \"$({inner})\""),
                10 => format!("echo \"a ${{x:-$({inner})}} b\""),
                11 => format!("ls <({inner})"),
                12 => format!("if ls; then {inner}; fi"),
                13 => format!("if {inner}; then ls; fi"),
                14 => format!("for i in 1; do {inner}; done"),
                15 => format!("while ls; do {inner}; done"),
                16 => format!("case x in x) {inner};; esac"),
                17 => format!("! {inner}"),
                18 => format!("sh -c '{quoted}'"),
                19 => format!("eval '{quoted}'"),
                20 => format!("{inner}; ls"),
                21 => format!("{inner} && echo fine"),
                22 => format!("ls \\\n; {inner}"),
                23 => format!("echo 'a' \"b\" \\; # c\n{inner}"),
                24 => format!("f() {{ {inner}; }}; f"),
                25 => format!("timeout 5 sh -c '{quoted}'"),
                26 => format!("env A=1 sh -c '{quoted}'"),
                27 => format!("cat <<E\n$({inner})\nE"),
                28 => format!("sh <<< '{quoted}'"),
                29 => format!("echo $((1 + $({inner}; echo 1)))"),
                30 => format!("[[ -n $({inner}) ]] && ls"),
                31 => format!("time {inner}"),
                32 => format!("ls > /dev/null; {inner}"),
                _ => format!("cd . && {inner}"),
            }
        })
    })
}

fn narrow() -> Ruleset {
    [("*", Action::Ask), ("git status*", Action::Allow), ("ls*", Action::Allow), ("echo *", Action::Allow)]
        .map(|(p, a)| rule(("bash", p, a)))
        .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matching_is_what_the_plainest_matcher_says(value in "[ab/\n ]{0,10}", pattern in "[ab/*? \n]{0,8}") {
        let (v, p): (Vec<char>, Vec<char>) = (value.chars().collect(), pattern.chars().collect());
        let expect = naive(&v, &p) || (pattern.ends_with(" *") && naive(&v, &p[..p.len() - 2]));
        prop_assert_eq!(matches(&value, &pattern), expect);
    }

    #[test]
    fn the_last_match_wins(rules in ruleset(), last in ruleset(), value in "[ab]{0,4}") {
        let (joined, _) = evaluate("a", &value, &[&rules, &last]);
        let (alone, by) = evaluate("a", &value, &[&last]);
        prop_assert_eq!(joined, if by.is_some() { alone } else { evaluate("a", &value, &[&rules]).0 });
        let mut more = rules.clone();
        push(&mut more, "a", value.clone(), Action::Deny);
        prop_assert_eq!(evaluate("a", &value, &[&more]).0, Action::Deny);
    }

    #[test]
    fn a_restriction_never_widens(user in ruleset(), restrict in ruleset(), approved in ruleset(), value in "[ab]{0,4}") {
        let free = Layers { user: &user, ..Layers::default() };
        let bound = Layers { restrict: &restrict, ..free };
        prop_assert!(bound.evaluate("a", &value).0 >= free.evaluate("a", &value).0);
        let approving = Layers { approved: &approved, ..free };
        if free.evaluate("a", &value).0 == Action::Deny {
            prop_assert_eq!(approving.evaluate("a", &value).0, Action::Deny);
        }
    }

    #[test]
    fn any_text_can_be_looked_at(text in ".{0,200}", shell in "[ls $(){}`'\"\\\\;&|<>\n#=*?\\[\\]!x0-9-]{0,80}") {
        for text in [text, shell] {
            let analysis = analyze(&text);
            let _ = (decide(&analysis, &Layers { user: &narrow(), ..Layers::default() }), is_read_only(&analysis));
        }
    }

    #[test]
    fn a_forbidden_command_never_slips_through(command in forbidden()) {
        let analysis = analyze(&command);
        let decision = decide(&analysis, &Layers { user: &narrow(), ..Layers::default() });
        prop_assert_ne!(decision.action, Action::Allow, "{:#?}", analysis);
        prop_assert!(!decision.ask_patterns.is_empty());
        prop_assert!(!is_read_only(&analysis));
    }
}

#[test]
fn wildcards() {
    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        yes.iter().for_each(|value| assert!(matches(value, pattern), "{pattern} does not match {value}"));
        no.iter().for_each(|value| assert!(!matches(value, pattern), "{pattern} matches {value}"));
    }
    check("*", &["", "a", "a/b\nc"], &[]);
    check("git status *", &["git status", "git status -s", "git status "], &["git statusx", "git"]);
    check("git status*", &["git status", "git statusx"], &["git", " git status"]);
    check("*.env", &[".env", "a/b.env", "sub/.env"], &[".env.local", "env"]);
    check("*.env.*", &[".env.local", "sub/.env.local"], &[".env"]);
    check("a?c", &["abc", "a/c", "aöc"], &["ac", "abbc", "Abc", "ABC"]);
    check("a.c", &["a.c"], &["abc"]);
    check("src\\*", &["src/a"], &["srca"]);
    check("[a]", &["[a]"], &["a"]);
    check("", &[""], &["a"]);
    // One that tries all ways would not end.
    check(&format!("{}b", "*a".repeat(200)), &[], &[&"a".repeat(20_000)]);
}

#[test]
fn defaults_and_layers() {
    let base = base_rules(&["/data/out/"]);
    let check =
        |permission: &str, value: &str, expect: Action| assert_eq!(evaluate(permission, value, &[&base]).0, expect, "{permission} {value}");
    check("edit", "a", Action::Allow);
    check("read", "a.rs", Action::Allow);
    check("read", ".env", Action::Ask);
    check("read", "sub/.env.local", Action::Ask);
    check("read", "sub/.env.example", Action::Allow);
    check("external_directory", "/x/*", Action::Ask);
    check("external_directory", "/data/out/*", Action::Allow);
    check("doom_loop", "bash", Action::Ask);
    check("question", "*", Action::Deny);
    assert_eq!(evaluate("edit", "a", &[]), (Action::Ask, None));
    assert!(is_hidden("question", &[&base]) && !is_hidden("edit", &[&base]));

    let user = vec![
        rule(("edit", "*", Action::Allow)),
        rule(("bash", "*", Action::Deny)),
        rule(("x", "*", Action::Deny)),
        rule(("x", "a", Action::Allow)),
    ];
    let restrict = vec![rule(("edit", "*", Action::Deny))];
    let layers = Layers { defaults: &base, user: &user, restrict: &restrict, ..Layers::default() };
    assert_eq!(layers.evaluate("edit", "a").0, Action::Deny);
    assert!(layers.is_hidden("edit") && layers.is_hidden("bash") && !layers.is_hidden("x") && !layers.is_hidden("read"));
    let agent_user = vec![rule(("bash", "ls*", Action::Allow))];
    let layers = Layers { agent_user: &agent_user, ..layers };
    assert_eq!(layers.evaluate("bash", "ls").0, Action::Allow);
    assert_eq!(layers.evaluate("edit", "a").0, Action::Deny);

    assert_eq!(directory_pattern("/a/b"), "/a/b/*");
    assert_eq!(directory_pattern("/"), "/*");
    for (pattern, expect) in [("~", "/h"), ("~/a", "/h/a"), ("$HOME/a", "/h/a"), ("~a", "~a"), ("$HOMEX", "$HOMEX"), ("a/~", "a/~")] {
        assert_eq!(expand_home(pattern, "/h/"), expect);
    }
}
