package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// journey is what one kind of shopper does; share is its part of all.
type journey struct {
	name  string
	share float64
	what  string
	walk  func(*visit) error
}

// journeys are the mix: of a hundred visits sixty look around, twenty search, ten fill a cart and leave it, six buy and four sign in, which is more buying
// than shops report (2 to 3 of a hundred), since that is what costs.
func journeys() []journey {
	return []journey{
		{"browse", 0.60, "the front page, a collection, three products", browse},
		{"search", 0.20, "a search and one of its products", search},
		{"cart", 0.10, "a product, a cart with two lines, the cart's page", cart},
		{"buy", 0.06, "a product, a cart with one line, a checkout with the payment sandbox, the order's page", buy},
		{"sign-in", 0.04, "the sign-in page, a sign-in, the account's page", signIn},
	}
}

// visit is one shopper at one edge.
type visit struct {
	edge, address string
	n             int64
	rng           *rand.Rand
	http          *fasthttp.Client
	things        int

	jar     map[string]string
	index   string
	pages   int
	slowest time.Duration
}

// do makes a request and expects a status; the answer's body is good until the next.
func (v *visit) do(method, path string, want int, key, contentType, body string) ([]byte, error) {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(method)
	req.SetRequestURI(v.edge + path)
	req.Header.Set("X-Forwarded-For", v.address)
	req.Header.Set("Accept-Encoding", "br, gzip")
	for name, value := range v.jar {
		req.Header.SetCookie(name, value)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if v.index != "" {
		req.Header.Set("X-Index", v.index)
	}
	if body != "" {
		req.Header.SetContentType(contentType)
		req.SetBodyString(body)
	}
	began := time.Now()
	err := v.http.DoTimeout(req, res, patience)
	v.slowest = max(v.slowest, time.Since(began))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	v.pages++
	var set fasthttp.Cookie
	for _, whole := range res.Header.Cookies() {
		if err := set.ParseBytes(whole); err != nil {
			return nil, fmt.Errorf("%s %s: the cookie %q: %w", method, path, whole, err)
		}
		if v.jar == nil {
			v.jar = map[string]string{}
		}
		v.jar[string(set.Key())] = string(set.Value())
	}
	if at := res.Header.Peek("X-Index"); method != "GET" && len(at) > 0 {
		v.index = string(at)
	}
	if res.StatusCode() != want {
		return nil, fmt.Errorf("%s %s: %d, want %d", method, path, res.StatusCode(), want)
	}
	return append([]byte(nil), res.Body()...), nil
}

func (v *visit) page(path string) error {
	_, err := v.do("GET", path, 200, "", "", "")
	return err
}

// thing is a product; a few are looked at far more often than the others (Zipf).
func (v *visit) thing() int {
	return int(rand.NewZipf(v.rng, 1.05, 1, uint64(v.things-1)).Uint64())
}

func browse(v *visit) error {
	for _, path := range []string{"/", "/collections/c" + strconv.Itoa(v.rng.IntN(collections)), "/products/" + handle(v.thing()), "/products/" + handle(v.thing()), "/products/" + handle(v.thing())} {
		if err := v.page(path); err != nil {
			return err
		}
	}
	return nil
}

func search(v *visit) error {
	n := v.thing()
	if err := v.page("/search?q=" + word(n)); err != nil {
		return err
	}
	return v.page("/products/" + handle(n))
}

const jsonType, formType = "application/json", "application/x-www-form-urlencoded"

func (v *visit) key(step string) string { return "load-" + strconv.FormatInt(v.n, 36) + "-" + step }

// fill makes a cart with some lines and gives its address.
func (v *visit) fill(lines int) (string, error) {
	n := v.thing()
	if err := v.page("/products/" + handle(n)); err != nil {
		return "", err
	}
	body, err := v.do("POST", "/api/v1/carts", 201, "", jsonType, "{}")
	if err != nil {
		return "", err
	}
	var made struct{ ID string }
	if err := json.Unmarshal(body, &made); err != nil {
		return "", err
	}
	at := "/api/v1/carts/" + made.ID
	for i := range lines {
		if _, err := v.do("PUT", at+"/lines/"+sku((n+i)%v.things), 200, v.key("line"+strconv.Itoa(i)), jsonType, `{"quantity":1}`); err != nil {
			return "", err
		}
	}
	return at, nil
}

func cart(v *visit) error {
	at, err := v.fill(2)
	if err == nil {
		_, err = v.do("GET", at, 200, "", "", "")
	}
	return err
}

func buy(v *visit) error {
	at, err := v.fill(1)
	if err != nil {
		return err
	}
	body, err := v.do("POST", at+"/checkout", 201, v.key("buy"), jsonType, `{"email":"s`+strconv.FormatInt(v.n, 36)+`@example.com","shipping_address":{"name":"A Shopper","line1":"1 Load Street",`+
		`"city":"Hamburg","postal_code":"20457","country":"DE"},"shipping_method":"standard","payment":{"provider":"sandbox","token":"tok_ok"}}`)
	if err != nil {
		return err
	}
	var order struct{ ID, Key string }
	if err := json.Unmarshal(body, &order); err != nil {
		return err
	}
	return v.page("/orders/" + order.ID + "?key=" + order.Key)
}

func signIn(v *visit) error {
	if err := v.page("/sign-in"); err != nil {
		return err
	}
	if _, err := v.do("POST", "/sign-in", 303, "", formType, "email="+customer(v.rng.IntN(customers))+"&password="+password+"&next=/account"); err != nil {
		return err
	}
	return v.page("/account")
}

// patience is how long anybody waits for an answer.
const patience = 5 * time.Second
