package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

func openPgx(c testCase) (said outcome, err error) {
	err = pgxConnection(c, &said)
	// Its pool and its driver for database/sql must come to the same.
	for _, open := range []func(testCase, *outcome) error{pgxPool, pgxStdlib} {
		var other outcome
		if otherErr := open(c, &other); (otherErr == nil) != (err == nil) || other.User != said.User {
			return outcome{User: "they do not agree"}, nil
		}
	}
	return said, err
}

func pgxConnection(c testCase, said *outcome) error {
	dsn := c.DSN
	connection, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		return err
	}
	defer connection.Close(context.Background())
	return ask(c, said, func(query string, parameters ...any) row {
		return connection.QueryRow(context.Background(), query, parameters...)
	})
}
