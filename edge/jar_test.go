package edge

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"meridian/api"
)

var codec = jarCodec{secret: []byte("0123456789abcdef")}

func TestJarComesBack(t *testing.T) {
	j := Jar{Cart: "c-1", Min: at(77), Visit: "s", Flash: "Added “Mug”.", Orders: map[string]string{"o-1": "k"}}
	got, ok := codec.decode(codec.encode(j))
	if !ok || !reflect.DeepEqual(got, j) {
		t.Fatalf("%+v, want %+v", got, j)
	}
	if codec.encode(Jar{Session: "never signed here"}) != "" {
		t.Error("an empty jar needs a cookie")
	}
}

func TestTamperedJarIsEmpty(t *testing.T) {
	value := codec.encode(Jar{Cart: "c-1", Min: at(77)})
	for i := range value {
		for _, c := range []byte("Aa0._-=") {
			if value[i] == c {
				continue
			}
			if j, ok := codec.decode(value[:i] + string(c) + value[i+1:]); ok {
				t.Fatalf("byte %d changed to %q gives %+v", i, c, j)
			}
		}
		if _, ok := codec.decode(value[:i]); ok {
			t.Fatalf("cut at %d it still counts", i)
		}
	}
	other := jarCodec{secret: []byte("another secret, 22 B..")}
	if _, ok := other.decode(value); ok {
		t.Fatal("another secret accepts it")
	}
}

func TestJarFitsACookie(t *testing.T) {
	j := Jar{Cart: "c-1", Flash: "f", Orders: map[string]string{}}
	for i := range 300 {
		j.Orders[fmt.Sprintf("o-%03d", i)] = strings.Repeat("k", 20)
	}
	value := codec.encode(j)
	got, ok := codec.decode(value)
	if len(value) > maxJarBytes || !ok || got.Cart != "c-1" || got.Orders["o-299"] == "" || got.Orders["o-000"] != "" {
		t.Fatalf("%d bytes, %v, %d orders", len(value), ok, len(got.Orders))
	}
	if got, ok := codec.decode(codec.encode(Jar{Cart: "c", Flash: strings.Repeat("x", 9000)})); !ok || got.Cart != "c" || got.Flash != "" {
		t.Fatal("a huge sentence took the cart with it")
	}
}

func FuzzJar(f *testing.F) {
	f.Add(codec.encode(Jar{Cart: "c-1", Min: at(7)}))
	f.Add("e30.AAAA")
	f.Add(".")
	f.Fuzz(func(t *testing.T, value string) {
		j, ok := codec.decode(value)
		if !ok && !reflect.DeepEqual(j, Jar{}) {
			t.Fatalf("refused, and yet %+v", j)
		}
		// Whatever was accepted was signed here, so it is the encoding of something.
		if ok {
			if again, ok := codec.decode(codec.encode(j)); !ok && codec.encode(j) != "" || ok && !reflect.DeepEqual(again, j) {
				t.Fatalf("%+v comes back as %+v", j, again)
			}
		}
	})
}

func cookies(resp *http.Response) map[string]*http.Cookie {
	m := map[string]*http.Cookie{}
	for _, c := range resp.Cookies() {
		m[c.Name] = c
	}
	return m
}

func TestCookiesOfAForm(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	resp, _ := do(t, s, "POST", "/cart", "sku=a", form...)
	got := cookies(resp)
	mj, cn := got["mj"], got["cn"]
	if mj == nil || !mj.HttpOnly || mj.Secure || mj.SameSite != http.SameSiteLaxMode || mj.Path != "/" || mj.MaxAge <= 0 {
		t.Fatalf("%+v", mj)
	}
	if cn == nil || cn.HttpOnly || cn.Value != "3" || len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	j, ok := codec.decode(mj.Value)
	if !ok || j.Cart != "c-1" || j.Min != at(130) || resp.Header.Get("X-Index") != "1-130" {
		t.Fatalf("%+v, X-Index %s: the write is not remembered", j, resp.Header.Get("X-Index"))
	}
	// The next request reads from what was written, and an unchanged jar is not sent again.
	resp, body := get(t, s, "/cart", "Cookie", "mj="+mj.Value+"; cn=3")
	if !strings.Contains(body, `"min":"1-130"`) || !strings.Contains(body, `"cart":"c-1"`) || len(resp.Cookies()) != 0 {
		t.Fatalf("%s %v", body, resp.Cookies())
	}
	if _, body := get(t, s, "/cart", "Cookie", "mj=x"+mj.Value); !strings.Contains(body, `"cart":""`) {
		t.Fatalf("a forged jar counts: %s", body)
	}
	resp, _ = do(t, s, "POST", "/cart", "sku=a", append(form, "Host", "shop.example")...)
	if resp.Header.Get("Strict-Transport-Security") != "" {
		t.Error("HSTS on loopback")
	}
	status, _, head := raw(t, s, "POST /cart HTTP/1.1\r\nHost: shop.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1\r\n\r\na")
	if status != 303 || strings.Count(head, "; secure") != 2 || !strings.Contains(head, "Strict-Transport-Security") {
		t.Errorf("off loopback cookies are secure: %d %s", status, head)
	}
}

