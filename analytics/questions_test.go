package analytics

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"meridian/api"
)

// TestQuestions asks every question of docs/ANALYTICS.md, over events and orders of which each finds something, or says why it does not.
func TestQuestions(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/ANALYTICS.md")
	if err != nil {
		t.Fatal(err)
	}
	e := startEngine(t)
	a := openTest(t, Config{Addr: e.url(), Region: "eu"})
	s, now := newShopper(t), time.Now()
	for range 4 {
		if err := a.Record(t.Context(), s.batch(100, now), Client{Device: "mobile"}); err != nil {
			t.Fatal(err)
		}
	}
	drained(t, a)
	slice := api.OutboxSlice{Slice: 1, Timeline: 1}
	for seq := range uint64(20) {
		o := order(seq+1, now.Add(-time.Hour), fmt.Sprintf("s%d", s.r.IntN(40)), "mug-1", 2, 500)
		other := o.Order.Lines[0]
		other.Handle = "mug-2"
		o.Order.Lines = append(o.Order.Lines, other)
		slice.Entries = append(slice.Entries, o)
	}
	if _, err := a.DeliverOutbox(t.Context(), &sliceList{list: []api.OutboxSlice{slice}}); err != nil {
		t.Fatal(err)
	}
	questions := regexp.MustCompile("(?s)\n([^\n]+)\n\n```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(questions) != 20 {
		t.Errorf("%d questions, and the page says twenty", len(questions))
	}
	answered := 0
	for _, q := range questions {
		rows, err := e.conn().Query(t.Context(), q[2])
		if err != nil {
			t.Errorf("%s\n%v", q[1], err)
			continue
		}
		if rows.Next() {
			answered++
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s\n%v", q[1], err)
		}
		_ = rows.Close()
	}
	if answered < 14 { // no refunds, no cart emptied, nothing counted yet, nobody of four weeks ago
		t.Errorf("only %d questions have an answer", answered)
	}
}
