//! The step machine, input by input.

use super::*;

fn turn(limits: Limits) -> Turn {
    Turn::new(limits, Tokens::default(), Box::new(|tool, _| if tool == "read" { ToolEffect::Reads } else { ToolEffect::Writes }))
}

fn call(turn: &mut Turn, index: usize, tool: &str, raw: &str) -> Vec<Effect> {
    let mut out = turn.step(Input::Model(ModelEvent::ToolCallStart { index, id: format!("call_{index}"), name: tool.into() }));
    out.extend(turn.step(Input::Model(ModelEvent::ToolCallEnd { index, arguments: raw.into(), metadata: Value::Null })));
    out
}

fn finish(turn: &mut Turn, reason: FinishReason) -> Vec<Effect> {
    turn.step(Input::Model(ModelEvent::Finish(reason)))
}

fn done(turn: &mut Turn, call: usize) -> Vec<Effect> {
    turn.step(Input::ToolDone { call, outcome: Outcome::Result })
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError { kind, message: "it broke".into(), status: None, retry_after: None }
}

fn run(call: usize) -> Effect {
    Effect::RunTool { call, doom: false }
}

const ASK: Effect = Effect::CallModel { attempt: 0, last: false };

#[test]
fn words_alone_end_the_turn() {
    let mut t = turn(Limits::default());
    assert_eq!(t.step(Input::Start), [ASK]);
    t.step(Input::Model(ModelEvent::Text("hello".into())));
    let effects = finish(&mut t, FinishReason::Stop);
    assert_eq!(effects.last(), Some(&Effect::Stop(StopReason::Done)));
    assert!(t.is_over());
}

#[test]
fn no_call_runs_before_the_answer_is_whole() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let before = call(&mut t, 0, "bash", "{}");
    assert!(!before.iter().any(|e| matches!(e, Effect::RunTool { .. })), "{before:?}");
    assert!(finish(&mut t, FinishReason::ToolCalls).contains(&run(0)));
}

#[test]
fn arguments_of_an_answer_that_reached_its_limit_may_break_off() {
    for (reason, expect) in [(FinishReason::Length, true), (FinishReason::ToolCalls, false)] {
        let mut t = turn(Limits::default());
        t.step(Input::Start);
        call(&mut t, 0, "write", "{\"filePath\": \"a\"");
        finish(&mut t, reason);
        assert_eq!(t.calls()[0].cut, expect, "{reason:?}");
    }
}

#[test]
fn reading_calls_run_together_and_writing_ones_alone_in_order() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    for (index, tool) in ["read", "read", "edit", "read", "edit"].into_iter().enumerate() {
        call(&mut t, index, tool, &format!("{{\"n\":{index}}}"));
    }
    let started = |effects: Vec<Effect>| effects.into_iter().filter(|e| matches!(e, Effect::RunTool { .. })).collect::<Vec<_>>();
    assert_eq!(started(finish(&mut t, FinishReason::ToolCalls)), [run(0), run(1)]);
    assert_eq!(started(done(&mut t, 1)), []);
    assert_eq!(started(done(&mut t, 0)), [run(2)]);
    assert_eq!(started(done(&mut t, 2)), [run(3)]);
    assert_eq!(started(done(&mut t, 3)), [run(4)]);
    assert_eq!(done(&mut t, 4), [ASK]);
}

#[test]
fn a_cut_stream_is_thrown_away_and_asked_for_again() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    let effects =
        t.step(Input::Failed { error: error(ProviderErrorKind::Connection), delay: Some(Duration::from_secs(1)), roomier: false });
    assert_eq!(effects[0], Effect::Discard);
    assert!(matches!(&effects[1], Effect::Wait { attempt: 1, .. }));
    assert!(t.calls().is_empty());
    assert_eq!(t.step(Input::Waited), [Effect::CallModel { attempt: 1, last: false }]);
}

#[test]
fn what_cannot_help_is_not_tried_again() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let effects = t.step(Input::Failed { error: error(ProviderErrorKind::Auth), delay: None, roomier: false });
    assert!(matches!(&effects[0], Effect::Error(MessageError::ProviderAuthError(_))));
    assert_eq!(effects[1], Effect::Stop(StopReason::Provider("it broke".into())));
}

