//! What `connect` of asyncmy takes (<https://github.com/long2ice/asyncmy>), with what makes its TLS context beside that, as
//! for PyMySQL.

use crate::dsn::formats::pymysql::PYMYSQL;
use crate::dsn::formats::{JSON, Reader, Spec};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: None,
    mysql: Some(&Reader { driver: "asyncmy 0.2", traps: &[UNBOUNDED], open: OPEN, ..PYMYSQL }),
};

pub(super) const UNBOUNDED: &str = "`connect_timeout` is over once TCP is connected: put `asyncio.timeout` around what may wait for a server that says nothing";

const OPEN: &str = "\
import json
import ssl

import asyncmy

options = json.loads(dsn)
context = ssl.create_default_context(**options.pop(\"ssl_context\"))
connection = await asyncmy.connect(ssl=context, **options)";
