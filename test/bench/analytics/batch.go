package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"meridian/api"
)

// batch is the body of POST /events as a browser sends it, whose events get new ids in place.
type batch struct {
	body []byte
	ids  []int // where each event's id begins
}

// newBatch is a visit to some products: the same bytes but for the ids.
func newBatch(events, caller int) (*batch, error) {
	b := &batch{}
	var out api.EventBatch
	now := time.Now().UTC().Format(time.RFC3339Nano)
	session := fmt.Sprintf("0192f7a4-5b7e-7c3a-9d0e-%012x", caller)
	for i := range events {
		e := api.Event{ID: fmt.Sprintf("%08x-0000-7000-8000-%012x", caller, i), Type: "view_item", At: now, Session: session,
			Items: []api.EventItem{{ItemID: fmt.Sprintf("thing-%d", (caller*events+i)%5000)}}}
		switch i % 5 {
		case 1:
			e.Type, e.Slot, e.Algorithm, e.Version = "rec_impression", "product", "item-to-item", "20261122T142020.387-edge-eu"
			e.Items = append(e.Items, api.EventItem{ItemID: "thing-1"}, api.EventItem{ItemID: "thing-2"}, api.EventItem{ItemID: "thing-3"})
		case 2:
			e.Type, e.Items[0].SKU, e.Items[0].Quantity, e.Items[0].Price = "add_to_cart", "THING-1", 1, &api.Money{Amount: 1999, Currency: "EUR"}
		}
		out.Events = append(out.Events, e)
	}
	var err error
	if b.body, err = json.Marshal(out); err != nil {
		return nil, err
	}
	for i := range out.Events {
		at := bytes.Index(b.body, []byte(out.Events[i].ID))
		if at < 0 {
			return nil, fmt.Errorf("the id %s is not in the body", out.Events[i].ID)
		}
		b.ids = append(b.ids, at)
	}
	return b, nil
}

// renew gives every event an id that none had before: a time, as in version 7 (RFC 9562), and a number.
func (b *batch) renew(caller uint32, n uint64) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(time.Now().UnixMilli())<<16)
	raw[6] = 0x70
	for i, at := range b.ids {
		binary.BigEndian.PutUint32(raw[8:], caller)
		binary.BigEndian.PutUint32(raw[12:], uint32(n)*128+uint32(i))
		raw[8] = raw[8]&0x3f | 0x80
		id := b.body[at : at+36]
		hex.Encode(id[0:8], raw[0:4])
		hex.Encode(id[9:13], raw[4:6])
		hex.Encode(id[14:18], raw[6:8])
		hex.Encode(id[19:23], raw[8:10])
		hex.Encode(id[24:36], raw[10:16])
	}
}
