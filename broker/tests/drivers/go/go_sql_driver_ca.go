package main

import (
	"crypto/x509"
	"database/sql"

	"github.com/go-sql-driver/mysql"
)

func openWithCA(dsn, ca_pem string, use func(*sql.DB) error) error {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	config.TLS.RootCAs = x509.NewCertPool()
	config.TLS.RootCAs.AppendCertsFromPEM([]byte(ca_pem))
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	return use(db)
}
