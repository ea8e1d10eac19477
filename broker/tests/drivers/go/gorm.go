package main

import "gorm.io/gorm"

func openGorm(c testCase) (said outcome, err error) {
	if c.Protocol == "mysql" {
		return openMySQL(c, gormWithSystemRoots, gormWithCA)
	}
	err = gormPostgres(c, &said)
	return said, err
}

func askGorm(c testCase, opened *gorm.DB, err error, said *outcome) error {
	if err != nil {
		return err
	}
	db, err := opened.DB()
	return askDB(c, db, err, said)
}
