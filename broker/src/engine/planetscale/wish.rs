//! What is asked for when a credential is made.

use serde_json::{Map, Value, json};

use crate::engine::NewUser;
use crate::engine::planetscale::Product;

/// The body of the request.
pub(super) fn body(product: Product, user: &NewUser<'_>, seconds: u64) -> Value {
    let (spec, mut body) = (user.spec, Map::new());
    body.insert("name".to_owned(), json!(user.name));
    body.insert("ttl".to_owned(), json!(seconds));
    match product {
        Product::Postgres => {
            body.insert("inherited_roles".to_owned(), json!(spec.member_of));
            let safety = [
                ("require_where_on_delete", spec.require_where_on_delete),
                ("require_where_on_update", spec.require_where_on_update),
            ];
            for (name, value) in safety {
                if let Some(value) = value {
                    body.insert(name.to_owned(), json!(value));
                }
            }
        }
        Product::Mysql => {
            body.insert("role".to_owned(), json!(spec.access));
            body.insert("replica".to_owned(), json!(spec.replica));
            if !spec.cidrs.is_empty() {
                body.insert("cidrs".to_owned(), json!(spec.cidrs));
            }
        }
    }
    Value::Object(body)
}