#[test]
fn another_model_goes_on_where_this_one_gives_up() {
    let mut t = turn(Limits { next: true, ..Limits::default() });
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    t.step(Input::Model(ModelEvent::Usage(Tokens { input: 7, ..Tokens::default() })));
    let effects = t.step(Input::Failed { error: error(ProviderErrorKind::Auth), delay: None, roomier: false });
    let next = Effect::NextModel { reason: "it broke".into(), kind: Some(ProviderErrorKind::Auth) };
    assert_eq!(effects, [Effect::Wasted(Tokens { input: 7, ..Tokens::default() }), next]);
    assert_eq!(t.step(Input::NextModel(Ok(Limits::default()))), [ASK]);
    assert!(t.calls().is_empty());
    let effects = t.step(Input::Failed { error: error(ProviderErrorKind::Auth), delay: None, roomier: false });
    assert_eq!(effects.last(), Some(&Effect::Stop(StopReason::Provider("it broke".into()))));
}

#[test]
fn another_model_goes_on_after_empty_answers_and_gets_as_many_tries() {
    let mut t = turn(Limits { next: true, ..Limits::default() });
    t.step(Input::Start);
    for _ in 0..2 {
        finish(&mut t, FinishReason::Stop);
    }
    let effects = finish(&mut t, FinishReason::Stop);
    assert!(matches!(&effects[..], [Effect::Discard, Effect::NextModel { kind: None, .. }]), "{effects:?}");
    assert_eq!(t.step(Input::NextModel(Ok(Limits::default()))), [ASK]);
    assert_eq!(finish(&mut t, FinishReason::Stop).last(), Some(&Effect::CallModel { attempt: 1, last: false }));
}

#[test]
fn where_the_other_model_cannot_be_asked_the_turn_ends_with_both_reasons() {
    let mut t = turn(Limits { next: true, ..Limits::default() });
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    t.step(Input::Failed { error: error(ProviderErrorKind::Auth), delay: None, roomier: false });
    let effects = t.step(Input::NextModel(Err("no key".into())));
    assert!(matches!(&effects[0], Effect::SkipTool { call: 0, .. }), "{effects:?}");
    assert!(matches!(&effects[1], Effect::Error(MessageError::ProviderAuthError(_))), "{effects:?}");
    assert_eq!(effects[2], Effect::Stop(StopReason::Provider("it broke No other model goes on: no key".into())));
}

#[test]
fn the_calls_of_an_answer_that_fails_for_good_are_settled() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    let effects = t.step(Input::Failed { error: error(ProviderErrorKind::Protocol), delay: None, roomier: false });
    assert!(matches!(effects[0], Effect::SkipTool { call: 0, .. }), "{effects:?}");
    assert!(matches!(effects[2], Effect::Stop(StopReason::Provider(_))));
}

#[test]
fn a_message_during_the_wait_is_told_with_the_retry() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    t.step(Input::Failed { error: error(ProviderErrorKind::Overloaded), delay: Some(Duration::ZERO), roomier: false });
    t.step(Input::Message);
    assert_eq!(t.step(Input::Waited), [Effect::CallModel { attempt: 1, last: false }]);
    t.step(Input::Model(ModelEvent::Text("both".into())));
    assert_eq!(finish(&mut t, FinishReason::Stop).last(), Some(&Effect::Stop(StopReason::Done)));
}

#[test]
fn an_answer_that_fits_allows_further_summaries() {
    let mut t = turn(Limits { compact: true, ..Limits::default() });
    t.step(Input::Start);
    for n in 0..5 {
        t.step(Input::Failed { error: error(ProviderErrorKind::ContextOverflow), delay: None, roomier: false });
        assert_eq!(t.step(Input::Compacted(true)), [ASK]);
        call(&mut t, 0, "read", &n.to_string());
        finish(&mut t, FinishReason::ToolCalls);
        assert_eq!(done(&mut t, 0), [ASK]);
    }
}

#[test]
fn a_summary_costs_no_step() {
    let mut t = turn(Limits { steps: Some(2), compact: true, ..Limits::default() });
    t.step(Input::Start);
    t.step(Input::Failed { error: error(ProviderErrorKind::ContextOverflow), delay: None, roomier: false });
    assert_eq!(t.step(Input::Compacted(true)), [ASK]);
}

