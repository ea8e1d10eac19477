package main

import (
	"database/sql"

	_ "github.com/go-sql-driver/mysql"
)

func openGoSQLDriver(c testCase) (outcome, error) {
	said, err := openWithSystemRoots(c, c.DSN)
	if c.CA == nil {
		return said, err
	}
	if err == nil {
		return outcome{User: "the system's roots do not vouch for it"}, nil
	}
	err = openWithCA(c.DSN, *c.CA, func(db *sql.DB) (err error) {
		said, err = askDB(c, db)
		return err
	})
	return said, err
}

func openWithSystemRoots(c testCase, dsn string) (outcome, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return outcome{}, err
	}
	return askDB(c, db)
}
