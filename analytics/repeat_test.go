package analytics

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestWithoutDeduplicationRowsDouble switches the deduplication off and must see the difference.
func TestWithoutDeduplicationRowsDouble(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 50)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	content, err := readSegment(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addr: e.url(), Dir: dir, Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := openWarehouse(t.Context(), &cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	e.exec("SYSTEM STOP MERGES") // a merge would collapse the copies before they are counted
	send := func(mode string) {
		t.Helper()
		w.insert["deduplicate_insert"] = mode
		if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
			t.Fatal(err)
		}
	}
	send("enable")
	send("enable")
	if n := e.number("SELECT count() FROM events"); n != 50 {
		t.Fatalf("with deduplication: %d rows", n)
	}
	send("disable")
	if n := e.number("SELECT count() FROM events"); n != 100 {
		t.Fatalf("without deduplication: %d rows, want 100: the control shows nothing", n)
	}
	if n := e.number("SELECT count() FROM clickstream"); n != 50 {
		t.Fatalf("readers see %d rows", n)
	}
}

// TestAcknowledgedButNotThere is what a kill leaves between ClickHouse's note of a token and the part
// itself: the repeat is acknowledged, and there are no rows.
func TestAcknowledgedButNotThere(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	dir := t.TempDir()
	sealedFiles(t, newShopper(t), dir, 1, 50)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+sealedSuffix))
	content, err := readSegment(files[0])
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addr: e.url(), Dir: t.TempDir(), Edge: "edge-a"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	w, err := openWarehouse(t.Context(), &cfg, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	e.exec("DELETE FROM events WHERE 1") // the rows go, the token stays
	if err := w.sendSegment(t.Context(), content, content.Token); err != nil {
		t.Fatal(err)
	}
	if n := e.number("SELECT count() FROM events"); n != 0 {
		t.Fatalf("the token was forgotten: %d rows", n)
	}
	a := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	drained(t, a)
	once(t, e, 50)
	if st := a.Stats(); st.Reinserted != 1 {
		t.Errorf("reinserted %d", st.Reinserted)
	}
}

// TestRepeatAfterTheWindow: the token of a batch is forgotten, and then the batch comes again.
func TestRepeatAfterTheWindow(t *testing.T) {
	t.Parallel()
	e := startEngine(t)
	dir, copied := t.TempDir(), t.TempDir()
	sealedFiles(t, newShopper(t), dir, 3, 40)
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	first := openTest(t, Config{Addr: e.url(), Dir: dir, Edge: "edge-a"})
	drained(t, first)
	e.exec("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 1")
	if err := first.Record(t.Context(), newShopper(t).batch(5, time.Now()), Client{}); err != nil { // pushes the tokens out
		t.Fatal(err)
	}
	drained(t, first)
	second := openTest(t, Config{Addr: e.url(), Dir: copied, Edge: "edge-a"})
	drained(t, second)
	once(t, e, 125)
	recounts(t, e)
}
