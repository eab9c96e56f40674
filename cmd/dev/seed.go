package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"meridian/api"
	"meridian/internal/durable"
	"meridian/internal/flagenv"
)

// progress is what the demo already holds, so that a second start repeats nothing.
type progress struct {
	// Catalogue is the hash of the files that were imported.
	Catalogue string `json:"catalogue"`
	// Orders counts the orders placed.
	Orders int `json:"orders"`
}

// seeding fills a running demo through the doors that people use.
type seeding struct {
	opts  *options
	creds credentials
	root  string // of the repository
	say   func(string, ...any)
	http  *http.Client
	staff *visitor
	done  progress
}

func seed(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := newFlags("seed", out)
	o.target(fs)
	if err := flagenv.Parse(fs, "DEMO", args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	creds, err := readCredentials(&o)
	if err != nil {
		return err
	}
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	return fill(ctx, &o, creds, root, printer(out))
}

// fill brings the demo up to the repository's catalogue and a fixed number of orders.
func fill(ctx context.Context, o *options, creds credentials, root string, say func(string, ...any)) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	client := newHTTP(16)
	defer client.CloseIdleConnections()
	s := &seeding{opts: o, creds: creds, root: root, say: say, http: client,
		staff: newVisitor(o.ports.edgeURL(0), creds.Merchandiser.Token, client)}
	if err := s.load(); err != nil {
		return err
	}
	if err := s.catalogue(ctx); err != nil {
		return err
	}
	if err := s.account(ctx); err != nil {
		return err
	}
	return s.orders(ctx)
}

func (s *seeding) file() string { return s.opts.path("data", "seed.json") }

func (s *seeding) load() error {
	b, err := os.ReadFile(s.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &s.done); err != nil {
		return fmt.Errorf("%s: %w; delete it to seed again", s.file(), err)
	}
	return nil
}

func (s *seeding) save() error { return durable.WriteFile(s.file(), mustJSON(s.done), 0o600) }

// catalogue puts pictures, collections and products in, if they changed since the last time.
func (s *seeding) catalogue(ctx context.Context) error {
	csvPath := filepath.Join(s.root, "demo", "products.csv")
	csv, err := os.ReadFile(csvPath)
	if err != nil {
		return err
	}
	collections, err := os.ReadFile(filepath.Join(s.root, "demo", "collections.json"))
	if err != nil {
		return err
	}
	g, err := hang(filepath.Join(s.root, "demo"))
	if err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	sum, err := catalogueSum(g, csv, collections)
	if err != nil {
		return err
	}
	if sum == s.done.Catalogue {
		return nil
	}
	if err := s.pictures(ctx, g); err != nil {
		return fmt.Errorf("pictures: %w", err)
	}
	if err := s.collections(ctx, collections); err != nil {
		return fmt.Errorf("collections: %w", err)
	}
	var report api.ImportReport
	err = persist(ctx, func() error {
		return s.staff.do(ctx, http.MethodPost, "/admin/api/v1/products/import", "seed-import-"+sum[:32], &body{"text/csv", csv}, &report)
	})
	if err != nil {
		return fmt.Errorf("products: %s: %w%s", csvPath, err, firstFault(err))
	}
	s.say("catalogue: %d products created, %d updated, %d unchanged", report.Created, report.Updated, report.Unchanged)
	if len(report.Warnings) > 0 {
		w := report.Warnings[0]
		s.say("catalogue: %d warnings, the first on line %d, %s: %s", len(report.Warnings), w.Line, w.Column, w.Message)
	}
	s.done.Catalogue = sum
	return s.save()
}

// firstFault names the first line of a file that was refused, or nothing.
func firstFault(err error) string {
	var e *api.Error
	if !errors.As(err, &e) || len(e.Errors) == 0 {
		return ""
	}
	f := e.Errors[0]
	return fmt.Sprintf(" Line %d: %s (%d faults)", f.Line, f.Message, len(e.Errors))
}

// catalogueSum says whether anything of the catalogue has changed; a picture is told by its name and size.
func catalogueSum(g gallery, texts ...[]byte) (string, error) {
	h := sha256.New()
	for _, b := range texts {
		fmt.Fprintf(h, "%d:", len(b))
		h.Write(b)
	}
	for _, file := range g.files() {
		st, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(file), st.Size())
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (s *seeding) collections(ctx context.Context, file []byte) error {
	var all []api.Collection
	if err := json.Unmarshal(file, &all); err != nil {
		return err
	}
	for _, c := range all {
		err := persist(ctx, func() error {
			return s.staff.do(ctx, http.MethodPut, "/admin/api/v1/collections/"+c.Handle, "", jsonBody(c), nil)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", c.Handle, err)
		}
	}
	s.say("catalogue: %d collections", len(all))
	return nil
}

// account registers the shopper, or finds that it is there.
func (s *seeding) account(ctx context.Context) error {
	c := s.creds.Shopper
	shop := newVisitor(s.opts.ports.edgeURL(0), "", s.http)
	err := persist(ctx, func() error {
		return shop.do(ctx, http.MethodPost, "/api/v1/customers", "", jsonBody(api.NewCustomer{Email: c.Email, Password: c.Password, Name: "Robin Shopper"}), nil)
	})
	if code := api.CodeOf(err); err != nil && (code == api.CodeConflict || code == api.CodeInvalid) {
		// There already, or an account that cannot be made: signing in tells which.
		err = persist(ctx, func() error {
			return shop.do(ctx, http.MethodPost, "/api/v1/sessions", "", jsonBody(api.SignIn{Email: c.Email, Password: c.Password}), nil)
		})
	}
	if err != nil {
		return fmt.Errorf("the shopper's account: %w", err)
	}
	return nil
}
