package main

import (
	"crypto/x509"
	"database/sql"

	driver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func gormWithCA(c testCase, said *outcome) error {
	dsn, ca_pem := c.DSN, *c.CA
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
	db, err := gorm.Open(mysql.New(mysql.Config{Conn: conn}), &gorm.Config{})
	return askGorm(c, db, err, said)
}
