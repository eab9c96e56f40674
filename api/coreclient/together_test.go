package coreclient

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"meridian/api"
)

// requests are the names of what a node was asked since the last look.
func (w *wire) requests() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	names, w.paths = w.paths, nil
	return names
}

func TestTogetherAsksOnce(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	c := w.client(t, nil)
	get := func(handle string, min uint64) func(context.Context) error {
		return func(ctx context.Context) error {
			call := api.Call{}
			if min > 0 {
				call.Min = api.Index{Timeline: 1, Raft: min}
			}
			p, m, err := Do(ctx, c, api.ProductsGet, api.ProductQuery{Handle: handle}, call)
			if err == nil && (p.Handle == "" || m.Index.Raft < max(min, 100)) {
				t.Errorf("%s: %+v at %v", handle, p, m.Index)
			}
			return err
		}
	}
	twice := func(ctx context.Context) error { return errors.Join(get("a", 0)(ctx), get("b", 0)(ctx)) }
	nothing := func(context.Context) error { return nil }
	failed := errors.New("it fails")
	fails := func(context.Context) error { return failed }
	for _, test := range []struct {
		name string
		fs   []func(context.Context) error
		want []string
		err  error
	}{
		{"three reads", []func(context.Context) error{get("x", 0), get("y", 0), get("z", 0)}, []string{"core-eu reads"}, nil},
		{"one alone", []func(context.Context) error{get("x", 0)}, []string{"core-eu products.get"}, nil},
		{"one that reads nothing", []func(context.Context) error{nothing, get("x", 0), get("y", 0)}, []string{"core-eu reads"}, nil},
		{"one that reads again", []func(context.Context) error{twice, get("x", 0)}, []string{"core-eu reads", "core-eu products.get"}, nil},
		{"one that fails", []func(context.Context) error{fails, get("x", 0), get("y", 0)}, []string{"core-eu reads"}, failed},
		{"of two indexes", []func(context.Context) error{get("x", 90), get("y", 80), get("z", 90)}, []string{"core-eu products.get", "core-eu reads"}, nil},
		{"one that another node knows", []func(context.Context) error{get("x", 0), get("not-at-core-eu", 0)}, []string{"core-eu reads", "core-eu products.get", "core-us products.get"}, nil},
	} {
		w.requests()
		if err := Together(within(t, 5*time.Second), test.fs...); !errors.Is(err, test.err) {
			t.Errorf("%s: %v", test.name, err)
		}
		got := w.requests()
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestTogetherAndTheDead: a frame of reads goes to another node as a read does, and a caller that leaves is not waited for.
func TestTogetherAndTheDead(t *testing.T) {
	w := newWire(t, "core-eu", "core-us")
	c := w.client(t, nil)
	w.servers["core-eu"].Close()
	get := func(ctx context.Context) error {
		p, _, err := Do(ctx, c, api.ProductsGet, api.ProductQuery{Handle: "x"}, api.Call{})
		if err == nil && p.Handle != "core-us" {
			t.Errorf("answered by %s", p.Handle)
		}
		return err
	}
	if err := Together(within(t, 5*time.Second), get, get); err != nil {
		t.Fatal(err)
	}
	w.servers["core-us"].Close()
	if err := Together(within(t, 5*time.Second), get, get); api.CodeOf(err) != api.CodeUnavailable {
		t.Errorf("with nobody there: %v", err)
	}
	w = newWire(t, "core-eu")
	c = w.client(t, nil)
	other := make(chan struct{})
	err := Together(within(t, 5*time.Second), func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(20*time.Millisecond, cancel)
		_, _, err := Do(ctx, c, api.ProductsGet, api.ProductQuery{Handle: "x"}, api.Call{})
		close(other)
		if api.CodeOf(err) != api.CodeUnavailable {
			t.Errorf("one that left: %v", err)
		}
		return nil
	}, func(ctx context.Context) error {
		<-other
		_, _, err := Do(ctx, c, api.ProductsGet, api.ProductQuery{Handle: "x"}, api.Call{})
		return err
	})
	if err != nil {
		t.Errorf("one that stayed: %v", err)
	}
	w.servers["core-eu"].Close()
	get = func(ctx context.Context) error {
		_, _, err := Do(ctx, c, api.ProductsGet, api.ProductQuery{Handle: "x"}, api.Call{})
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	err = Together(ctx, get, func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		return nil
	})
	if api.CodeOf(err) != api.CodeUnavailable || time.Since(began) > time.Second {
		t.Errorf("a caller that left: %v after %v", err, time.Since(began))
	}
}
