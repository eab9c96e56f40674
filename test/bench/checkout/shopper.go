package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// shopper is a client of the edge with one connection of its own. It writes requests by hand, so that
// the load generator takes little of the machine it shares with what it measures; what it writes is the
// public contract and nothing else. It reads its own writes by sending the newest index back.
type shopper struct {
	conn net.Conn
	r    *bufio.Reader
	host string
	n    int    // which shopper
	run  string // makes keys and addresses unlike those of other runs
	seen string // the newest X-Index
	buf  []byte
	body []byte
}

func newShopper(edge, run string, n int) (*shopper, error) {
	host := strings.TrimPrefix(edge, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &shopper{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), host: host, n: n, run: run}, nil
}

func (s *shopper) close() { s.conn.Close() }

// sale is a purchase that was answered.
type sale struct {
	order string
	sku   string
	total int64
	steps [3]time.Duration // cart, line, checkout
}

func (s sale) took() time.Duration { return s.steps[0] + s.steps[1] + s.steps[2] }

// buy makes a cart, puts one thing into it and checks out.
func (s *shopper) buy(number int, sku string) (sale, error) {
	out := sale{sku: sku}
	began := time.Now()
	step := func(i int, want int, method, path, key, body string) ([]byte, error) {
		status, b, err := s.do(method, path, key, body)
		now := time.Now()
		out.steps[i], began = now.Sub(began), now
		if err == nil && status != want {
			err = fmt.Errorf("%s %s: %d %s", method, path, status, b)
		}
		return b, err
	}
	b, err := step(0, 201, "POST", "/api/v1/carts", "", "{}")
	if err != nil {
		return out, err
	}
	cart := "/api/v1/carts/" + field(b, `"id":"`)
	if _, err = step(1, 200, "PUT", cart+"/lines/"+sku, "", `{"quantity":1}`); err != nil {
		return out, err
	}
	id := s.run + "-" + strconv.Itoa(s.n) + "-" + strconv.Itoa(number)
	b, err = step(2, 201, "POST", cart+"/checkout", "buy-"+id, `{"email":"shopper-`+id+`@example.com","shipping_address":{"name":"A Shopper","line1":"1 Queue Street",`+
		`"city":"Hamburg","postal_code":"20457","country":"DE"},"shipping_method":"standard","payment":{"provider":"sandbox","token":"tok_ok"}}`)
	if err != nil {
		return out, err
	}
	if status := field(b, `"status":"`); status != "paid" {
		return out, fmt.Errorf("an order that is %q was answered with 201: %s", status, b)
	}
	out.order = field(b, `"id":"`)
	out.total, err = totalOf(b)
	return out, err
}

// field is the text between the first occurrence of mark and the next quote.
func field(b []byte, mark string) string {
	_, rest, ok := bytes.Cut(b, []byte(mark))
	if !ok {
		return ""
	}
	v, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(v)
}

// totalOf is the amount of the order's total.
func totalOf(b []byte) (int64, error) {
	i := bytes.LastIndex(b, []byte(`"total":{"amount":`))
	if i < 0 {
		return 0, fmt.Errorf("an order without a total: %s", b)
	}
	digits, _, _ := bytes.Cut(b[i+len(`"total":{"amount":`):], []byte{','})
	return strconv.ParseInt(string(digits), 10, 64)
}

// do sends one request and reads its answer. The body is good until the next call.
func (s *shopper) do(method, path, key, body string) (status int, answer []byte, err error) {
	b := append(s.buf[:0], method...)
	b = append(append(append(b, ' '), path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, s.host...), "\r\nAccept: application/json\r\nContent-Type: application/json\r\n"...)
	if key != "" {
		b = append(append(append(b, "Idempotency-Key: "...), key...), "\r\n"...)
	}
	if s.seen != "" {
		b = append(append(append(b, "X-Index: "...), s.seen...), "\r\n"...)
	}
	b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n\r\n"...)
	s.buf = append(b, body...)
	if _, err := s.conn.Write(s.buf); err != nil {
		return 0, nil, err
	}
	return s.read()
}

func (s *shopper) read() (status int, answer []byte, err error) {
	line, err := s.r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("no status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	size := -1
	for {
		line, err := s.r.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(value)); err != nil {
				return 0, nil, err
			}
		case bytes.EqualFold(name, []byte("X-Index")):
			s.seen = string(value)
		}
	}
	if size < 0 {
		return 0, nil, errors.New("an answer without Content-Length")
	}
	if cap(s.body) < size {
		s.body = make([]byte, size)
	}
	s.body = s.body[:size]
	_, err = io.ReadFull(s.r, s.body)
	return status, s.body, err
}

// crowd lets n shoppers buy one thing after another for a while, and waits for the last answer.
func crowd(ctx context.Context, edge, run string, n int, d time.Duration, skus []string) ([]sale, error) {
	type part struct {
		sales []sale
		err   error
	}
	parts := make(chan part, n)
	until := time.Now().Add(d)
	for i := range n {
		go func() {
			var p part
			defer func() { parts <- p }()
			s, err := newShopper(edge, run, i)
			if err != nil {
				p.err = err
				return
			}
			defer s.close()
			for k := 0; time.Now().Before(until) && ctx.Err() == nil; k++ {
				v, err := s.buy(k, skus[(i+k*n)%len(skus)])
				if err != nil {
					p.err = fmt.Errorf("shopper %d, purchase %d: %w", i, k, err)
					return
				}
				p.sales = append(p.sales, v)
			}
		}()
	}
	var all []sale
	var errs []error
	for range n {
		p := <-parts
		all = append(all, p.sales...)
		errs = append(errs, p.err)
	}
	return all, errors.Join(errs...)
}
