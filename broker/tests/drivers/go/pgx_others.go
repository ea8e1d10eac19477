package main

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
)

func openPgxPool(c testCase) (outcome, error) {
	pool, err := pgxpool.New(context.Background(), c.DSN)
	if err != nil {
		return outcome{}, err
	}
	defer pool.Close()
	return ask(c, func(query string, parameters ...any) scanner {
		return pool.QueryRow(context.Background(), query, parameters...)
	})
}

func openPgxStdlib(c testCase) (outcome, error) {
	db, err := sql.Open("pgx", c.DSN)
	if err != nil {
		return outcome{}, err
	}
	return askDB(c, db)
}
