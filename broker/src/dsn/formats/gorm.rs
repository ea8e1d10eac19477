//! The same texts for GORM (<https://gorm.io/docs/connecting_to_the_database.html>), which opens them with pgx or Go-MySQL-Driver.

use crate::dsn::formats::{Reader, Spec, TEXT, go_sql_driver, pgx};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        driver: "GORM 1.31 with pgx 5.12",
        traps: &[],
        open: "\
import (
	\"gorm.io/driver/postgres\"
	\"gorm.io/gorm\"
)

db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{})",
        ..pgx::READER
    }),
    mysql: Some(&Reader {
        driver: "GORM 1.31 with Go-MySQL-Driver 1.10",
        open: "\
import (
	\"gorm.io/driver/mysql\"
	\"gorm.io/gorm\"
)

db, err := gorm.Open(mysql.Open(dsn), &gorm.Config{})",
        open_private: Some(
            "\
import (
	\"crypto/x509\"
	\"database/sql\"

	driver \"github.com/go-sql-driver/mysql\"
	\"gorm.io/driver/mysql\"
	\"gorm.io/gorm\"
)

config, err := driver.ParseDSN(dsn)
if err != nil {
	return err
}
config.TLS.RootCAs = x509.NewCertPool()
config.TLS.RootCAs.AppendCertsFromPEM([]byte(ca_pem))
connector, err := driver.NewConnector(config)
if err != nil {
	return err
}
conn := sql.OpenDB(connector)
db, err := gorm.Open(mysql.New(mysql.Config{Conn: conn}), &gorm.Config{})",
        ),
        ..go_sql_driver::READER
    }),
};
