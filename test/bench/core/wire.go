package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"meridian/api"
)

// wire is one keep-alive connection to a core. It speaks the HTTP/1.1 that an edge speaks, with the
// headers that an edge sends, and no more machinery than the peers' clients have: a request is one
// write, an answer is read from a buffer.
type wire struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte
	body     []byte
	patience time.Duration
	// index is the state that the last answer is at least as new as.
	index api.Index
}

func dialWire(addr string, patience time.Duration) (*wire, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), patience: patience}, nil
}

func (w *wire) close() { _ = w.conn.Close() }

// appendHead begins a request: everything up to the headers that differ from call to call.
func appendHead(b []byte, endpoint string, patience time.Duration) []byte {
	b = append(b, "POST /v1/"...)
	b = append(b, endpoint...)
	b = append(b, " HTTP/1.1\r\nHost: core\r\nUser-Agent: fasthttp\r\nAuthorization: Bearer "+clusterToken+
		"\r\nX-Meridian-Edge: bench\r\nX-Meridian-Deadline: "...)
	b = strconv.AppendInt(b, patience.Milliseconds(), 10)
	return append(b, "\r\n"...)
}

// appendHeader adds a header.
func appendHeader(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// appendBody ends the head and adds the body.
func appendBody(b []byte, contentType string, body []byte) []byte {
	b = appendHeader(b, "Content-Type", contentType)
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}

// exchange sends out and reads the answer. The body is valid until the next exchange.
func (w *wire) exchange() (status int, body []byte, err error) {
	if err := w.conn.SetDeadline(time.Now().Add(w.patience + 5*time.Second)); err != nil {
		return 0, nil, err
	}
	if _, err := w.conn.Write(w.out); err != nil {
		return 0, nil, err
	}
	status, w.body, w.index, err = readAnswer(w.in, w.body)
	return status, w.body, err
}

var (
	contentLength = []byte("content-length")
	indexHeader   = []byte("x-index")
	httpVersion   = []byte("HTTP/1.1 ")
)

// readAnswer reads a response with a Content-Length into a buffer that is used again.
func readAnswer(r *bufio.Reader, buf []byte) (status int, body []byte, index api.Index, err error) {
	if status, err = readStatus(r); err != nil {
		return 0, buf, index, err
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, buf, index, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, contentLength):
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		case bytes.EqualFold(name, indexHeader):
			index, err = api.ParseIndex(string(bytes.TrimSpace(value)))
		}
		if err != nil {
			return 0, buf, index, err
		}
	}
	if length < 0 {
		return 0, buf, index, errors.New("the answer has no Content-Length")
	}
	if cap(buf) < length {
		buf = make([]byte, length)
	}
	buf = buf[:length]
	_, err = io.ReadFull(r, buf)
	return status, buf, index, err
}

func readStatus(r *bufio.Reader) (int, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	rest, ok := bytes.CutPrefix(line, httpVersion)
	if !ok || len(rest) < 3 {
		return 0, fmt.Errorf("%q is not an HTTP/1.1 answer", line)
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil {
		return 0, fmt.Errorf("%q is not an HTTP/1.1 answer", line)
	}
	return status, nil
}

// call is for what is not measured: a call by staff, its answer decoded.
func (w *wire) call(endpoint, key string, body []byte, into any) error {
	w.out = appendHead(w.out[:0], endpoint, w.patience)
	w.out = appendHeader(w.out, "X-Meridian-Credential", "staff:"+staffToken)
	if key != "" {
		w.out = appendHeader(w.out, "Idempotency-Key", key)
	}
	w.out = appendBody(w.out, "application/json", body)
	status, answer, err := w.exchange()
	if err != nil {
		return fmt.Errorf("%s: %w", endpoint, err)
	}
	if status != 200 && status != 201 {
		return fmt.Errorf("%s: %d %s", endpoint, status, answer)
	}
	return json.Unmarshal(answer, into)
}
