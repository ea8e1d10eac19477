//! A limit of requests, as a bucket of tokens that fills up as time goes by.

use std::time::{Duration, SystemTime};

use axum::http::header;

use super::fault::Answer;

/// So many requests at once, and as many anew in each period.
#[derive(Clone, Debug)]
#[must_use]
pub struct Limit {
    requests: u32,
    period: Duration,
    answer: Answer,
    retry_after: bool,
}

impl Limit {
    /// Those above it get this answer.
    pub fn new(requests: u32, period: Duration, answer: Answer) -> Self {
        Self { requests, period, answer, retry_after: false }
    }

    /// Says in `Retry-After` when the next request will be taken, in whole seconds.
    pub fn retry_after(self) -> Self {
        Self { retry_after: true, ..self }
    }
}

#[derive(Debug)]
pub(super) struct Bucket {
    limit: Limit,
    tokens: f64,
    filled: SystemTime,
}

impl Bucket {
    pub(super) fn full(limit: Limit, now: SystemTime) -> Self {
        Self { tokens: f64::from(limit.requests), limit, filled: now }
    }

    /// Takes a token; if there is none, what to answer.
    pub(super) fn refusal(&mut self, now: SystemTime) -> Option<Answer> {
        let most = f64::from(self.limit.requests);
        let per_second = most / self.limit.period.as_secs_f64();
        let passed = now.duration_since(self.filled).unwrap_or_default().as_secs_f64();
        self.tokens = (self.tokens + passed * per_second).min(most);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        let answer = self.limit.answer.clone();
        if !self.limit.retry_after {
            return Some(answer);
        }
        let seconds = Duration::from_secs_f64((1.0 - self.tokens) / per_second).as_secs() + 1;
        Some(answer.header(header::RETRY_AFTER, seconds))
    }
}
