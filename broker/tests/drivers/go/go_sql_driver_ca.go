package main

import (
	"crypto/x509"
	"database/sql"

	"github.com/go-sql-driver/mysql"
)

func withCA(c testCase, said *outcome) error {
	dsn, ca_pem := c.DSN, *c.CA
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
	return askDB(c, db, nil, said)
}
