package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"meridian/api"
)

// visitor is a client of one edge: it reads its own writes by sending back the newest index it was
// given. It repeats nothing by itself.
type visitor struct {
	base  string
	token string // of a member of staff; empty for a shopper
	http  *http.Client

	mu    sync.Mutex
	index api.Index
}

// answerMax bounds what is read of an answer.
const answerMax = 32 << 20

func newHTTP(conns int) *http.Client {
	return &http.Client{
		Timeout: 60 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConns:        conns,
			MaxIdleConnsPerHost: conns,
			IdleConnTimeout:     30 * time.Second,
		},
	}
}

func newVisitor(base, token string, client *http.Client) *visitor {
	return &visitor{base: base, token: token, http: client}
}

// body is a request's body with its type.
type body struct {
	contentType string
	bytes       []byte
}

func jsonBody(v any) *body { return &body{"application/json", mustJSON(v)} }

// do makes one request. A refusal is an *api.Error; any other error means that there was no answer.
// out may be nil.
func (v *visitor) do(ctx context.Context, method, path, key string, in *body, out any) error {
	var payload io.Reader
	if in != nil {
		payload = bytes.NewReader(in.bytes)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.base+path, payload)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", in.contentType)
	}
	if key != "" {
		req.Header.Set(api.HeaderKey, key)
	}
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
	if i := v.seen(api.Index{}); !i.IsZero() {
		req.Header.Set(api.HeaderIndex, i.String())
	}
	res, err := v.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if err != nil {
		return err
	}
	if i, err := api.ParseIndex(res.Header.Get(api.HeaderIndex)); err == nil {
		v.seen(i)
	}
	if res.StatusCode >= 400 {
		return refusal(res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: status %d with an unreadable body: %w", method, path, res.StatusCode, err)
	}
	return nil
}

func refusal(status int, b []byte) error {
	e := &api.Error{}
	if err := json.Unmarshal(b, e); err != nil || e.Code == "" {
		return &api.Error{Status: status, Code: api.CodeInternal, Detail: fmt.Sprintf("status %d without a problem document", status)}
	}
	return e
}

func (v *visitor) seen(i api.Index) api.Index {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.index = api.Max(v.index, i)
	return v.index
}

// undecided reports whether the same request with the same key may still succeed.
func undecided(err error) bool {
	var e *api.Error
	if !errors.As(err, &e) {
		return true
	}
	return e.Transient() || e.Code == api.CodeCheckoutInProgress
}

// persist repeats f while its outcome is open, until ctx ends.
func persist(ctx context.Context, f func() error) error {
	wait := 50 * time.Millisecond
	for {
		err := f()
		if err == nil || !undecided(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("undecided to the end: %w", err)
		case <-time.After(wait):
		}
		wait = min(wait*3/2, time.Second)
	}
}

func get[T any](ctx context.Context, v *visitor, path string) (out T, err error) {
	err = persist(ctx, func() error { return v.do(ctx, http.MethodGet, path, "", nil, &out) })
	return out, err
}
