package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/api/coreclient"
	"meridian/cmd/core/node"
	"meridian/core"
	"meridian/core/payments"
	"meridian/deploy/local/payments/sandbox"
	"meridian/internal/objects"
	"meridian/internal/objects/s3test"
)

// asked calls an endpoint of a node, as an edge does.
func asked[Req, Resp any](t *testing.T, n *node.Node, ep api.Endpoint[Req, Resp], req Req, c api.Call) (Resp, error) {
	t.Helper()
	client, err := coreclient.New(coreclient.Config{Nodes: []coreclient.Node{{ID: "core-1", Region: "local", Addr: n.Addr()}}, Region: "local", Token: "a secret of more than sixteen", Edge: "edge-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, _, err := coreclient.Do(ctx, client, ep, req, c)
	return v, err
}

// TestTwoRestoresOfOneBackup: of two shops out of one backup only one compares charges, sells and serves.
// The other one would take the orders of the first for lost ones, and refund them.
func TestTwoRestoresOfOneBackup(t *testing.T) {
	srv := s3test.Start(t)
	dir := t.TempDir()
	s3 := objects.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "backups"}
	ring, secretFile := filepath.Join(dir, "ring"), filepath.Join(dir, "s3.secret")
	if err := os.WriteFile(secretFile, []byte(srv.SecretKey), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := sandbox.New(sandbox.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(nil)
	go server.Serve(ts.Listener)
	t.Cleanup(func() { server.Close() })
	provider, err := payments.New(payments.Config{URL: "http://" + ts.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	restoreInto := func(name, more string) string {
		t.Helper()
		data := filepath.Join(dir, name)
		if err := run(t.Context(), strings.Fields(fmt.Sprintf("restore --s3-endpoint %s --s3-access-key %s --s3-secret-key-file %s --from s3://backups/shop --data %s --raft-addr 127.0.0.1:9001 %s",
			srv.Endpoint, srv.AccessKey, secretFile, data, more))); err != nil {
			t.Fatal(err)
		}
		return data
	}
	open := func(data string, quiet time.Duration) (*node.Node, <-chan error, func()) {
		t.Helper()
		return aloneWith(t, data, ring, s3, func(c *node.Config) { c.Payments, c.Backup.Quiet = provider, quiet })
	}
	merch := api.Call{Credential: "staff:a token for the merchandiser"}

	first, _, stop := open(filepath.Join(dir, "first"), time.Millisecond)
	soon(t, "the first shop", func() bool { return first.Ready() == nil && first.Backup.Status().Complete })
	mug := api.StaffProduct{Handle: "mug", Title: "Mug", Status: "active", Collections: []string{"mugs"},
		Variants: []api.StaffVariant{{SKU: "MUG", Title: "Default", Prices: map[string]int64{"EUR": 1900}, OnHand: 10}}}
	if _, err := asked(t, first, api.StaffProductPut, api.PutProduct{Product: mug}, merch); err != nil {
		t.Fatal(err)
	}
	at := first.Machine.Index()
	soon(t, "the bucket to have it", func() bool { return first.Backup.Status().Shipped >= at.Raft })
	stop()

	one, other := restoreInto("one", ""), restoreInto("other", "")
	shop, _, stop := open(one, 10*time.Millisecond)
	var order api.Order
	soon(t, "the restored shop to sell", func() bool {
		cart, err := asked(t, shop, api.CartsCreate, api.NewCart{Locale: api.Locale{Currency: "EUR", Country: "DE"}}, api.Call{})
		if err == nil {
			_, err = asked(t, shop, api.CartsPutLine, api.PutLine{Cart: cart.ID, SKU: "MUG", Quantity: 1}, api.Call{})
		}
		if err == nil {
			order, err = asked(t, shop, api.CheckoutCart, api.CheckoutRequest{Cart: cart.ID, Checkout: api.Checkout{Email: "ada@example.com", ShippingMethod: "standard",
				ShippingAddress: api.Address{Name: "Ada Lovelace", Line1: "12 St James's Square", City: "London", PostalCode: "SW1Y 4JH", Country: "GB"},
				Payment:         api.PaymentMethod{Provider: "sandbox", Token: "tok_ok"}}}, api.Call{Key: "buy"})
		}
		return err == nil
	})
	charge := func() core.PaymentState {
		p, err := provider.Lookup(t.Context(), "2/"+order.ID+"/1/authorize")
		if err != nil {
			t.Fatal(err)
		}
		return p.State
	}
	soon(t, "the money to be taken", func() bool { return charge() == core.PaymentCaptured })

	refusedToServe := func(data string) {
		t.Helper()
		n, done, end := open(data, time.Minute)
		select {
		case err := <-done:
			if !errors.Is(err, core.ErrAnotherShop) {
				t.Errorf("%s ended with %v", data, err)
			}
		case <-time.After(30 * time.Second):
			t.Errorf("%s serves beside the shop", data)
		}
		if got := charge(); got != core.PaymentCaptured {
			t.Errorf("beside %s the charge of the shop's order is %s", data, got)
		}
		end()
		if v := n.Machine.Summary(); v.Orders != 0 {
			t.Errorf("%d orders in %s", v.Orders, data)
		}
	}
	refusedToServe(other) // the same timeline
	later := restoreInto("later", "--timeline 1")
	refusedToServe(later) // the next one, and the shop writes

	// The cluster does not take the place of its node from a restored namesake either.
	e := api.Enlist{ID: "core-1", Region: "local", Address: "127.0.0.1:9001", API: "127.0.0.1:9002", History: "of another restore"}
	if _, err := asked(t, shop, api.ClusterEnlist, e, api.Call{}); api.CodeOf(err) != api.CodeConflict {
		t.Errorf("a core of another history was heard: %v", err)
	}
	if e.History = shop.Machine.History(); e.History == "" {
		t.Error("the shop has no history")
	}
	if _, err := asked(t, shop, api.ClusterEnlist, e, api.Call{}); err != nil {
		t.Error(err)
	}

	// When the shop is really lost, the same directory goes on: now its orders are lost ones.
	stop()
	open(later, time.Second)
	soon(t, "the money of the lost order to go back", func() bool { return charge() == core.PaymentRefunded })
}
