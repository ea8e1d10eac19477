package main

import (
	"database/sql"

	_ "github.com/go-sql-driver/mysql"
)

func openGoSQLDriver(c testCase) (outcome, error) {
	return openMySQL(c, withSystemRoots, withCA)
}

// openMySQL opens a session as it is shown for a CA, and sees that it takes those lines.
func openMySQL(c testCase, withSystemRoots, withCA func(testCase, *outcome) error) (said outcome, err error) {
	err = withSystemRoots(c, &said)
	if c.CA == nil {
		return said, err
	}
	if err == nil {
		return outcome{User: "the system's roots vouch for it"}, nil
	}
	err = withCA(c, &said)
	return said, err
}

func withSystemRoots(c testCase, said *outcome) error {
	dsn := c.DSN
	db, err := sql.Open("mysql", dsn)
	return askDB(c, db, err, said)
}
