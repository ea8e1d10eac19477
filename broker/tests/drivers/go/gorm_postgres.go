package main

import (
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

func gormPostgres(c testCase, said *outcome) error {
	dsn := c.DSN
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{})
	return askGorm(c, db, err, said)
}
