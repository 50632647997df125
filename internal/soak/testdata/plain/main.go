// Command plain is a host without the library: a server and a database.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"

	_ "modernc.org/sqlite"
)

func main() {
	db, err := sql.Open("sqlite", "app.db")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("GET /wallets/{id}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if err := db.QueryRowContext(r.Context(), "SELECT count(*) FROM wallet WHERE id = ?", r.PathValue("id")).Scan(&n); err != nil {
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, n)
	})
	log.Fatal(http.ListenAndServeTLS("127.0.0.1:8443", "app.crt", "app.pem", nil))
}
