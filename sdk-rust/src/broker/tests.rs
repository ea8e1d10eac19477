use super::*;

fn said(variables: &[(&str, &str)]) -> Result<Builder, Error> {
    Builder::from_variables(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn all_that_is_wrong_in_the_environment_is_said_at_once() {
    let wrong = said(&[("DSN_BROKER_CA", "/ca"), ("DSN_BROKER_CA_PEM", "pem"), ("DSN_BROKER_KEY", "/key")]);
    let wrong = wrong.unwrap_err().to_string();
    for words in ["DSN_BROKER_CA_PEM are both set", "only one is set"] {
        assert!(wrong.contains(words), "{wrong}");
    }
}

#[test]
fn each_variable_is_taken_for_what_it_is() {
    let url = ("DSN_BROKER_URL", "https://broker");
    let builder = said(&[
        url,
        ("DSN_BROKER_CA_PEM", "the text"),
        ("DSN_BROKER_CERT", "/cert"),
        ("DSN_BROKER_KEY", "/key"),
        ("DSN_BROKER_INSTANCE", "one"),
        ("DSN_BROKER_TOKEN_FILE", "/token"),
        ("DSN_BROKER_TOKEN", "hidden"),
    ]);
    let builder = format!("{:?}", builder.unwrap());
    for words in ["Pem(\"the text\")", "/cert", "/key", "\"one\"", "the file /token"] {
        assert!(builder.contains(words) && !builder.contains("hidden"), "{builder}");
    }
    let builder = format!("{:?}", said(&[url, ("DSN_BROKER_CA", "/ca"), ("DSN_BROKER_CA_PEM", "")]).unwrap());
    assert!(builder.contains("File(\"/ca\")"), "what is empty is not set: {builder}");
}

#[test]
fn a_ca_that_is_none_is_refused_at_once() {
    let error = Broker::builder("https://broker").proof(Proof::text("x")).ca_pem("none").build().unwrap_err();
    assert!(error.to_string().contains("CA cannot be used"), "{error}");
}
