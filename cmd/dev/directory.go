package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"

	"meridian/internal/durable"
	"meridian/internal/flagenv"
)

// diskNeeded is the least free space to start with: below it a running demo soon fails its fsyncs.
const diskNeeded = 500 << 20

// directory is the demo's state on disk, held by one process at a time.
type directory struct {
	opts  *options
	lock  *os.File
	creds credentials
}

// credentials is .demo/credentials.json.
type credentials struct {
	Merchandiser login `json:"merchandiser"`
	Operator     login `json:"operator"`
	Shopper      login `json:"shopper"`
}

type login struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Token    string `json:"token,omitempty"`
}

// openDirectory locks the directory and makes what is missing in it.
func openDirectory(o *options) (*directory, error) {
	for _, d := range []string{"run", "log", "data", "secrets"} {
		if err := os.MkdirAll(o.path(d), 0o700); err != nil {
			return nil, flagenv.Errorf("dir", "cannot make %s (%v); give a directory that can be written", o.path(d), err)
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(o.dir, &disk); err != nil {
		return nil, fmt.Errorf("ask for the free space of %s: %w", o.dir, err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < diskNeeded {
		return nil, flagenv.Errorf("dir", "%s has %d MB free and the demo needs %d; make room or give another directory", o.dir, free>>20, diskNeeded>>20)
	}
	lock, err := os.OpenFile(o.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, flagenv.Errorf("dir", "cannot open %s (%v); give a directory that can be written", o.path("lock"), err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, flagenv.Errorf("dir", "another demo runs in %s; stop it first, or give another directory and --port-base", o.dir)
	}
	d := &directory{opts: o, lock: lock}
	if err := d.secrets(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *directory) close() { d.lock.Close() }

func (d *directory) secret(name string) string { return d.opts.path("secrets", name) }

// secrets makes everything secret once; later starts find it.
func (d *directory) secrets() error {
	for _, name := range []string{"cluster.token", "cookie.secret", "s3.secret"} {
		if err := writeOnce(d.secret(name), func() []byte { return []byte(randomHex(32) + "\n") }); err != nil {
			return err
		}
	}
	if err := makeKeyring(d.secret("keyring")); err != nil {
		return err
	}
	err := writeOnce(d.opts.path("credentials.json"), func() []byte {
		c := credentials{
			Merchandiser: login{"merchandiser@meridian.example", randomPassword(), "mst_" + randomHex(24)},
			Operator:     login{"operator@meridian.example", randomPassword(), "mst_" + randomHex(24)},
			Shopper:      login{Email: "shopper@meridian.example", Password: randomPassword()},
		}
		return mustJSON(c)
	})
	if err != nil {
		return err
	}
	if d.creds, err = readCredentials(d.opts); err != nil {
		return err
	}
	type staff struct {
		Email    string `json:"email"`
		Role     string `json:"role"`
		Password string `json:"password"`
		Token    string `json:"token"`
	}
	m, o := d.creds.Merchandiser, d.creds.Operator
	return durable.WriteFile(d.secret("staff.json"), mustJSON([]staff{
		{m.Email, "merchandiser", m.Password, m.Token}, {o.Email, "operator", o.Password, o.Token},
	}), 0o600)
}

func readCredentials(o *options) (c credentials, err error) {
	b, err := os.ReadFile(o.path("credentials.json"))
	if errors.Is(err, os.ErrNotExist) {
		return c, flagenv.Errorf("dir", "there is no demo in %s; start one with dev up, or give its directory", o.dir)
	}
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("read %s: %w; delete the demo's directory to start afresh", o.path("credentials.json"), err)
	}
	return c, nil
}

func writeOnce(path string, content func() []byte) error {
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		return nil
	}
	return durable.WriteFile(path, content(), 0o600)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func randomPassword() string {
	b := make([]byte, 12)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func mustJSON(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("dev: a plain struct does not encode: " + err.Error())
	}
	return append(b, '\n')
}
