package main

import (
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
)

func gormWithSystemRoots(c testCase, said *outcome) error {
	dsn := c.DSN
	db, err := gorm.Open(mysql.Open(dsn), &gorm.Config{})
	return askGorm(c, db, err, said)
}
