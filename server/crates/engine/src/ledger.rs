//! What is spent while the process runs: by turn, session and day.
//!
//! Owns the sums, and what requests that run may still cost. Must not know what a cap leads to.
//!
//! **Invariant:** what several requests may cost at once is held back before the first of them is made, and given back when it is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use config::{BudgetConfig, Cost};
use proto::{SessionId, Tokens, TurnUsage};

use crate::budget::{self, Estimate, Fits, Over, Spent};

/// The date of today, where the user is.
#[must_use]
pub fn today() -> String {
    jiff::Zoned::now().date().to_string()
}

/// The sums.
#[derive(Debug)]
pub struct Ledger {
    caps: RwLock<BudgetConfig>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By the user's session: what its subagents spend is its own.
    accounts: HashMap<SessionId, Account>,
    day: String,
    day_spent: f64,
    day_held: f64,
}

#[derive(Debug, Default)]
struct Account {
    turn: TurnUsage,
    held: f64,
}

/// What a request may cost, until it is dropped.
#[derive(Debug)]
pub struct Hold {
    ledger: Arc<Ledger>,
    session: SessionId,
    amount: f64,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut books = self.ledger.books();
        books.day_held -= self.amount;
        books.accounts.entry(self.session.clone()).or_default().held -= self.amount;
    }
}

impl Ledger {
    /// With these caps.
    #[must_use]
    pub fn new(caps: BudgetConfig) -> Self {
        Self { caps: RwLock::new(caps), books: Mutex::default() }
    }

    /// From now on these caps count.
    pub fn cap(&self, caps: BudgetConfig) {
        *self.caps.write().unwrap_or_else(PoisonError::into_inner) = caps;
    }

    fn caps(&self) -> BudgetConfig {
        *self.caps.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any cap is set.
    #[must_use]
    pub fn has_caps(&self) -> bool {
        budget::is_set(&self.caps())
    }

    /// Whether it has to be known what was spent today.
    #[must_use]
    pub fn counts_days(&self) -> bool {
        self.caps().day.is_some()
    }

    /// A turn of the user's begins, in a session that has cost so much.
    pub fn begin_turn(&self, session: &SessionId, session_cost: f64) {
        let mut books = self.books();
        books.accounts.entry(session.clone()).or_default().turn = TurnUsage { session_cost, ..TurnUsage::default() };
    }

    /// The store says what was spent on a day by all processes. What this one has not stored yet counts too.
    pub fn stored(&self, day: String, spent: f64) {
        let mut books = self.books();
        books.turn_page(day);
        books.day_spent = books.day_spent.max(spent);
    }

    /// That much was spent.
    pub fn spent(&self, session: &SessionId, cost: f64, tokens: Tokens) {
        let mut books = self.books();
        books.turn_page(today());
        books.day_spent += cost;
        let turn = &mut books.accounts.entry(session.clone()).or_default().turn;
        turn.cost += cost;
        turn.session_cost += cost;
        turn.tokens += tokens;
    }

    /// What the session's turn has used so far.
    #[must_use]
    pub fn usage(&self, session: &SessionId) -> TurnUsage {
        self.books().accounts.get(session).map(|account| account.turn).unwrap_or_default()
    }

    /// Holds back what a request may cost.
    ///
    /// # Errors
    /// The cap that it does not fit under.
    pub fn hold(self: &Arc<Self>, session: &SessionId, prices: &Cost, estimate: &Estimate) -> Result<(Fits, Hold), Over> {
        let mut books = self.books();
        books.turn_page(today());
        let (day, day_held) = (books.day_spent + books.day_held, books.day_held);
        let account = books.accounts.entry(session.clone()).or_default();
        let held = account.held;
        let spent = Spent { turn: account.turn.cost + held, session: account.turn.session_cost + held, day };
        let fits = budget::judge(&self.caps(), &spent, prices, estimate)?;
        account.held = held + fits.worst;
        books.day_held = day_held + fits.worst;
        Ok((fits, Hold { ledger: Arc::clone(self), session: session.clone(), amount: fits.worst }))
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn turn_page(&mut self, day: String) {
        if self.day != day {
            self.day = day;
            self.day_spent = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_requests_that_run_may_cost_is_held_back_until_they_are_over() {
        let prices = Cost { input: 1.0, output: 10.0, ..Cost::default() };
        let ledger = Arc::new(Ledger::new(BudgetConfig { session: Some(0.1), ..BudgetConfig::default() }));
        let session = SessionId::from("ses_1");
        ledger.begin_turn(&session, 0.02);
        let estimate = Estimate { output: 5000, ..Estimate::default() };
        let (first, hold) = ledger.hold(&session, &prices, &estimate).unwrap();
        let (second, other) = ledger.hold(&session, &prices, &estimate).unwrap();
        assert_eq!((first.output, second.output), (5000, 2999));
        assert!(ledger.hold(&session, &prices, &estimate).is_err());
        ledger.spent(&session, 0.01, Tokens::default());
        drop((hold, other));
        assert_eq!(ledger.hold(&session, &prices, &estimate).unwrap().0.output, 5000);
        assert_eq!(ledger.usage(&session).cost, 0.01);
        // Another session has room of its own.
        assert!(ledger.hold(&SessionId::from("ses_2"), &prices, &estimate).is_ok());
    }

    #[test]
    fn what_others_spent_today_counts() {
        let prices = Cost { input: 1.0, output: 10.0, ..Cost::default() };
        let ledger = Arc::new(Ledger::new(BudgetConfig { day: Some(1.0), ..BudgetConfig::default() }));
        let (session, estimate) = (SessionId::from("ses_1"), Estimate { output: 5000, ..Estimate::default() });
        ledger.stored("2001-01-01".into(), 100.0);
        assert!(ledger.hold(&session, &prices, &estimate).is_ok());
        ledger.stored(today(), 0.999);
        assert!(ledger.hold(&session, &prices, &estimate).unwrap_err().words().contains("today"));
    }
}
