package analytics

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestTableOrder: ClickHouse puts rows into the order in which they are sent, so that it has nothing to move.
func TestTableOrder(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	w := e.warehouse()
	now := time.Now().UTC().Truncate(time.Second)
	s := segment{Edge: "edge-a", Region: "eu", Stored: now, Token: "order"}
	for i := range 3000 {
		id := uuid.New()
		if i%2 == 0 {
			id = uuid.Must(uuid.NewV7())
		}
		s.Rows = append(s.Rows, Row{ID: id, Type: []string{"view_item", "add_to_cart", "rec_click"}[i%3], At: now, Received: now,
			StatedDay: now.Truncate(aDay).AddDate(0, 0, -i%2), Session: "s", Results: -1})
	}
	if err := w.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	var ids []uuid.UUID
	if err := w.conn.QueryRow(t.Context(), "SELECT groupArray(id) FROM (SELECT id FROM events ORDER BY stated_day, toString(type), id)").Scan(&ids); err != nil {
		t.Fatal(err)
	}
	var sent []uuid.UUID
	for _, r := range inTableOrder(s.Rows) {
		sent = append(sent, r.ID)
	}
	if !slices.Equal(ids, sent) {
		t.Error("ClickHouse has another order than rows are sent in")
	}
}
