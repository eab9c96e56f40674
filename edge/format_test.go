package edge

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"meridian/api"
)

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		amount   int64
		currency string
		want     string
	}{
		{1999, "EUR", "€19.99"}, {0, "EUR", "€0.00"}, {5, "USD", "$0.05"}, {100, "GBP", "£1.00"}, {123456, "USD", "$1,234.56"},
		{-1999, "EUR", "-€19.99"}, {1999, "JPY", "¥1,999"}, {0, "JPY", "¥0"}, {100000000, "EUR", "€1,000,000.00"}, {150, "INR", "₹1.50"},
		{1999, "CHF", "CHF\u00a019.99"}, {math.MinInt64, "EUR", "-€92,233,720,368,547,758.08"}, {math.MaxInt64, "EUR", "€92,233,720,368,547,758.07"},
	} {
		got := money(api.Money{Amount: c.amount, Currency: c.currency})
		if got != c.want {
			t.Errorf("%d %s: %q, want %q", c.amount, c.currency, got, c.want)
		}
		if strings.ContainsAny(got, " \t\n") {
			t.Errorf("%q can be broken over two lines", got)
		}
	}
	if got := decimal(eur(123456)); got != "1234.56" {
		t.Errorf("decimal: %q", got)
	}
	if got := decimal(api.Money{Amount: 1999, Currency: "JPY"}); got != "1999" {
		t.Errorf("decimal of yen: %q", got)
	}
}

func TestDelivered(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"2026-11-24", "2026-11-26", "Delivered between Tue 24 and Thu 26 November"},
		{"2026-11-30", "2026-12-02", "Delivered between Mon 30 November and Wed 2 December"},
		{"2026-11-24", "2026-11-24", "Delivered on Tue 24 November"},
		{"soon", "2026-11-24", ""},
	} {
		if got := delivered(api.Delivery{From: c.from, To: c.to}); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for path, want := range map[string]string{"/account": "/account", "/orders/1?key=a": "/orders/1?key=a", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/", "/a\r\nSet-Cookie: x": "/", "/\t/evil.example": "/"} {
		if got := localPath(path, "/"); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func TestCellsCannotBecomeFormulas(t *testing.T) {
	for in, want := range map[any]string{"=1+1": "'=1+1", "@x": "'@x", "mug": "mug", "": "", 7: "7", -7: "-7", nil: ""} {
		if got := plainCell(in); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

func TestPlainText(t *testing.T) {
	if got := plainText("<p>A mug &amp; <b>more</b></p><p>5 &lt; 6</p>", 10); got != "A mug & more 5 < 6" {
		t.Errorf("%q", got)
	}
	if got := cut("aé", 2); got != "a" {
		t.Errorf("cut a character in two: %q", got)
	}
}

// TestPlainTextOfLongMarkup: the short way to a beginning gives what the long way gives.
func TestPlainTextOfLongMarkup(t *testing.T) {
	seed := time.Now().UnixNano()
	rng := rand.New(rand.NewPCG(uint64(seed), 1))
	parts := []string{"<p class=\"a long attribute > none\">", "</p>", "word ", "é", "&amp;", "&CounterClockwiseContourIntegral;", "&", "<", "   ", "\n", "日本", "<b>", ">", "<!-- x -->"}
	for range 2000 {
		var b strings.Builder
		for range rng.IntN(1200) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		for _, n := range []int{7, shortDescription, longDescription} {
			if got, want := clip(plainText(b.String(), n), n), clip(withoutTags(b.String()), n); got != want {
				t.Fatalf("seed %d, %d bytes of %q: %q, want %q", seed, n, b.String(), got, want)
			}
		}
	}
}
