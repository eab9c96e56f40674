package main

import (
	"encoding/base32"
	"fmt"
	"math/rand/v2"
	"strings"

	"meridian/core/seal"
)

// shop draws a catalogue, people and orders. The same seed draws the same shop, but for what is sealed.
type shop struct {
	o    options
	ring *seal.Keyring
	rnd  *rand.Rand
}

const (
	variantsPerProduct = 4
	collections        = 200
	onHand             = 100_000
)

var (
	words   = strings.Fields("amber linen oak slate river cotton harbour copper willow stone ember meadow birch cloud velvet cedar marble coral flint moss")
	kinds   = strings.Fields("mug lamp chair blanket jacket notebook kettle basket scarf table mirror bowl rug clock vase shelf pillow apron candle tray")
	sizes   = []string{"Small", "Medium", "Large", "Extra large"}
	vendors = strings.Fields("Northwind Harbour Fable Loom Tally Quarry Alder Finch")
)

func (s *shop) pick(from []string, n int) string { return from[n%len(from)] }

func sku(n int) string        { return fmt.Sprintf("SKU-%07d", n) }
func customerID(n int) string { return fmt.Sprintf("u-%016d", n) }

// product is the n-th of the catalogue: one option of four values, two currencies, a page of description.
func (s *shop) product(n int) (p product, stock map[string]int64) {
	kind := s.pick(kinds, n/7)
	title := fmt.Sprintf("%s %s %s %d", s.pick(words, n), s.pick(words, n/20+7), kind, n)
	p = product{
		Handle: strings.ReplaceAll(title, " ", "-"), Title: title, Vendor: s.pick(vendors, n), Type: kind,
		HTML: "<p>" + strings.Repeat("A thing made to last, in small numbers, by people who know how. ", 8) + "</p>",
		Tags: []string{s.pick(words, n), s.pick(words, n/3), kind}, Options: []option{{"Size", sizes}},
		Images:      []image{{fmt.Sprintf("asset-%d-a", n%5000), title}, {fmt.Sprintf("asset-%d-b", n%5000), title}},
		Collections: []string{fmt.Sprintf("collection-%03d", n%collections), fmt.Sprintf("collection-%03d", (n/collections)%collections)},
	}
	if p.Collections[0] == p.Collections[1] {
		p.Collections = p.Collections[:1]
	}
	stock = map[string]int64{}
	for i, size := range sizes {
		v := variant{SKU: sku(n*variantsPerProduct + i), Title: size, Choices: []string{size},
			Prices: map[string]int64{"EUR": int64(900 + n%9000), "USD": int64(990 + n%9900)}}
		p.Variants = append(p.Variants, v)
		stock[v.SKU] = onHand
	}
	return p, stock
}

var idEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

func (s *shop) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rnd.Uint32())
	}
	return b
}

func (s *shop) id(n int) string { return idEncoding.EncodeToString(s.bytes(n)) }

func (s *shop) hex(n int) string { return fmt.Sprintf("%x", s.bytes(n)) }

// password has the shape of what an account holds; the hash itself is made up, since a million of them
// would take a day.
const password = "$argon2id$v=19$m=19456,t=2,p=1$"

func (s *shop) customer(n int) ([]byte, error) {
	wrapped, err := s.ring.NewPerson()
	if err != nil {
		return nil, err
	}
	profile, err := s.ring.Seal(wrapped, "customer.profile", fmt.Appendf(nil, `{"email":"shopper.%d@mail.example","name":"Shopper Number %d"}`, n, n))
	if err != nil {
		return nil, err
	}
	return command(cmdCreateCustomer, envelope{}, createCustomer{ID: customerID(n), EmailHash: s.hex(32), Wrapped: wrapped, Profile: profile,
		Password: password + s.id(16) + "$" + s.id(32), TokenHash: s.hex(16)}), nil
}

// sku draws what is bought: a fifth of it from a hundredth of the catalogue.
func (s *shop) sku() string {
	n := s.o.skus
	if s.rnd.IntN(5) == 0 {
		n = max(1, n/100)
	}
	return sku(s.rnd.IntN(n))
}

// order is every command of one sold order but the last, in the order in which the log would hold them: a
// cart that nothing was put into takes none. The last one, that the money was taken, is for many orders
// together.
func (s *shop) order(nowMS int64) (id string, commands [][]byte, err error) {
	stamp := stampOf(nowMS)
	cart := fmt.Sprintf("c1-%s%s-eurde-%s", stamp, s.id(16), s.hex(10))
	id = "o1-" + stamp + s.id(10)
	seen := map[string]bool{}
	for range 1 + s.rnd.IntN(3) {
		if k := s.sku(); !seen[k] {
			seen[k] = true
			key := envelope{Scope: "cart:" + cart, Key: fmt.Sprintf("edge edge-eu %012x", nowMS) + s.hex(16), BodyHash: s.hex(32)}
			commands = append(commands, command(cmdPutLine, key, putLine{cart, k, int64(1 + s.rnd.IntN(2)), "EUR", "DE"}))
		}
	}
	r := reserve{Cart: cart, Order: id, Secret: s.id(16), Country: "DE", Method: "standard", Provider: "sandbox", Visitor: s.hex(16), Session: s.hex(16), Given: true}
	wrapped, err := s.ring.NewPerson()
	if err != nil {
		return id, nil, err
	}
	if s.rnd.IntN(2) == 0 {
		r.Customer = customerID(s.rnd.IntN(s.o.customers))
		r.Person = "c:" + r.Customer
	} else {
		r.Person, r.Wrapped = "o:"+id, wrapped
	}
	contact := fmt.Appendf(nil, `{"email":"shopper.%d@mail.example","address":{"name":"Shopper Number","line1":"Long Street %d","line2":"Third floor","city":"Somewhere","postal_code":"%05d","country":"DE","phone":"+49 30 1234567"}}`,
		s.rnd.IntN(1e6), s.rnd.IntN(200), s.rnd.IntN(99999))
	if r.Contact, err = s.ring.Seal(wrapped, "order.contact", contact); err != nil {
		return id, nil, err
	}
	return id, append(commands,
		command(cmdReserve, envelope{Scope: "cart:" + cart, Key: s.hex(18), BodyHash: s.hex(32)}, r),
		command(cmdCommit, envelope{}, commit{id, 1, "ch_" + s.id(12)})), nil
}

// stampOf is the part of an id that makes ids of one time stand together, as the core draws them.
func stampOf(ms int64) string {
	const ordered = "23456789abcdefghijkmnpqrstuvwxyz"
	b := make([]byte, 9)
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = ordered[ms&31]
		ms >>= 5
	}
	return string(b)
}