func TestCredentials(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	for _, c := range []struct{ path, header, value, want string }{
		{"/cart", "Cookie", "session=abc", "session:abc"},
		{"/cart", "Cookie", "session=abc; staff=def", "session:abc"},
		{"/admin/", "Cookie", "session=abc; staff=def", "staff:def"},
		{"/cart", "Authorization", "Bearer tok", "staff:tok"},
		{"/cart", "Authorization", "bearer tok", "staff:tok"},
		{"/cart", "X", "y", ""},
		{"/cart", "Cookie", "session=" + strings.Repeat("a", 600), ""},
	} {
		if _, body := get(t, s, c.path, c.header, c.value); !strings.Contains(body, fmt.Sprintf(`"cred":%q`, c.want)) {
			t.Errorf("%s %s: %s, want %s", c.header, c.value, body, c.want)
		}
	}
	for _, v := range []string{"Basic abc", "Bearer", "Bearer a b", "Bearer " + strings.Repeat("a", 600)} {
		if resp, _ := get(t, s, "/cart", "Authorization", v); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: %d", v, resp.StatusCode)
		}
	}
}

func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Origins = []string{"https://shop.example"} })
	for _, c := range []struct {
		want   int
		header []string
	}{
		{303, nil},
		{303, []string{"Cookie", "session=a"}}, // a program with a cookie jar
		{303, []string{"Sec-Fetch-Site", "same-origin", "Cookie", "session=a"}},
		{303, []string{"Sec-Fetch-Site", "none"}},
		{303, []string{"Origin", "http://" + s.Addr(), "Cookie", "session=a"}},
		{303, []string{"Origin", "https://shop.example", "Sec-Fetch-Site", "cross-site"}},
		{403, []string{"Sec-Fetch-Site", "cross-site", "Cookie", "session=a"}},
		{403, []string{"Sec-Fetch-Site", "same-site", "Cookie", "session=a"}},
		{403, []string{"Origin", "https://evil.example", "Cookie", "session=a"}},
		{403, []string{"Origin", "null", "Cookie", "session=a"}},
		{403, []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}},
		{303, []string{"Origin", "https://evil.example", "Authorization", "Bearer tok"}},
	} {
		resp, body := do(t, s, "POST", "/cart", "a=b", append(c.header, "Content-Type", "application/x-www-form-urlencoded")...)
		if resp.StatusCode != c.want || c.want == 403 && !strings.Contains(body, "forbidden") {
			t.Errorf("%v: %d %s", c.header, resp.StatusCode, body)
		}
	}
}

func TestIdempotencyKey(t *testing.T) {
	s := startServer(t, newShopStub().routes(), nil)
	ct := []string{"Content-Type", "application/json"}
	for key, want := range map[string]int{"": 422, "k": 200, strings.Repeat("k", 128): 200, strings.Repeat("k", 129): 422, "a b": 422, "ü": 422} {
		resp, body := do(t, s, "POST", "/api/v1/checkout", "{}", append(ct, "Idempotency-Key", key)...)
		if resp.StatusCode != want || want == 422 && !strings.Contains(body, "Idempotency-Key") {
			t.Errorf("%.10q: %d %s", key, resp.StatusCode, body)
		}
	}
	// Without its key nothing else about the request is looked at.
	if resp, _ := do(t, s, "POST", "/api/v1/checkout", "x", "Content-Type", "text/plain", "Origin", "http://evil"); resp.StatusCode != 422 {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, body := do(t, s, "POST", "/api/v1/carts", "{}", append(ct, "Idempotency-Key", "mine")...); resp.StatusCode != 200 || !strings.Contains(body, `"key":"mine"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestIndexOfAClient(t *testing.T) {
	s := startServer(t, newShopStub().routes(), func(c *Config) { c.Feed = newFakeFeed() })
	for sent, want := range map[string]string{"1-99": "1-99", "1-500": "1-500", "2-5": "0-0", "1-999999999999": "0-0"} {
		if _, body := get(t, s, "/api/v1/carts/1", "X-Index", sent); !strings.Contains(body, fmt.Sprintf(`"min":%q`, want)) {
			t.Errorf("%s: %s, want %s", sent, body, want)
		}
	}
	if resp, _ := get(t, s, "/api/v1/carts/1", "X-Index", "junk"); resp.StatusCode != 400 {
		t.Errorf("%d", resp.StatusCode)
	}
	if resp, _ := get(t, s, "/api/v1/carts/1"); resp.Header.Get(api.HeaderIndex) != "1-120" || resp.Header.Get("Cache-Control") != string(controlPrivate) {
		t.Errorf("%v", resp.Header)
	}
}
