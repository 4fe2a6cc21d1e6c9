//! Who answers: the agent, and the models that may, in the order in which they are tried.
//!
//! Owns which model of a chain is next. Must not know why one was given up: `turn.rs` decides that.
//!
//! **Invariant:** a model is resolved when it is its turn, not before; within a turn the chain is only walked forwards.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proto::ModelRef;
use providers::{ProviderError, ProviderErrorKind, ResolvedModel};

use crate::agents::Agent;
use crate::session::Author;
use crate::settings::Settings;
use crate::shared::Shared;

/// How long a model whose key or credit was refused is passed over, where another one is at hand.
const REST: Duration = Duration::from_secs(300);

/// Who answers, with what.
#[derive(Clone)]
pub struct Setup {
    /// The agent.
    pub agent: Arc<Agent>,
    /// The model.
    pub model: Arc<ResolvedModel>,
    /// What the configuration says, as it was when the message came.
    pub settings: Arc<Settings>,
    /// Agent and model, for messages.
    pub author: Author,
    /// All models that may answer.
    names: Arc<[String]>,
    /// Which of them does.
    at: usize,
    /// Why an earlier one does not.
    pub passed: Option<String>,
}

impl Setup {
    /// With the first model that can be asked. One that has no key, or was refused not long ago, is passed over where another one follows.
    ///
    /// # Errors
    /// If no model can be resolved; the words of the last one.
    pub fn begin(shared: &Shared, settings: &Arc<Settings>, agent: Agent, names: Vec<String>) -> Result<Self, ProviderError> {
        let names: Arc<[String]> = names.into();
        let mut passed = None;
        let last = names.len().saturating_sub(1);
        for (at, name) in names.iter().enumerate() {
            if at < last && shared.models.rests(name) {
                passed = Some(format!("{name} was refused its key or credit a few minutes ago"));
                continue;
            }
            match settings.registry.resolve(name) {
                Ok(model) => {
                    let passed = passed.map(|why| format!("{why}; {name} answers"));
                    return Ok(Self { passed, ..Self::at(Arc::clone(settings), Arc::new(agent), Arc::new(model), names.clone(), at) });
                }
                // A mistake in the first name is the user's to know of; a key may be missing on one machine and there on another.
                Err(error) if at < last && (at > 0 || error.kind == ProviderErrorKind::Auth) => passed = Some(error.message),
                Err(error) => return Err(error),
            }
        }
        Err(ProviderError { kind: ProviderErrorKind::Configuration, message: "no model is named".into(), status: None, retry_after: None })
    }

    /// With a variant of the model that answers first.
    ///
    /// # Errors
    /// If it has none of that name.
    pub fn with_variant(self, name: &str) -> Result<Self, ProviderError> {
        let model = ResolvedModel::clone(&self.model).with_variant(name)?;
        Ok(Self { model: Arc::new(model), ..self })
    }

    /// The name by which its model was found.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.get(self.at).map_or("", String::as_str)
    }

    /// With a turn of at most so many steps; the agent may be bound more closely.
    #[must_use]
    pub fn within(mut self, steps: Option<u32>) -> Self {
        if let Some(steps) = steps {
            let agent = Arc::make_mut(&mut self.agent);
            agent.steps = Some(agent.steps.map_or(steps, |own| own.min(steps)));
        }
        self
    }

    /// Another agent with the same models.
    #[must_use]
    pub fn with_agent(&self, agent: Agent) -> Self {
        Self::at(Arc::clone(&self.settings), Arc::new(agent), Arc::clone(&self.model), Arc::clone(&self.names), self.at)
    }

    fn at(settings: Arc<Settings>, agent: Arc<Agent>, model: Arc<ResolvedModel>, names: Arc<[String]>, at: usize) -> Self {
        let author = Author {
            agent: agent.name.clone(),
            model: ModelRef { provider_id: model.provider_id.clone(), model_id: model.model_id.clone() },
        };
        Self { agent, model, settings, author, names, at, passed: None }
    }

    /// Whether another model may follow this one.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.at + 1 < self.names.len()
    }

    /// With the next model that can be asked.
    ///
    /// # Errors
    /// If there is none: why, for the user.
    pub fn next(&self) -> Result<Self, String> {
        let mut whys = Vec::new();
        for (at, name) in self.names.iter().enumerate().skip(self.at + 1) {
            match self.settings.registry.resolve(name) {
                Ok(model) => {
                    return Ok(Self::at(Arc::clone(&self.settings), Arc::clone(&self.agent), Arc::new(model), Arc::clone(&self.names), at));
                }
                Err(error) => whys.push(error.message),
            }
        }
        Err(whys.join("; "))
    }

    /// For a message amid a turn of `running`: with the same models, the one that answers now stays.
    #[must_use]
    pub fn amid(self, running: &Self) -> Self {
        if self.names != running.names || self.at >= running.at {
            return self;
        }
        Self::at(self.settings, self.agent, Arc::clone(&running.model), self.names, running.at)
    }
}

/// What is remembered of models while the process runs.
#[derive(Default)]
pub struct Models {
    refused: Mutex<HashMap<String, Instant>>,
    told: Mutex<HashSet<String>>,
}

impl Models {
    /// Its key or credit was refused.
    pub fn refused(&self, name: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), Instant::now());
    }

    fn rests(&self, name: &str) -> bool {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(name).is_some_and(|since| since.elapsed() < REST)
    }

    /// Whether these words are told for the first time.
    pub fn is_news(&self, words: &str) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(words.to_owned())
    }
}
