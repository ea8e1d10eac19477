package main

import (
	"database/sql"

	_ "github.com/lib/pq"
)

func openLibPq(c testCase) (said outcome, err error) {
	dsn := c.DSN
	db, err := sql.Open("postgres", dsn)
	err = askDB(c, db, err, &said)
	return said, err
}
