package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"meridian/api"
)

func TestRequestIsHTTP(t *testing.T) {
	out := appendHead(nil, api.StockAdjust.Name, patience)
	out = appendHeader(out, api.HeaderKey, "a key")
	out = appendBody(out, "application/json", []byte(`{"sku":"SKU-00042","delta":-1,"reason":"sold"}`))
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	var adjust api.AdjustStock
	if err := json.Unmarshal(body, &adjust); err != nil {
		t.Fatal(err)
	}
	if req.URL.Path != "/v1/stock.adjust" || req.Header.Get(api.HeaderKey) != "a key" || req.Header.Get(api.HeaderDeadline) != "6000" ||
		adjust.SKU != skuName(42) || adjust.Delta != -1 {
		t.Errorf("%s %v %+v", req.URL.Path, req.Header, adjust)
	}
}

func TestAnswers(t *testing.T) {
	two := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\ncontent-length: 5\r\nX-Index: 2-17\r\n\r\nhello" +
		"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	in := bufio.NewReaderSize(strings.NewReader(two), 16)
	if _, _, _, err := readAnswer(in, nil); err == nil {
		t.Error("a header that does not fit the buffer was accepted")
	}
	in = bufio.NewReader(strings.NewReader(two))
	status, body, index, err := readAnswer(in, nil)
	if err != nil || status != 200 || string(body) != "hello" || index != (api.Index{Timeline: 2, Raft: 17}) {
		t.Fatalf("%d %q %v %v", status, body, index, err)
	}
	status, body, index, err = readAnswer(in, body)
	if err != nil || status != 503 || len(body) != 0 || !index.IsZero() {
		t.Fatalf("%d %q %v %v", status, body, index, err)
	}
	for _, bad := range []string{"", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"} {
		if _, _, _, err := readAnswer(bufio.NewReader(strings.NewReader(bad)), nil); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRESP(t *testing.T) {
	c := command{id: [16]byte([]byte("0123456789abcdef")), sku: 42}
	script := strings.Repeat("f", 40)
	want := appendRESP(nil, "EVALSHA", script, "2", redisKey(42), "o:0123456789abcdef")
	if got := appendDecrement(nil, script, &c); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	in := bufio.NewReader(strings.NewReader(":1\r\n:0\r\n+PONG\r\n$2\r\nhi\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n-NOSCRIPT gone\r\n$-1\r\n"))
	for _, want := range []int64{1, 0} {
		if n, err := readRESPInt(in); err != nil || n != want {
			t.Fatalf("%d %v", n, err)
		}
	}
	for _, want := range []string{"PONG", "hi"} {
		if s, err := readRESP(in); err != nil || s != want {
			t.Fatalf("%q %v", s, err)
		}
	}
	if l, err := readRESPList(in); err != nil || strings.Join(l, "") != "ab" {
		t.Fatalf("%v %v", l, err)
	}
	if _, err := readRESPInt(in); err == nil || err.Error() != "NOSCRIPT gone" {
		t.Fatalf("an error reply became %v", err)
	}
	if s, err := readRESP(in); err == nil {
		t.Fatalf("nothing became %q", s)
	}
}
