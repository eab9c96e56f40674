// Package collector is the demo's mailbox: an SMTP server that delivers nothing and shows everything.
//
// It promises that a mail it has accepted is on disk and on its page. It refuses to send anything
// anywhere, and keeps only the newest mails. It is for this machine: it knows no passwords and no TLS.
// Read Server and Message first.
package collector

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// box keeps the newest mails in memory and as .eml files.
type box struct {
	dir  string
	keep int

	mu    sync.Mutex
	next  int
	mails []Message // oldest first
}

func openBox(dir string, keep int) (*box, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.eml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	b := &box{dir: dir, keep: keep, next: 1}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		b.insert(strings.TrimSuffix(filepath.Base(path), ".eml"), raw, info.ModTime())
		fmt.Sscanf(filepath.Base(path), "%d", &b.next)
		b.next++
	}
	return b, b.trim()
}

// add stores a mail; it is on disk when add returns.
func (b *box) add(raw []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := fmt.Sprintf("%08d", b.next)
	f, err := os.CreateTemp(b.dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), b.path(id)); err != nil {
		return err
	}
	dir, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return err
	}
	b.next++
	b.insert(id, raw, time.Now())
	return b.trim()
}

func (b *box) path(id string) string { return filepath.Join(b.dir, id+".eml") }

func (b *box) insert(id string, raw []byte, at time.Time) {
	m, err := Parse(raw)
	if err != nil {
		// It was accepted, so it is shown as far as it could be read.
		m.Text = strings.ToValidUTF8(string(raw[:min(len(raw), 64<<10)]), "�")
	}
	m.ID, m.At = id, arrival(at)
	b.mails = append(b.mails, m)
}

func (b *box) trim() error {
	for len(b.mails) > b.keep {
		if err := os.Remove(b.path(b.mails[0].ID)); err != nil {
			return err
		}
		b.mails = slices.Delete(b.mails, 0, 1)
	}
	return nil
}

// list answers mails newest first, those to an address only if to is given.
func (b *box) list(to string, limit int) []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := []Message{}
	for i := len(b.mails) - 1; i >= 0 && len(found) < limit; i-- {
		if to == "" || strings.Contains(strings.ToLower(b.mails[i].To), strings.ToLower(to)) {
			found = append(found, b.mails[i])
		}
	}
	return found
}

func (b *box) get(id string) (Message, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mails {
		if m.ID == id {
			return m, true
		}
	}
	return Message{}, false
}
