package main

import (
	"database/sql"

	_ "github.com/lib/pq"
)

func openLibPq(c testCase) (outcome, error) {
	dsn := c.DSN
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		return outcome{}, err
	}
	return askDB(c, db)
}
