package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// appendRESP encodes a command.
func appendRESP(b []byte, args ...string) []byte {
	b = append(b, '*')
	b = strconv.AppendInt(b, int64(len(args)), 10)
	b = append(b, "\r\n"...)
	for _, a := range args {
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(len(a)), 10)
		b = append(b, "\r\n"...)
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}

// appendDecrement encodes the call of the script for one command, without garbage.
func appendDecrement(b []byte, script string, c *command) []byte {
	var sku [12]byte
	number := strconv.AppendInt(sku[:0], int64(c.sku), 10)
	b = append(b, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n"...)
	b = append(b, script...)
	b = append(b, "\r\n$1\r\n2\r\n$"...)
	b = strconv.AppendInt(b, int64(len(number)+2), 10)
	b = append(b, "\r\ns:"...)
	b = append(b, number...)
	b = append(b, "\r\n$18\r\no:"...)
	b = append(b, c.id[:]...)
	return append(b, "\r\n"...)
}

// readLine reads a line of a reply, without its end. It is valid until the next read.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case !ok || len(line) == 0:
		return nil, fmt.Errorf("reply %q is not RESP", line)
	case line[0] == '-':
		return nil, errors.New(string(line[1:]))
	}
	return line, nil
}

// readRESPInt reads an integer reply.
func readRESPInt(r *bufio.Reader) (int64, error) {
	line, err := readLine(r)
	if err != nil {
		return 0, err
	}
	if line[0] != ':' {
		return 0, fmt.Errorf("reply %q is not a number", line)
	}
	n := int64(0)
	for _, d := range line[1:] {
		if d < '0' || d > '9' {
			return 0, fmt.Errorf("reply %q is not a number", line)
		}
		n = n*10 + int64(d-'0')
	}
	return n, nil
}

// readRESP reads a simple or bulk string, or a number as text.
func readRESP(r *bufio.Reader) (string, error) {
	line, err := readLine(r)
	if err != nil {
		return "", err
	}
	if line[0] == '+' || line[0] == ':' {
		return string(line[1:]), nil
	}
	n, err := strconv.Atoi(string(line[1:]))
	if line[0] != '$' || err != nil || n < 0 {
		return "", fmt.Errorf("reply %q is no string", line)
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// readRESPList reads an array of strings.
func readRESPList(r *bufio.Reader) ([]string, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(string(line[1:]))
	if line[0] != '*' || err != nil || n < 0 {
		return nil, fmt.Errorf("reply %q is no array", line)
	}
	out := make([]string, n)
	for i := range out {
		if out[i], err = readRESP(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}
