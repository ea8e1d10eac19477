package main

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
)

func pgxPool(c testCase, said *outcome) error {
	pool, err := pgxpool.New(context.Background(), c.DSN)
	if err != nil {
		return err
	}
	defer pool.Close()
	return ask(c, said, func(query string, parameters ...any) row {
		return pool.QueryRow(context.Background(), query, parameters...)
	})
}

func pgxStdlib(c testCase, said *outcome) error {
	db, err := sql.Open("pgx", c.DSN)
	return askDB(c, db, err, said)
}
