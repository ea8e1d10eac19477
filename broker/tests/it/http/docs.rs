//! The document and its page.

use reqwest::Method;

use crate::stand::{Answer, Stand, run};

#[test]
fn the_page_needs_nobody_else() {
    run(async {
        let stand = Stand::start().await;
        let get = async |path: &str| Answer::of(stand.request(Method::GET, path)).await;
        let page = get("/docs/").await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
        let policy = page.headers["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        let is_outside =
            |text: &str| text.contains("http://") || text.contains("https://") || text.contains("\"//");
        assert!(!is_outside(&page.text), "{}", page.text);
        let mut assets: Vec<String> = Vec::new();
        for attribute in ["src=\"", "href=\""] {
            assets.extend(
                page.text.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
            );
        }
        assert!(assets.len() >= 4, "{assets:?}");
        for asset in &assets {
            let answer = get(&format!("/docs/{}", asset.trim_start_matches("./"))).await;
            assert_eq!(answer.status, 200, "{asset}");
            if asset.ends_with("swagger-initializer.js") {
                assert!(!is_outside(&answer.text), "{}", answer.text);
                assert!(answer.text.contains("/openapi.json"), "{}", answer.text);
                assert!(answer.text.contains(r#""validatorUrl": "none""#), "{}", answer.text);
            }
        }
        assert!(assets.iter().any(|asset| asset.ends_with("swagger-initializer.js")), "{assets:?}");
        let redirect = get("/docs").await;
        assert_eq!(redirect.status, 200, "after the redirect");
        let document = get("/openapi.json").await.ok();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["security"], serde_json::json!([{ "bearer": [] }, { "certificate": [] }]));
        stand.stop().await;
    });
}
