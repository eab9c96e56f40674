package https

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Pair names a certificate with its chain, and its private key; both are PEM.
type Pair struct{ Cert, Key string }

// lookEvery is how often the files are looked at: two stat calls a pair.
const lookEvery = 2 * time.Second

// Files are certificates out of files. Handshakes never touch the file system: Run looks at it.
type Files struct {
	log   *slog.Logger
	every time.Duration
	pairs []*watched // of Open and Run only
	now   atomic.Pointer[[]tls.Certificate]
}

// watched is a pair with what is known of its files.
type watched struct {
	Pair
	cert    tls.Certificate
	inForce state
	doubted state // cannot be used: seen once, since a certificate and its key are never replaced in one instant
	told    bool  // seen twice, and logged
}

// Open reads the files. A certificate that has ended or has not begun is served all the same: the shop's plain
// listener and every other certificate are of use. The error is one line.
func Open(pairs []Pair, log *slog.Logger) (*Files, error) {
	f := &Files{log: log, every: lookEvery}
	for _, p := range pairs {
		w := &watched{Pair: p, inForce: look(p)}
		var err error
		if w.cert, err = tls.LoadX509KeyPair(p.Cert, p.Key); err != nil {
			return nil, fmt.Errorf("%s with %s: %w", p.Cert, p.Key, plain(err))
		}
		if err := current(w.cert, time.Now()); err != nil {
			log.Error("browsers will refuse this certificate: replace it", "file", p.Cert, "err", err)
		}
		f.pairs = append(f.pairs, w)
	}
	if len(f.pairs) == 0 {
		return nil, errors.New("no certificate is named")
	}
	f.publish()
	return f, nil
}

// Run reads files again when they change, until ctx ends.
func (f *Files) Run(ctx context.Context) {
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.look(now)
		}
	}
}

// look uses what changed and is good.
func (f *Files) look(now time.Time) {
	changed := false
	for _, w := range f.pairs {
		at := look(w.Pair)
		if at.same(w.inForce) {
			w.doubted, w.told = state{}, false
			continue
		}
		if at.same(w.doubted) && w.told {
			continue
		}
		cert, err := tls.LoadX509KeyPair(w.Cert, w.Key)
		if err == nil {
			err = current(cert, now)
		}
		switch {
		case err == nil:
			w.cert, w.inForce, w.doubted, w.told = cert, at, state{}, false
			changed = true
			f.log.Info("a certificate was read again", "file", w.Cert, "names", cert.Leaf.DNSNames, "expires", cert.Leaf.NotAfter)
		case at.same(w.doubted):
			w.told = true
			f.log.Error("the changed certificate cannot be used, and the old one stays in force: write a certificate that goes with its key", "file", w.Cert, "key", w.Key, "err", plain(err))
		default:
			w.doubted, w.told = at, false
		}
	}
	if changed {
		f.publish()
	}
}

func (f *Files) publish() {
	all := make([]tls.Certificate, len(f.pairs))
	for i, w := range f.pairs {
		all[i] = w.cert
	}
	f.now.Store(&all)
}

// Certificate is the first that suits the client, else the first of all. It is a Certificate of Config.
func (f *Files) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	all := *f.now.Load()
	if len(all) > 1 {
		for i := range all {
			if hello.SupportsCertificate(&all[i]) == nil {
				return &all[i], nil
			}
		}
	}
	return &all[0], nil
}

// Expires is when the certificates end, by their first name; of two with one name the earlier.
func (f *Files) Expires() map[string]time.Time {
	ends := map[string]time.Time{}
	for _, c := range *f.now.Load() {
		name := c.Leaf.Subject.CommonName
		if len(c.Leaf.DNSNames) > 0 {
			name = c.Leaf.DNSNames[0]
		}
		if t, ok := ends[name]; !ok || c.Leaf.NotAfter.Before(t) {
			ends[name] = c.Leaf.NotAfter
		}
	}
	return ends
}

// current says why a certificate is not for now.
func current(c tls.Certificate, now time.Time) error {
	switch {
	case now.After(c.Leaf.NotAfter):
		return fmt.Errorf("it ended at %s", c.Leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.Leaf.NotBefore):
		return fmt.Errorf("it begins at %s", c.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// state is what two files look like from outside; nil for one that is not there.
type state struct{ cert, key fs.FileInfo }

func look(p Pair) (s state) {
	s.cert, _ = os.Stat(p.Cert)
	s.key, _ = os.Stat(p.Key)
	return s
}

func (s state) same(other state) bool { return same(s.cert, other.cert) && same(s.key, other.key) }

func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// plain drops what an error of the file system says twice.
func plain(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return fmt.Errorf("%s cannot be read: %w", p.Path, p.Err)
	}
	return err
}
