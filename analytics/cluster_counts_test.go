package analytics

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// TestReplicaThatLags asks a replica that does not get what the other one has. It must not say that something is not there, and not count.
func TestReplicaThatLags(t *testing.T) {
	r := testReplicas(t)
	a, b := r.open(0), r.open(1)
	now := time.Now().UTC().Truncate(time.Millisecond)
	yesterday := dayOf(now).AddDate(0, 0, -1)
	rows := newShopper(t).rows(t, 80)
	for i := range rows {
		rows[i].At, rows[i].Bot, rows[i].Session = yesterday.Add(time.Hour), false, fmt.Sprint("s", i)
	}
	s := segmentOf(t, rows)
	a.insert["insert_quorum"] = 0
	execOn(t, b, "SYSTEM STOP FETCHES events")
	if err := a.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if there, err := b.holdsSegment(soon, s); err == nil {
		t.Errorf("a replica that lags says %v", there)
	}
	soon, cancel = context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if n, err := b.look(soon, now); err == nil {
		t.Errorf("a replica that lags has counted %d days", n)
	}
	sessions := func(w *warehouse) uint64 {
		t.Helper()
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		query := k.expand("SELECT sum(sessions) FROM @traffic_days", yesterday, yesterday.Add(aDay), now)
		var n uint64
		if err := w.conn.QueryRow(t.Context(), query, clickhouse.Named("from", milliseconds(yesterday)), clickhouse.Named("to", milliseconds(yesterday.Add(aDay)))).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sessions(a); n != 80 {
		t.Fatalf("%d sessions", n)
	}

	// The counts of a day are on the other replica, and only the note of them is here.
	execOn(t, b, "SYSTEM START FETCHES events")
	if there, err := b.holdsSegment(t.Context(), s); err != nil || !there {
		t.Fatal(there, err)
	}
	execOn(t, b, "SYSTEM STOP FETCHES traffic_days")
	time.Sleep(10 * time.Millisecond) // later than what was inserted, to the millisecond
	if n, err := a.look(alone(t.Context()), time.Now().UTC()); err != nil || n == 0 {
		t.Fatal(n, err)
	}
	if err := b.catchUp(t.Context(), "rolled"); err != nil {
		t.Fatal(err)
	}
	if n := sessions(b); n != 80 {
		t.Errorf("with the note but not the counts: %d sessions", n)
	}
	b.cluster = ""
	if n := sessions(b); n == 80 {
		t.Error("without looking for the counts they were there: the control shows nothing")
	}
	b.cluster = r.name
	execOn(t, b, "SYSTEM START FETCHES traffic_days")
	eventually(t, "the counts are trusted", func() bool {
		k, err := b.known(t.Context())
		return err == nil && k.holds(yesterday, 0, time.Now().UTC())
	})
	if a, b := sessions(a), sessions(b); a != 80 || b != 80 {
		t.Errorf("%d and %d sessions", a, b)
	}

	// Control: what a replica counts without having caught up stays wrong.
	late := newShopper(t).rows(t, 20)
	for i := range late {
		late[i].At, late[i].Bot, late[i].Session = yesterday.Add(2*time.Hour), false, fmt.Sprint("late", i)
	}
	execOn(t, b, "SYSTEM STOP FETCHES events")
	s = segmentOf(t, late)
	if err := a.sendSegment(t.Context(), s, s.Token); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	k, err := b.known(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.roll(alone(t.Context()), &k, time.Now().UTC()); err != nil {
		t.Fatal(err)
	}
	execOn(t, b, "SYSTEM START FETCHES events")
	if err := b.catchUp(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	if n := sessions(b); n != 80 {
		t.Errorf("a replica that counts without having caught up has %d sessions, want the wrong 80: the control shows nothing", n)
	}
}

// TestReplicasReports: counts made over one replica and then over the other are those of a recount, on both.
func TestReplicasReports(t *testing.T) {
	r := testReplicas(t)
	hosts := []*warehouse{r.open(0), r.open(1)}
	s, from := newShopper(t), dayOf(time.Now()).AddDate(0, 0, -2)
	sent := 0
	for round := range 4 {
		w := hosts[round%2]
		rows := s.rows(t, 100)
		for i := range rows {
			rows[i].At = from.Add(time.Duration(s.r.Int64N(int64(2 * aDay)))).Truncate(time.Millisecond)
		}
		seg := segmentOf(t, rows)
		for _, to := range hosts { // one batch, whoever is asked to take it
			if err := to.sendSegment(t.Context(), seg, seg.Token); err != nil {
				t.Fatal(err)
			}
		}
		sent += len(rows)
		time.Sleep(10 * time.Millisecond)
		if err := w.catchUp(t.Context(), rolledFrom...); err != nil { // as look does, which would say that somebody has just looked
			t.Fatal(err)
		}
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := w.roll(t.Context(), &k, time.Now().UTC()); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	to, now := dayOf(time.Now()), time.Now().UTC()
	for i, w := range hosts {
		if err := w.catchUp(t.Context(), append(rollupTables(), rolledFrom...)...); err != nil {
			t.Fatal(err)
		}
		if n := number(t, w, "SELECT count() FROM events"); n != uint64(sent) {
			t.Errorf("host %d: %d events of %d", i, n, sent)
		}
		k, err := w.known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !k.holds(from, 0, now) {
			t.Errorf("host %d: nothing is counted: this test shows nothing", i)
		}
		for _, report := range (Reports{}).List() {
			p := Params{From: from, To: to, Interval: "day"}
			bucket, err := p.check()
			if err != nil {
				t.Fatal(err)
			}
			query, err := reportQuery(report.Name, bucket, p)
			if err != nil {
				t.Fatal(err)
			}
			counted, err := w.table(t.Context(), &k, query, report.Columns, p, now)
			if err != nil {
				t.Fatal(err)
			}
			recount, err := w.table(t.Context(), &known{}, query, report.Columns, p, now)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(counted) != fmt.Sprint(recount) {
				t.Errorf("host %d, %s: %v instead of %v", i, report.Name, counted, recount)
			}
		}
	}
}
