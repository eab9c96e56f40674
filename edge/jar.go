package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"meridian/api"
)

// Names and lives of the cookies. The jar is signed, session and staff hold tokens that the core
// checks, the count is for the page's script and decides nothing. Those of consent are in consent.go: they are no part
// of the jar, since answers to events may set them, and must never write an older jar over a newer one.
const (
	cookieJar     = "mj"
	cookieSession = "session"
	cookieStaff   = "staff"
	cookieCount   = "cn"

	jarLife     = 180 * 24 * time.Hour
	sessionLife = 30 * 24 * time.Hour
	staffLife   = 12 * time.Hour

	maxJarBytes   = 3800 // browsers keep 4096 per cookie, attributes included
	maxTokenBytes = 512
	jarLabel      = "mj1." // what is signed starts with it, so that no other signature fits
	visitorLabel  = "visitor1."
)

// jarCodec signs jars. The zero value is of no use; the secret is shared by all edges.
type jarCodec struct {
	secret []byte
}

// jarWire is the signed part of a Jar. Field names are for ever: old cookies come back. The name v is taken: it was
// the visitor's.
type jarWire struct {
	Cart    string            `json:"c,omitempty"`
	Min     string            `json:"m,omitempty"`
	Visit   string            `json:"s,omitempty"`
	Flash   string            `json:"f,omitempty"`
	Orders  map[string]string `json:"o,omitempty"`
	Tickets []string          `json:"t,omitempty"`
}

func (c jarCodec) sign(label, payload string) []byte {
	m := hmac.New(sha256.New, c.secret)
	m.Write([]byte(label))
	m.Write([]byte(payload))
	return m.Sum(nil)
}

// signed reports whether mac is the signature of payload.
func (c jarCodec) signed(label, payload, mac string) bool {
	got, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	return err == nil && hmac.Equal(got, c.sign(label, payload))
}

// encodeVisitor gives the value of the visitor's cookie, "" for none.
func (c jarCodec) encodeVisitor(id string) string {
	if id == "" {
		return ""
	}
	return id + "." + base64.RawURLEncoding.EncodeToString(c.sign(visitorLabel, id))
}

// decodeVisitor reads the value of the visitor's cookie: "" if it was not signed here.
func (c jarCodec) decodeVisitor(value string) string {
	id, mac, ok := strings.Cut(value, ".")
	if !ok || id == "" || len(value) > maxTokenBytes || !c.signed(visitorLabel, id, mac) {
		return ""
	}
	return id
}

// encode gives the value of the jar's cookie, "" for a jar with nothing to sign.
func (c jarCodec) encode(j Jar) string {
	w := jarWire{Cart: j.Cart, Visit: j.Visit, Flash: j.Flash, Orders: maps.Clone(j.Orders), Tickets: j.Tickets}
	if !j.Min.IsZero() {
		w.Min = j.Min.String()
	}
	for {
		b, err := json.Marshal(w)
		if err != nil || string(b) == "{}" {
			return ""
		}
		payload := base64.RawURLEncoding.EncodeToString(b)
		value := payload + "." + base64.RawURLEncoding.EncodeToString(c.sign(jarLabel, payload))
		if len(value) <= maxJarBytes {
			return value
		}
		// Too much for a cookie: the smallest order ids, which are the oldest, go first. Their pages
		// still open with the key from the confirmation mail.
		if len(w.Orders) > 0 {
			delete(w.Orders, slices.Min(slices.Collect(maps.Keys(w.Orders))))
			continue
		}
		if w.Flash == "" {
			return ""
		}
		w.Flash = ""
	}
}

// decode reads the value of the jar's cookie. A value that was not signed here is an empty jar.
func (c jarCodec) decode(value string) (Jar, bool) {
	if value == "" || len(value) > maxJarBytes {
		return Jar{}, false
	}
	payload, mac, ok := strings.Cut(value, ".")
	if !ok || !c.signed(jarLabel, payload, mac) {
		return Jar{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return Jar{}, false
	}
	var w jarWire
	if err := json.Unmarshal(b, &w); err != nil {
		return Jar{}, false
	}
	min, err := api.ParseIndex(w.Min)
	if err != nil {
		return Jar{}, false
	}
	return Jar{Cart: w.Cart, Min: min, Visit: w.Visit, Flash: w.Flash, Orders: w.Orders, Tickets: w.Tickets}, true
}

// read takes the client's jar out of its cookies.
func (c jarCodec) read(h *fasthttp.RequestHeader) Jar {
	j, _ := c.decode(string(h.Cookie(cookieJar)))
	j.Session = token(h.Cookie(cookieSession))
	j.Staff = token(h.Cookie(cookieStaff))
	j.Consent, j.Visitor = choice(h.Cookie(cookieConsent)), c.decodeVisitor(string(h.Cookie(cookieVisitor)))
	if n, err := strconv.Atoi(string(h.Cookie(cookieCount))); err == nil && n > 0 && n <= api.MaxCartLines*api.MaxQuantity {
		j.CartCount = n
	}
	return j
}

// token is a credential as sent, or "" if it cannot be one.
func token(b []byte) string {
	if len(b) == 0 || len(b) > maxTokenBytes || !visible(b) {
		return ""
	}
	return string(b)
}

// visible reports whether b is visible ASCII.
func visible(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// write sets the cookies in which next differs from what the client sent.
func (c jarCodec) write(h *fasthttp.ResponseHeader, sent, next Jar, secure bool) {
	put := func(name, value string, life time.Duration, readable bool) {
		k := fasthttp.AcquireCookie()
		defer fasthttp.ReleaseCookie(k)
		k.SetKey(name)
		k.SetValue(value)
		k.SetPath("/")
		k.SetHTTPOnly(!readable)
		k.SetSecure(secure)
		k.SetSameSite(fasthttp.CookieSameSiteLaxMode)
		if value == "" {
			k.SetExpire(fasthttp.CookieExpireDelete)
		} else {
			k.SetMaxAge(int(life.Seconds()))
		}
		h.SetCookie(k)
	}
	if was, is := c.encode(sent), c.encode(next); was != is {
		put(cookieJar, is, jarLife, false)
	}
	if sent.Session != next.Session {
		put(cookieSession, next.Session, sessionLife, false)
	}
	if sent.Staff != next.Staff {
		put(cookieStaff, next.Staff, staffLife, false)
	}
	if sent.Consent != next.Consent {
		put(cookieConsent, next.Consent, consentLife(next.Consent), true)
	}
	if sent.Visitor != next.Visitor {
		put(cookieVisitor, c.encodeVisitor(next.Visitor), yesLife, false)
	}
	if sent.CartCount != next.CartCount {
		count := ""
		if next.CartCount > 0 {
			count = strconv.Itoa(next.CartCount)
		}
		put(cookieCount, count, jarLife, true)
	}
}
