package main

import (
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
)

// The log's format as core/command.go defines it: a type and a version byte, then an envelope with the
// idempotency key and the body. Numbers and fields keep their meaning for ever, so a second copy is safe;
// a core that cannot read these cannot read the logs in the field either.
const (
	cmdTick           = 1
	cmdPutProducts    = 2
	cmdPutCollection  = 4
	cmdPutLine        = 8
	cmdReserve        = 9
	cmdCommit         = 10
	cmdCreateCustomer = 13
	cmdCutSlice       = 23
	cmdAckSlice       = 24
	cmdPaymentStates  = 30
)

type envelope struct {
	Scope    string          `cbor:"1,keyasint,omitempty"`
	Key      string          `cbor:"2,keyasint,omitempty"`
	BodyHash string          `cbor:"3,keyasint,omitempty"`
	Body     cbor.RawMessage `cbor:"4,keyasint"`
}

type option struct {
	Name   string   `cbor:"1,keyasint"`
	Values []string `cbor:"2,keyasint"`
}

type image struct {
	Asset string `cbor:"1,keyasint"`
	Alt   string `cbor:"2,keyasint"`
}

type variant struct {
	SKU     string           `cbor:"1,keyasint"`
	Title   string           `cbor:"2,keyasint"`
	Choices []string         `cbor:"3,keyasint"`
	Prices  map[string]int64 `cbor:"4,keyasint"`
	Compare map[string]int64 `cbor:"5,keyasint,omitempty"`
}

type product struct {
	Handle      string    `cbor:"1,keyasint"`
	Title       string    `cbor:"2,keyasint"`
	HTML        string    `cbor:"3,keyasint"`
	Vendor      string    `cbor:"4,keyasint"`
	Type        string    `cbor:"5,keyasint"`
	Tags        []string  `cbor:"6,keyasint"`
	Options     []option  `cbor:"7,keyasint"`
	Images      []image   `cbor:"8,keyasint"`
	Clips       []string  `cbor:"9,keyasint"`
	Variants    []variant `cbor:"10,keyasint"`
	Collections []string  `cbor:"11,keyasint"`
}

type (
	putProducts struct {
		Products []product        `cbor:"1,keyasint"`
		Stock    map[string]int64 `cbor:"4,keyasint,omitempty"`
	}
	collection struct {
		Handle      string `cbor:"1,keyasint"`
		Title       string `cbor:"2,keyasint"`
		Description string `cbor:"3,keyasint"`
		Image       string `cbor:"4,keyasint"`
	}
	putLine struct {
		Cart     string `cbor:"1,keyasint"`
		SKU      string `cbor:"2,keyasint"`
		Quantity int64  `cbor:"3,keyasint"`
		Currency string `cbor:"4,keyasint,omitempty"`
		Country  string `cbor:"5,keyasint,omitempty"`
	}
	reserve struct {
		Cart     string `cbor:"1,keyasint"`
		Order    string `cbor:"2,keyasint"`
		Secret   string `cbor:"3,keyasint"`
		Country  string `cbor:"5,keyasint"`
		Method   string `cbor:"6,keyasint"`
		Provider string `cbor:"7,keyasint"`
		Customer string `cbor:"8,keyasint,omitempty"`
		Person   string `cbor:"9,keyasint"`
		Wrapped  []byte `cbor:"10,keyasint,omitempty"`
		Contact  []byte `cbor:"11,keyasint"`
		Visitor  string `cbor:"12,keyasint,omitempty"`
		Session  string `cbor:"13,keyasint,omitempty"`
		Given    bool   `cbor:"14,keyasint,omitempty"`
	}
	commit struct {
		Order   string `cbor:"1,keyasint"`
		Attempt int    `cbor:"2,keyasint"`
		Charge  string `cbor:"3,keyasint"`
	}
	paymentStates struct {
		Orders []string `cbor:"1,keyasint"`
		From   string   `cbor:"2,keyasint"`
		To     string   `cbor:"3,keyasint"`
	}
	createCustomer struct {
		ID        string `cbor:"1,keyasint"`
		EmailHash string `cbor:"2,keyasint"`
		Wrapped   []byte `cbor:"3,keyasint"`
		Profile   []byte `cbor:"4,keyasint"`
		Password  string `cbor:"5,keyasint"`
		TokenHash string `cbor:"6,keyasint"`
	}
	cutSlice struct {
		Consumer string `cbor:"1,keyasint"`
		Max      int    `cbor:"2,keyasint"`
	}
	ackSlice struct {
		Consumer string `cbor:"1,keyasint"`
		Slice    uint64 `cbor:"2,keyasint"`
	}
)

var mode = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func marshal(v any) []byte {
	b, err := mode.Marshal(v)
	if err != nil {
		panic(err) // a value of ours that cannot be encoded is a bug
	}
	return b
}

func command(t byte, e envelope, body any) []byte {
	e.Body = marshal(body)
	return append([]byte{t, 1}, marshal(e)...)
}

// header is what the leader puts before the commands of an entry: the rules that it goes by, its time,
// and no hash to compare with.
func header(nowMS int64) []byte {
	b := make([]byte, 25)
	b[0] = 2
	binary.BigEndian.PutUint64(b[1:], uint64(nowMS))
	return b
}
