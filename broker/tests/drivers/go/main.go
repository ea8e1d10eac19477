// Opens a session for each case with the lines that came with it, and says whose it is.
//
// Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs. Go cannot run lines that it is
// given: those of each format are in the file that is named after its driver, as they are shown.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
)

type testCase struct {
	ID       string  `json:"id"`
	Format   string  `json:"format"`
	Protocol string  `json:"protocol"`
	DSN      string  `json:"dsn"`
	CA       *string `json:"ca_pem"`
	Pooled   bool    `json:"pooled"`
}

type outcome struct {
	ID        string `json:"id"`
	User      string `json:"user,omitempty"`
	Encrypted *bool  `json:"encrypted,omitempty"`
	Asked     int    `json:"asked,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Whose session it is, and whether it is encrypted; the last column is the parameter.
var who = map[string]string{
	"postgres": `select current_user::text, (select ssl from pg_stat_ssl where pid = pg_backend_pid()), $1::text`,
	"mysql": `select substring_index(current_user(), '@', 1), (select variable_value <> ''
		from information_schema.session_status where variable_name = 'Ssl_cipher'), ?`,
}

var formats = map[string]func(testCase) (outcome, error){
	"pgx":           openPgx,
	"lib-pq":        openLibPq,
	"go-sql-driver": openGoSQLDriver,
	"gorm":          openGorm,
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	output := json.NewEncoder(os.Stdout)
	for _, c := range cases {
		said, err := formats[c.Format](c)
		if err != nil {
			said = outcome{Error: err.Error()}
		}
		said.ID = c.ID
		if err := output.Encode(said); err != nil {
			panic(err)
		}
	}
}

// row is one of pgx or of database/sql.
type row interface{ Scan(...any) error }

// ask asks a session whose it is: through a pooler ten times, as drivers may prepare what they are asked again.
func ask(c testCase, said *outcome, query func(string, ...any) row) error {
	times := 1
	if c.Pooled {
		times = 10
		said.Asked = times
	}
	said.Encrypted = new(bool)
	for i := range times {
		var parameter string
		err := query(who[c.Protocol], fmt.Sprint(i)).Scan(&said.User, said.Encrypted, &parameter)
		if err != nil {
			return err
		}
	}
	return nil
}

// askDB asks what was opened with this error, if any.
func askDB(c testCase, db *sql.DB, err error, said *outcome) error {
	if err != nil {
		return err
	}
	defer db.Close()
	return ask(c, said, func(query string, parameters ...any) row {
		return db.QueryRow(query, parameters...)
	})
}
