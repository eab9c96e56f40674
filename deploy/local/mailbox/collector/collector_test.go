package collector

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/core"
	"meridian/core/mail"
)

func start(t *testing.T, dir string, keep int) (smtpAddr, page string, stop func()) {
	t.Helper()
	s, err := New(Config{Dir: dir, Keep: keep, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	var lns [2]net.Listener
	for i := range lns {
		if lns[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(lns[0], lns[1]) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return lns[0].Addr().String(), "http://" + lns[1].Addr().String(), stop
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %d %v", url, res.StatusCode, err)
	}
	return string(b)
}

func items(t *testing.T, page, query string) []Message {
	t.Helper()
	var list struct{ Items []Message }
	if err := json.Unmarshal([]byte(fetch(t, page+"/api/messages"+query)), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// TestAMailOfTheShopArrivesWhole sends with the shop's own sender.
func TestAMailOfTheShopArrivesWhole(t *testing.T) {
	dir := t.TempDir()
	addr, page, stop := start(t, dir, 3)
	sender, err := mail.New(mail.Config{Addr: addr, From: "Meridian <shop@meridian.example>"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		err := sender.Send(context.Background(), core.Mail{
			ID: fmt.Sprintf("order-%d", i), To: fmt.Sprintf("ada%d@example.com", i), Subject: "Ihre Bestellung Nº 1 – ✓",
			Text: "Grüße, 19,99 €\n.\nend", HTML: "<p>Grüße</p><script>alert(1)</script>" + strings.Repeat("x", 2000),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(page string) {
		all := items(t, page, "")
		if len(all) != 3 || all[0].MessageID != "order-4@meridian.example" || all[2].MessageID != "order-2@meridian.example" {
			t.Fatalf("%d mails kept: %+v", len(all), all)
		}
		m := items(t, page, "?to=ADA3@example.com")
		if len(m) != 1 || m[0].Subject != "Ihre Bestellung Nº 1 – ✓" || strings.TrimSpace(strings.ReplaceAll(m[0].Text, "\r", "")) != "Grüße, 19,99 €\n.\nend" || !strings.HasPrefix(m[0].HTML, "<p>Grüße</p>") {
			t.Fatalf("%+v", m)
		}
		if html := fetch(t, page+"/messages/"+m[0].ID); strings.Contains(html, "<script>") || !strings.Contains(html, "iframe sandbox") {
			t.Fatalf("the page shows a mail's HTML as its own:\n%s", html)
		}
	}
	check(page)
	stop()
	if files, _ := filepath.Glob(filepath.Join(dir, "*.eml")); len(files) != 3 {
		t.Fatalf("%d files for 3 mails", len(files))
	}
	_, page, _ = start(t, dir, 3)
	check(page)
}

func TestAMailThatCannotBeReadIsShownAsItCame(t *testing.T) {
	b, err := openBox(t.TempDir(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.add([]byte("no headers at all")); err != nil {
		t.Fatal(err)
	}
	if all := b.list("", 10); len(all) != 1 || all[0].Text != "no headers at all" {
		t.Fatalf("%+v", all)
	}
}

func TestAFullDiskRefusesTheMail(t *testing.T) {
	dir := t.TempDir()
	b, err := openBox(dir, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := b.add([]byte("x")); err == nil {
		t.Fatal("accepted without a place to keep it")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Subject: =?utf-8?q?a=E2=82=AC?=\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n"))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\n----\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, _ := Parse(raw)
		if len(m.Text) > 4*maxMessageBytes || len(m.HTML) > 4*maxMessageBytes {
			t.Fatal("no bound")
		}
	})
}
