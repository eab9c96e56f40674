package recseval

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"meridian/api"
)

// Session is what somebody looked at, oldest first.
type Session struct {
	End   time.Time
	Items []string
}

// ReadFile reads a file of sessions, which is unpacked if its name ends in .gz. Errors name the file.
func ReadFile(path string) (sessions []Session, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if sessions, err = Read(r); err == nil && len(sessions) == 0 {
		err = errors.New("there is no session in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return sessions, nil
}

// maxLine bounds a session, in bytes.
const maxLine = 1 << 20

// Read reads a session a line: its end in Unix seconds, then its items in order, with blanks or tabs between. Empty lines, and those that begin with
// #, are skipped.
func Read(r io.Reader) ([]Session, error) {
	var out []Session
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		f := strings.Fields(lines.Text())
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		seconds, err := strconv.ParseFloat(f[0], 64)
		if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > maxTime {
			return nil, fmt.Errorf("line %d: %q is no time: give Unix seconds from 0 to %d, then the items", n, f[0], maxTime)
		}
		if len(f) == 1 {
			return nil, fmt.Errorf("line %d: a time and no items", n)
		}
		for _, item := range f[1:] {
			if !isItem(item) {
				return nil, fmt.Errorf("line %d: %.40q is no item: give numbers, or words of a-z, 0-9 and hyphens, at most %d bytes", n, item, maxItem)
			}
		}
		out = append(out, Session{End: time.UnixMilli(int64(math.Round(seconds * 1000))).UTC(), Items: f[1:]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return out, nil
}

// maxItem bounds an item, in bytes.
const maxItem = 200

// isItem reports whether an item has the form of a product's handle, which it is taken for.
func isItem(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && i > 0 && i < len(s)-1) {
			return false
		}
	}
	return len(s) <= maxItem
}

// maxTime is the end of the year 2199: ClickHouse's DateTime64 goes up to 2299.
const maxTime = 7258118399

// Events are the views of a session, the nth of its file, as a browser would have told them: a millisecond apart, the last when the session ended. The same
// session has the same events every time.
func (s Session) Events(n int) []api.Event {
	out := make([]api.Event, len(s.Items))
	for i, item := range s.Items {
		out[i] = api.Event{ID: eventID(n, i), Type: "view_item", Session: "session-" + strconv.Itoa(n), Items: []api.EventItem{{ItemID: item}},
			At: s.End.Add(-time.Duration(len(s.Items)-1-i) * time.Millisecond).Format(time.RFC3339Nano)}
	}
	return out
}

// eventID is a UUID of version 8 (RFC 9562, 5.8): both numbers as they are.
func eventID(session, view int) string {
	return fmt.Sprintf("%08x-0000-8000-8000-%012x", uint32(session), view)
}
