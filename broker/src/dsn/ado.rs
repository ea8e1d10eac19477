//! Connection strings of ADO.NET
//! (<https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax>).

use crate::dsn::{Parameter, Settings, Value};

/// What these drivers are told of libpq's parameters of these names has one value.
pub(super) const SSL_NEGOTIATION: &str = "SSL Negotiation";
pub(super) const CHANNEL_BINDING: &str = "Channel Binding";

/// `Key="value";…`, each value in quotes.
pub(super) fn ado(settings: &Settings<'_>) -> String {
    let mut text = String::with_capacity(512);
    for (name, value) in settings.expose() {
        let value = match (name, value) {
            // These are words of C#.
            (_, Value::Flag(flag)) => Value::Text(if flag { "true" } else { "false" }),
            (SSL_NEGOTIATION, _) => Value::Text("Direct"),
            (CHANNEL_BINDING, _) => Value::Text("Require"),
            (_, other) => other,
        };
        text.extend([name, "=\""]);
        value.with_text(|value| text.push_str(&value.replace('"', "\"\"")));
        text.push_str("\";");
    }
    text.pop();
    text
}

/// Hosts come in lists, with ports, or as paths of sockets.
pub(super) fn takes(parameter: Parameter, text: &str) -> bool {
    parameter != Parameter::Host || !text.contains([',', '/', '\\', ' '])
}
