//! A credential as the text that is sealed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Credential, EndpointName, Place};
use crate::secret::Secret;

/// A credential in the clear, on its way into a seal or out of it.
#[derive(Serialize, Deserialize)]
pub struct StoredCredential<Text> {
    username: Text,
    password: Text,
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    places: BTreeMap<EndpointName, StoredPlace<Text>>,
}

#[derive(Serialize, Deserialize)]
struct StoredPlace<Text> {
    host: Option<Text>,
    port: Option<u16>,
    username: Option<Text>,
    password: Option<Text>,
    dbname: Option<Text>,
}

impl<'a> StoredCredential<&'a str> {
    /// To be written.
    pub fn of(credential: &'a Credential) -> Self {
        let place = |(name, place): (&EndpointName, &'a Place)| {
            let stored = StoredPlace {
                host: place.host.as_deref(),
                port: place.port,
                username: place.username.as_deref(),
                password: place.password.as_ref().map(Secret::expose),
                dbname: place.dbname.as_deref(),
            };
            (name.clone(), stored)
        };
        Self {
            username: &credential.username,
            password: credential.password.expose(),
            places: credential.places.iter().map(place).collect(),
        }
    }
}

impl StoredCredential<String> {
    /// As it was.
    pub fn into_credential(self) -> Credential {
        let place = |(name, place): (EndpointName, StoredPlace<String>)| {
            let StoredPlace { host, port, username, password, dbname } = place;
            (name, Place { host, port, username, password: password.map(Secret::new), dbname })
        };
        Credential {
            username: self.username,
            password: Secret::new(self.password),
            places: self.places.into_iter().map(place).collect(),
        }
    }
}
