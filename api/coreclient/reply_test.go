package coreclient

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestBadAnswersAreInternalErrors(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"html":        func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, "<html>") },
		"not json":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{") },
		"status lies": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, `{"status":200}`) },
	} {
		srv := httptest.NewServer(h)
		c, err := New(Config{Nodes: []Node{{ID: "a", Region: "eu", Addr: srv.Listener.Addr().String()}}, Region: "eu"})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Do(within(t, time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{})
		if api.CodeOf(err) != api.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

func TestResponseIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"handle":%q}`, strings.Repeat("x", 100_000))
	}))
	defer srv.Close()
	c, err := New(Config{Nodes: []Node{{ID: "a", Region: "eu", Addr: srv.Listener.Addr().String()}}, Region: "eu", MaxResponse: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Do(within(t, time.Second), c, api.ProductsGet, api.ProductQuery{}, api.Call{}); err == nil {
		t.Fatal("an answer over the limit was taken")
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(`{"code":"out_of_stock","status":200}`, 409)
	f.Add(`<html>`, 500)
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 400 || status > 599 {
			return
		}
		e := reply{status: status, body: []byte(body)}.problem("r")
		if e.Status < 400 || e.Code == "" {
			t.Fatalf("a refusal reads as %+v", e)
		}
	})
}