#[test]
fn an_empty_answer_is_asked_for_again_and_then_named() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    for attempt in 1..=2 {
        assert_eq!(finish(&mut t, FinishReason::Stop), [Effect::Discard, Effect::CallModel { attempt, last: false }]);
    }
    let effects = finish(&mut t, FinishReason::Stop);
    assert!(matches!(effects.last(), Some(Effect::Stop(StopReason::Provider(_)))), "{effects:?}");
}

#[test]
fn a_refusal_is_the_models_and_its_words_stay() {
    for (reason, words) in [(FinishReason::Refusal, "The model refused"), (FinishReason::ContentFilter, "content filter")] {
        for said in [true, false] {
            let mut t = turn(Limits { next: true, ..Limits::default() });
            t.step(Input::Start);
            if said {
                t.step(Input::Model(ModelEvent::Text("I will not.".into())));
            }
            let effects = finish(&mut t, reason);
            assert!(!effects.contains(&Effect::Discard), "{effects:?}");
            assert!(matches!(effects.last(), Some(Effect::Stop(StopReason::Refused(why))) if why.contains(words)), "{effects:?}");
        }
    }
}

#[test]
fn the_third_equal_call_in_a_row_needs_consent() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let mut dooms = Vec::new();
    for _ in 0..6 {
        call(&mut t, 0, "bash", "{\"command\":\"x\"}");
        for effect in finish(&mut t, FinishReason::ToolCalls) {
            if let Effect::RunTool { doom, .. } = effect {
                dooms.push(doom);
            }
        }
        done(&mut t, 0);
    }
    assert_eq!(dooms, [false, false, true, false, false, true]);
}

#[test]
fn cancel_while_streaming_settles_all_calls_and_stops() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    let effects = t.step(Input::Cancel);
    assert_eq!(effects[0], Effect::DropModel);
    assert!(matches!(effects[1], Effect::SkipTool { call: 0, .. }));
    assert_eq!(effects.last(), Some(&Effect::Stop(StopReason::Cancelled)));
    assert_eq!(t.step(Input::Cancel), []);
}

#[test]
fn cancel_while_tools_run_waits_for_them() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    call(&mut t, 1, "bash", "{\"n\":1}");
    finish(&mut t, FinishReason::ToolCalls);
    let effects = t.step(Input::Cancel);
    assert_eq!(effects[0], Effect::CancelTools);
    assert!(matches!(effects[1], Effect::SkipTool { call: 1, .. }));
    assert!(!t.is_over());
    assert_eq!(t.step(Input::ToolDone { call: 0, outcome: Outcome::Cancelled }), [Effect::Stop(StopReason::Cancelled)]);
}

#[test]
fn a_plain_denial_ends_the_turn_and_the_other_calls() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "edit", "{}");
    call(&mut t, 1, "edit", "{\"n\":1}");
    finish(&mut t, FinishReason::ToolCalls);
    let effects = t.step(Input::ToolDone { call: 0, outcome: Outcome::Rejected });
    assert!(matches!(effects[0], Effect::SkipTool { call: 1, .. }));
    assert!(matches!(effects[1], Effect::Stop(StopReason::Refused(_))));
}

#[test]
fn a_message_while_the_model_speaks_is_answered_in_the_same_turn() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    t.step(Input::Model(ModelEvent::Text("hello".into())));
    t.step(Input::Message);
    assert_eq!(finish(&mut t, FinishReason::Stop).last(), Some(&ASK));
    t.step(Input::Model(ModelEvent::Text("and".into())));
    assert_eq!(finish(&mut t, FinishReason::Stop).last(), Some(&Effect::Stop(StopReason::Done)));
}

#[test]
fn overflow_is_mended_three_times_and_then_named() {
    let mut t = turn(Limits { compact: true, ..Limits::default() });
    t.step(Input::Start);
    for _ in 0..3 {
        let effects = t.step(Input::Failed { error: error(ProviderErrorKind::ContextOverflow), delay: None, roomier: false });
        assert_eq!(effects, [Effect::Discard, Effect::Compact]);
        assert_eq!(t.step(Input::Compacted(true)), [ASK]);
    }
    let effects = t.step(Input::Failed { error: error(ProviderErrorKind::ContextOverflow), delay: None, roomier: false });
    assert!(matches!(effects.last(), Some(Effect::Stop(StopReason::Provider(_)))), "{effects:?}");
}

