package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

func openPgx(c testCase) (outcome, error) {
	said, err := openPgxConnection(c, c.DSN)
	// Its pool and its driver for database/sql must come to the same.
	for _, open := range []func(testCase) (outcome, error){openPgxPool, openPgxStdlib} {
		if other, otherErr := open(c); (otherErr == nil) != (err == nil) || other.User != said.User {
			return outcome{User: "they do not agree"}, nil
		}
	}
	return said, err
}

func openPgxConnection(c testCase, dsn string) (outcome, error) {
	connection, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		return outcome{}, err
	}
	defer connection.Close(context.Background())
	return ask(c, func(query string, parameters ...any) scanner {
		return connection.QueryRow(context.Background(), query, parameters...)
	})
}
