//! Lists come in pages.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Answer;

/// What may be asked of a list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    pub(super) q: Option<String>,
    pub(super) status: Option<String>,
    page: Option<usize>,
    per_page: Option<usize>,
}

impl Query {
    /// The page that is asked for. More than 100 to a page are not to be had: then there are 100 (the documents do not
    /// say what becomes of it).
    pub(super) fn page(&self, items: &[Value], total: bool) -> Answer {
        let per_page = self.per_page.unwrap_or(25).clamp(1, 100);
        let number = self.page.unwrap_or(1).max(1);
        let pages = items.len().div_ceil(per_page).max(1);
        let shown: Vec<_> = items.iter().skip((number - 1) * per_page).take(per_page).collect();
        let next = (number < pages).then_some(number + 1);
        let mut page = json!({
            "type": "list", "current_page": number, "per_page": per_page, "data": shown,
            "next_page": next, "next_page_url": next.map(|next| format!("https://api.planetscale.com/?page={next}")),
            "prev_page": (number > 1).then(|| number - 1), "prev_page_url": null,
        });
        if let (Some(members), true) = (page.as_object_mut(), total) {
            members.insert("total_count".to_owned(), json!(items.len()));
            members.insert("total_pages".to_owned(), json!(pages));
        }
        Answer::json(StatusCode::OK, &page)
    }
}