#[test]
fn a_full_context_is_summarised_before_the_model_is_asked() {
    let mut t = Turn::new(
        Limits { usable: Some(100), compact: true, ..Limits::default() },
        Tokens { input: 100, ..Tokens::default() },
        Box::new(|_, _| ToolEffect::Writes),
    );
    assert_eq!(t.step(Input::Start), [Effect::Compact]);
    assert!(matches!(t.step(Input::Compacted(false)).last(), Some(Effect::Stop(StopReason::Provider(_)))));
}

#[test]
fn the_last_step_is_announced_and_its_calls_are_not_run() {
    let mut t = turn(Limits { steps: Some(2), ..Limits::default() });
    assert_eq!(t.step(Input::Start), [ASK]);
    call(&mut t, 0, "read", "{}");
    finish(&mut t, FinishReason::ToolCalls);
    assert_eq!(done(&mut t, 0), [Effect::CallModel { attempt: 0, last: true }]);
    call(&mut t, 0, "read", "{}");
    let effects = finish(&mut t, FinishReason::ToolCalls);
    assert!(effects.iter().any(|e| matches!(e, Effect::SkipTool { .. })));
    assert!(matches!(effects.last(), Some(Effect::Stop(StopReason::Limit(_)))));
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    fn input() -> impl Strategy<Value = Input> {
        prop_oneof![
            4 => (0..3_usize, prop::sample::select(vec!["read", "bash"])).prop_map(|(index, name)| Input::Model(ModelEvent::ToolCallStart {
                index, id: "c".into(), name: name.into()
            })),
            4 => (0..3_usize).prop_map(|index| Input::Model(ModelEvent::ToolCallEnd { index, arguments: "{}".into(), metadata: Value::Null })),
            2 => Just(Input::Model(ModelEvent::Text("x".into()))),
            3 => Just(Input::Model(ModelEvent::Finish(FinishReason::Stop))),
            4 => (0..3_usize, prop_oneof![Just(Outcome::Result), Just(Outcome::Rejected), Just(Outcome::Cancelled)])
                .prop_map(|(call, outcome)| Input::ToolDone { call, outcome }),
            1 => Just(Input::Failed { error: error(ProviderErrorKind::Connection), delay: Some(Duration::ZERO), roomier: false }),
            1 => Just(Input::Waited),
            1 => Just(Input::Message),
            1 => Just(Input::Cancel),
        ]
    }

    proptest! {
        /// Whatever comes in whatever order: each call of a finished answer has one result before the next request, and after the stop nothing follows.
        #[test]
        fn each_call_has_one_result(inputs in prop::collection::vec(input(), 1..80)) {
            let mut t = turn(Limits::default());
            t.step(Input::Start);
            let mut open = std::collections::BTreeMap::new();
            let mut stopped = false;
            for input in inputs {
                if let Input::ToolDone { call, .. } = &input {
                    open.remove(call);
                }
                for effect in t.step(input) {
                    prop_assert!(!stopped, "an effect after the stop: {effect:?}");
                    match effect {
                        Effect::RunTool { call, .. } => prop_assert!(open.insert(call, ()).is_none(), "call {call} runs twice"),
                        Effect::CallModel { .. } => prop_assert!(open.is_empty(), "asked while {open:?} run"),
                        Effect::Stop(_) => {
                            prop_assert!(open.is_empty(), "stopped while {open:?} run");
                            stopped = true;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

fn text_call(tool: &'static str, n: usize, refused: bool) -> TextCall {
    TextCall { tool, raw: format!("{{\"n\":{n}}}"), refused: refused.then(|| "no such text".into()) }
}

/// An answer with edits in its text.
fn answer(turn: &mut Turn, edits: Vec<TextCall>, reason: FinishReason) -> Vec<Effect> {
    turn.step(Input::Model(ModelEvent::Text("File: a".into())));
    let mut effects = turn.step(Input::Edits(edits));
    effects.extend(finish(turn, reason));
    effects
}

fn ended(turn: &mut Turn, call: usize, outcome: Outcome) -> Vec<Effect> {
    turn.step(Input::ToolDone { call, outcome })
}

#[test]
fn edits_in_the_text_end_the_turn_when_all_are_made() {
    // Also at the limit of steps: nobody has to be told.
    let mut t = turn(Limits { steps: Some(1), ..Limits::default() });
    t.step(Input::Start);
    let effects = answer(&mut t, vec![text_call("edit", 0, false), text_call("write", 1, false)], FinishReason::Stop);
    assert_eq!(
        effects[..4],
        [0, 0, 1, 1]
            .map(|call| call)
            .iter()
            .enumerate()
            .map(|(n, &call)| if n % 2 == 0 { Effect::CallBegun { call } } else { Effect::CallWhole { call } })
            .collect::<Vec<_>>()
    );
    assert_eq!(effects.last(), Some(&run(0)));
    assert_eq!(done(&mut t, 0), [run(1)]);
    assert_eq!(done(&mut t, 1), [Effect::Stop(StopReason::Done)]);
}

#[test]
fn an_answer_that_was_cut_says_so_even_if_its_whole_edits_were_made() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    answer(&mut t, vec![text_call("edit", 0, false)], FinishReason::Length);
    assert!(matches!(done(&mut t, 0)[..], [Effect::Stop(StopReason::Limit(_))]));
}

#[test]
fn what_could_not_be_made_may_be_mended_twice() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let effects = answer(&mut t, vec![text_call("edit", 0, true), text_call("edit", 1, false)], FinishReason::Stop);
    assert!(
        effects.contains(&Effect::RefuseTool { call: 0, why: "no such text".into() }) && effects.last() == Some(&run(1)),
        "{effects:?}"
    );
    assert_eq!(done(&mut t, 1), [ASK]);
    answer(&mut t, vec![text_call("edit", 2, false)], FinishReason::Stop);
    assert_eq!(ended(&mut t, 0, Outcome::Failed), [ASK]);
    answer(&mut t, vec![text_call("edit", 3, false)], FinishReason::Stop);
    let last = ended(&mut t, 0, Outcome::Failed);
    assert!(matches!(&last[..], [Effect::Stop(StopReason::Limit(why))] if why.contains("could not be made")), "{last:?}");
}

#[test]
fn the_same_edits_again_are_not_asked_for_a_third_time() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    answer(&mut t, vec![text_call("edit", 0, false)], FinishReason::Stop);
    assert_eq!(ended(&mut t, 0, Outcome::Failed), [ASK]);
    answer(&mut t, vec![text_call("edit", 0, false)], FinishReason::Stop);
    assert!(matches!(ended(&mut t, 0, Outcome::Failed)[..], [Effect::Stop(StopReason::Limit(_))]));
}

#[test]
fn the_users_words_allow_two_more() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    for n in 0..2 {
        assert_eq!(answer(&mut t, vec![text_call("edit", n, true)], FinishReason::Stop).last(), Some(&ASK));
    }
    t.step(Input::Message);
    assert_eq!(answer(&mut t, vec![text_call("edit", 1, true)], FinishReason::Stop).last(), Some(&ASK));
    assert_eq!(answer(&mut t, vec![text_call("edit", 2, true)], FinishReason::Stop).last(), Some(&ASK));
    assert_eq!(answer(&mut t, vec![text_call("edit", 3, true)], FinishReason::Stop).last(), Some(&ASK));
    assert_eq!(answer(&mut t, Vec::new(), FinishReason::Stop).last(), Some(&Effect::Stop(StopReason::Done)));
}

#[test]
fn a_rejected_edit_ends_the_turn_and_calls_that_nobody_offered_are_not_run() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    answer(&mut t, vec![text_call("edit", 0, false)], FinishReason::Stop);
    assert!(matches!(ended(&mut t, 0, Outcome::Rejected)[..], [Effect::Stop(StopReason::Refused(_))]));
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    call(&mut t, 0, "bash", "{}");
    t.step(Input::Edits(Vec::new()));
    let effects = finish(&mut t, FinishReason::ToolCalls);
    assert!(effects.iter().any(|e| matches!(e, Effect::RefuseTool { call: 0, .. })) && effects.last() == Some(&ASK), "{effects:?}");
}

proptest::proptest! {
    /// Whatever a model without tools answers, and whatever becomes of its edits: the turn ends, after three answers at most.
    #[test]
    fn a_turn_without_tools_always_ends(steps in proptest::collection::vec((proptest::collection::vec((0u8..4, proptest::bool::ANY), 0..4), proptest::bool::ANY, 0u8..3), 8)) {
        let mut t = turn(Limits::default());
        let mut asked = usize::from(t.step(Input::Start) == [ASK]);
        for (edits, native, reason) in steps {
            if t.is_over() {
                break;
            }
            if native {
                call(&mut t, 0, "bash", "{}");
            }
            let calls = edits.iter().enumerate().map(|(n, (_, refused))| text_call("edit", n, *refused)).collect();
            let reason = [FinishReason::Stop, FinishReason::Length, FinishReason::ToolCalls][usize::from(reason)];
            let mut effects = answer(&mut t, calls, reason);
            while let Some(call) = effects.iter().find_map(|e| if let Effect::RunTool { call, .. } = e { Some(*call) } else { None }) {
                let outcome = edits.get(call.saturating_sub(usize::from(native))).map_or(0, |(outcome, _)| *outcome);
                effects = ended(&mut t, call, [Outcome::Result, Outcome::Failed, Outcome::Rejected, Outcome::Failed][usize::from(outcome)].clone());
            }
            asked += effects.iter().filter(|e| matches!(e, Effect::CallModel { .. })).count();
        }
        proptest::prop_assert!(t.is_over() && asked <= 3, "asked {asked} times");
    }
}

#[test]
fn what_somebody_looks_at_is_looked_at_once_more_before_the_end() {
    let watched = |turn: &mut Turn| turn.step(Input::ToolDone { call: 0, outcome: Outcome::Watched });
    let answer = |turn: &mut Turn| {
        turn.step(Input::Model(ModelEvent::Text("done".into())));
        finish(turn, FinishReason::Stop)
    };
    let begin = |limits: Limits| {
        let mut t = turn(limits);
        t.step(Input::Start);
        call(&mut t, 0, "edit", "{}");
        finish(&mut t, FinishReason::ToolCalls);
        watched(&mut t);
        t
    };
    let mut t = begin(Limits::default());
    assert_eq!(answer(&mut t).last(), Some(&Effect::Look));
    assert_eq!(t.step(Input::Looked(false)), [Effect::Stop(StopReason::Done)]);
    let mut t = begin(Limits::default());
    answer(&mut t);
    assert_eq!(t.step(Input::Looked(true)), [ASK]);
    assert_eq!(answer(&mut t).last(), Some(&Effect::Stop(StopReason::Done)), "once");
    let mut t = begin(Limits::default());
    answer(&mut t);
    t.step(Input::Message);
    assert_eq!(t.step(Input::Looked(false)), [ASK], "what the user said meanwhile is answered");
    let mut t = begin(Limits::default());
    answer(&mut t);
    assert_eq!(t.step(Input::Cancel).last(), Some(&Effect::Stop(StopReason::Cancelled)));
    let mut t = begin(Limits { steps: Some(2), ..Limits::default() });
    assert_eq!(answer(&mut t).last(), Some(&Effect::Stop(StopReason::Done)), "there is no step left to mend anything");
}

#[test]
fn calls_that_always_fail_end_the_turn_whatever_is_allowed() {
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let mut steps = 0;
    while !t.is_over() {
        steps += 1;
        call(&mut t, 0, "edit", "{}");
        finish(&mut t, FinishReason::ToolCalls);
        ended(&mut t, 0, Outcome::Failed);
    }
    assert_eq!(steps, 4);
    let mut t = turn(Limits::default());
    t.step(Input::Start);
    let mut last = Vec::new();
    for n in 0..18 {
        call(&mut t, 0, "read", ["{}", "{\"n\":1}"][n % 2]);
        finish(&mut t, FinishReason::ToolCalls);
        last = done(&mut t, 0);
    }
    assert!(matches!(&last[..], [Effect::Stop(StopReason::Limit(why))] if why.contains("again and again")), "{last:?}");
}
