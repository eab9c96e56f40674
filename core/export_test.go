package core

// What tests may switch off, to see that it matters.

// SkipDedupe makes repeated keys count as new ones.
func (m *Machine) SkipDedupe() { m.skipDedupe = true }

// SkipStockCheck lets stock go below zero.
func (m *Machine) SkipStockCheck() { m.skipStockCheck = true }

// SkipHashCheck lets a replica that differs go on.
func (m *Machine) SkipHashCheck() { m.skipHashCheck = true }

// SkipSum lets two lines of one SKU be checked one by one.
func (m *Machine) SkipSum() { m.skipSum = true }

// UnfenceVoids lets an order be paid whose payment is being voided.
func (m *Machine) UnfenceVoids() { m.unfencedVoids = true }

// DoubleLines gives a cart every line twice, behind the log's back.
func (m *Machine) DoubleLines(index uint64, cart string) {
	m.db.Update(index, 1, func() {
		c, _ := m.carts.Get(cart)
		c.Lines = append(append([]cartLineRec(nil), c.Lines...), c.Lines...)
		m.carts.Put(cart, c)
	})
}

// ExpireByWallClock lets released orders run out by this node's clock.
func (m *Machine) ExpireByWallClock() { m.wallClock = true }

// Damage changes a stock counter behind the log's back.
func (m *Machine) Damage(index uint64, sku string) {
	m.db.Update(index, 1, func() {
		s, _ := m.stock.Get(stockKey(sku, "main"))
		s.OnHand++
		m.stock.Put(stockKey(sku, "main"), s)
	})
}

// Tick encodes the command that moves time; Header the header of an entry.
func Tick() []byte { return must(encodeCommand(cmdTick, keying{}, tickCmd{})) }

// Header encodes the header of an entry.
func Header(nowMS int64, hashIndex, hash uint64) []byte {
	return header{rulesNow, nowMS, hashIndex, hash}.encode()
}

// DecodeCommand and DecodeHeader are for fuzzing.
func DecodeCommand(b []byte) error { _, _, err := decodeCommand(b); return err }

// DecodeHeader is for fuzzing.
func DecodeHeader(b []byte) error { _, err := decodeHeader(b); return err }

// GoldenCommands are encoded forms that must never change.
func GoldenCommands() map[string][]byte {
	v := int64(42)
	k := keying{"cart:c1-a", "key-1", "hash"}
	return map[string][]byte{
		"tick":           must(encodeCommand(cmdTick, keying{}, tickCmd{})),
		"put_line":       must(encodeCommand(cmdPutLine, k, putLineCmd{Cart: "c1-a", SKU: "SKU-1", Quantity: 2})),
		"put_line_fresh": must(encodeCommand(cmdPutLine, k, putLineCmd{"c1-a", "SKU-1", 2, "EUR", "DE"})),
		"reserve":        must(encodeCommand(cmdReserve, k, reserveCmd{Cart: "c1-a", Order: "o1-b", Secret: "s", Version: &v, Country: "DE", Method: "standard", Provider: "sandbox", Person: "o:o1-b", Wrapped: []byte{1}, Contact: []byte{2}})),
		"reserve_given":  must(encodeCommand(cmdReserve, k, reserveCmd{Cart: "c1-a", Order: "o1-b", Secret: "s", Country: "DE", Method: "standard", Provider: "sandbox", Person: "o:o1-b", Contact: []byte{2}, Given: true})),
		"commit":         must(encodeCommand(cmdCommit, keying{}, commitCmd{"o1-b", 1, "ch_1"})),
		"payment_states": must(encodeCommand(cmdPaymentStates, keying{}, paymentStatesCmd{Orders: []string{"o1-b", "o1-c"}, From: payAuthorized, To: payCaptured})),
		"release":        must(encodeCommand(cmdRelease, keying{}, releaseCmd{"o1-b", 1, true, "card_declined"})),
		"stock":          must(encodeCommand(cmdChangeStock, keying{}, changeStockCmd{SKU: "SKU-1", Location: "main", Set: true, OnHand: 7})),
		"put_locations":  must(encodeCommand(cmdPutLocations, keying{}, putLocationsCmd{List: []locationRec{{"main", "Main", 1, false}, {"attic", "Attic", 2, true}}, IfMatch: 9, Match: true})),
		"feed":           must(encodeCommand(cmdFeed, keying{}, feedCmd{"wms", []feedItemRec{{"SKU-1", "main", 7, 3}}})),
		"locations_row":  must(record[locationsRec]{1}.Encode(locationsRec{[]locationRec{{"main", "Main", 1, false}}, 9})),
		"feed_mark_row":  must(record[feedMarkRec]{1}.Encode(feedMarkRec{3, 7, 2, 8, 8})),
		"join_outbox":    must(encodeCommand(cmdJoinOutbox, keying{}, joinOutboxCmd{Name: "erp", Now: true})),
		"put_member":     must(encodeCommand(cmdPutMember, keying{}, putMemberCmd{ID: "core-4", Region: "eu", API: "127.0.0.1:8100"})),
		"node_row":       must(record[nodeRec]{1}.Encode(nodeRec{Region: "eu", API: "127.0.0.1:8100"})),
		"header_2":       header{Rules: rulesOrdered, NowMS: 1_700_000_000_000, HashIndex: 9, Hash: 0xabcdef}.encode(),
		"header":         header{Rules: rulesFirst, NowMS: 1_700_000_000_000, HashIndex: 9, Hash: 0xabcdef}.encode(),
		"stock_row":      must(record[stockRec]{1}.Encode(stockRec{OnHand: 5, Reserved: 2, Received: 9, Sold: 4, Index: 77})),
		"cart_row":       must(record[cartRec]{1}.Encode(cartRec{Currency: "EUR", Country: "DE", Lines: []cartLineRec{{"SKU-1", 2}}, UpdatedMS: 5})),
		"key_row":        must(record[keyRec]{1}.Encode(keyRec{BodyHash: "h", Status: 201, Body: []byte("{}"), Bucket: 3})),
		"begin_timeline": must(encodeCommand(cmdBeginTimeline, keying{}, beginTimelineCmd{2, timelineRec{History: "h", Parent: 1, ForkIndex: 9, SinceMS: 5}})),
		"difference":     must(encodeCommand(cmdDifference, keying{}, differenceCmd{2, differenceRec{Key: "1/o1-b/1/authorize", Order: "o1-b", Charge: "ch_1", Amount: 5, Currency: "EUR", Found: "captured", Action: actionRefunded, Done: true, AtMS: 7}})),
		"end_reconcile":  must(encodeCommand(cmdEndReconcile, keying{}, endReconcileCmd{2, 30})),
		"name_keyring":   must(encodeCommand(cmdNameKeyring, keying{}, nameKeyringCmd{"b5ad83eb1761609e"})),
		"keyring_row":    must(record[string]{1}.Encode("b5ad83eb1761609e")),
		"timeline_row":   must(record[timelineRec]{1}.Encode(timelineRec{History: "h", Parent: 1, ForkIndex: 9, ForkMS: 8, ForkSeq: 7, SinceMS: 6, DoneMS: 5, Checked: 4})),
		"outbox_row_2":   must(record[outboxRec]{1}.Encode(outboxRec{Seq: 4, AtMS: 5, Type: "order_placed", Order: "o2-b", Country: "DE", Timeline: 2})),
		"outbox_row":     must(record[outboxRec]{1}.Encode(outboxRec{Seq: 4, AtMS: 5, Type: "order_placed", Order: "o1-b", Country: "DE"})),
		"adjust":         appendAdjust(nil, &adjustment{life: lifePrincipal, id: keyID{1, 2}, body: bodyHash{3}, delta: -1, sku: []byte("SKU-1"), reason: []byte("sale")}),
		"stock_log_row":  goldenStockLog(),
		"publish_table":  must(encodeCommand(cmdPublishTable, keying{}, publishTableCmd{Version: "v2", Key: "recommendations/v2", Items: 3, Pairs: 5, Edge: "edge-1", After: "v1"})),
		"erase_traces":   must(encodeCommand(cmdEraseTraces, keying{}, eraseTracesCmd{Customer: "c-1", Orders: []string{"o1-b"}, Traces: [][]byte{traceHash("v1")}, Anyone: true})),
		"erasure_row":    must(record[erasureRec]{1}.Encode(erasureRec{7, 1_700_000_000_000, [][]byte{traceHash("v1")}, 2})),
		"tables_row":     must(record[tablesRec]{1}.Encode(tablesRec{[]tableRec{{"v2", "recommendations/v2", 3, 5, "edge-1", 1_700_000_000_000}}})),
	}
}

// PutProducts encodes products with these SKUs, in the order of the handles.
func PutProducts(skus map[string][]string, handles ...string) []byte {
	var c putProductsCmd
	for _, h := range handles {
		p := productRec{Handle: h, Title: h}
		for _, sku := range skus[h] {
			p.Variants = append(p.Variants, variantRec{SKU: sku})
		}
		c.Products = append(c.Products, p)
	}
	return must(encodeCommand(cmdPutProducts, keying{}, c))
}

// ProductOf is the handle of the product that has a SKU.
func (m *Machine) ProductOf(sku string) (handle string) {
	m.db.View(func() {
		ref, _ := m.findSKU(sku)
		handle = ref.handle
	})
	return handle
}

// Decline encodes the end of an order's first attempt as a decline.
func Decline(order, code string) []byte {
	return must(encodeCommand(cmdRelease, keying{}, releaseCmd{Order: order, Attempt: 1, Declined: true, DeclineCode: code}))
}

// Release encodes that an order's attempt is given up.
func Release(order string, attempt int) []byte {
	return must(encodeCommand(cmdRelease, keying{}, releaseCmd{Order: order, Attempt: attempt}))
}

// Commit encodes that the provider took the money for an order's attempt.
func Commit(order string, attempt int, charge string) []byte {
	return must(encodeCommand(cmdCommit, keying{}, commitCmd{Order: order, Attempt: attempt, Charge: charge}))
}

// StagePart encodes a part of an import, without products.
func StagePart(id string, part uint64) []byte {
	return must(encodeCommand(cmdStageImport, keying{}, stageImportCmd{ID: id, Part: part}))
}

// Sessions, StagedParts and Persons count rows.
func (m *Machine) Sessions() int { return m.rows(m.sessions.Len) }

// StagedParts counts the parts of imports under way.
func (m *Machine) StagedParts() int { return m.rows(m.staged.Len) }

// Persons counts the keys of people.
func (m *Machine) Persons() int { return m.rows(m.persons.Len) }

func (m *Machine) rows(n func() int) (count int) {
	m.db.View(func() { count = n() })
	return count
}

// IsCommit says whether a command makes an order paid.
func IsCommit(command []byte) bool { return commandType(command[0]) == cmdCommit }

func goldenStockLog() []byte {
	row := stockLogRow{index: 9, now: 1_700_000_000_000}
	row.add(&adjustRecord{adjustment: adjustment{life: lifeEdge, id: keyID{1, 2}, body: bodyHash{3}, delta: -1, sku: []byte("SKU-1")}, onHand: 4, reserved: 2, index: 9})
	row.add(&adjustRecord{adjustment: adjustment{delta: -100, sku: []byte("SKU-1"), location: []byte("east"), reason: []byte("count")}, outcome: adjustNegative, onHand: 4, index: 7})
	return row.encode()
}

// StockRows encodes a stock row by hand and by the library.
func StockRows(onHand, reserved, received, sold int64, index uint64) (quick, slow []byte) {
	rec := stockRec{OnHand: onHand, Reserved: reserved, Received: received, Sold: sold, Index: index}
	return stockCodec{}.Append(nil, rec), must(record[stockRec]{1}.Encode(rec))
}

// ReadStockRow decodes a stock row by hand and by the library.
func ReadStockRow(onHand, reserved, received, sold int64, index uint64) (hand, library any) {
	b := must(record[stockRec]{1}.Encode(stockRec{OnHand: onHand, Reserved: reserved, Received: received, Sold: sold, Index: index}))
	return must(stockCodec{record[stockRec]{1}}.Decode(b)), must(record[stockRec]{1}.Decode(b))
}

// DecodeStockRow is for fuzzing: both ways of reading a stock row, and their errors.
func DecodeStockRow(b []byte) (hand, library any, errHand, errLibrary error) {
	hand, errHand = stockCodec{record[stockRec]{1}}.Decode(b)
	library, errLibrary = record[stockRec]{1}.Decode(b)
	return hand, library, errHand, errLibrary
}

// NowOf is the machine's log time.
func NowOf(m *Machine) (now int64) {
	m.db.View(func() { now = m.metaNow().NowMS })
	return now
}

// ForkedAt is the log time at which the present timeline left its parent.
func ForkedAt(m *Machine) (at int64) {
	m.db.View(func() { t, _ := m.present(); at = t.ForkMS })
	return at
}

// Adjusted says what applying an adjustment gave.
func Adjusted(v any) (replay bool, onHand int64) {
	r := v.(*adjustResult)
	return r.replay, r.record.onHand
}

// LiveAdjustKeys is the number of keys of adjustments in memory.
func (m *Machine) LiveAdjustKeys() (n int) {
	m.db.View(func() { n = m.adjusted.count })
	return n
}

// DecodeAdjust and DecodeStockLog are for fuzzing: what decodes is encoded again.
func DecodeAdjust(b []byte) ([]byte, error) {
	a, err := decodeAdjust(b)
	if err != nil {
		return nil, err
	}
	return appendAdjust(nil, &a), nil
}

// DecodeStockLog is for fuzzing.
func DecodeStockLog(b []byte) ([]byte, error) {
	row := stockLogRow{index: 100}
	err := stockLogRec(b).each(100, func(_ int, a *adjustRecord) bool { row.add(a); return true })
	row.now = stockLogRec(b).at()
	return row.encode(), err
}

// Adjust encodes an adjustment under a key.
func Adjust(id [16]byte, sku string, delta int64) []byte {
	return appendAdjust(nil, &adjustment{life: lifeEdge, id: id, body: bodyHash{1}, delta: delta, sku: []byte(sku)})
}

// HeaderOf encodes the header of an entry under other rules.
func HeaderOf(rules byte, nowMS int64) []byte { return header{Rules: rules, NowMS: nowMS}.encode() }

// Count encodes that a SKU was counted.
func Count(sku string, onHand int64) []byte {
	return must(encodeCommand(cmdChangeStock, keying{}, changeStockCmd{SKU: sku, Location: "main", Set: true, OnHand: onHand}))
}

// PutLine encodes that so many of a SKU are put into a cart.
func PutLine(cart, sku string, n int64) []byte {
	return must(encodeCommand(cmdPutLine, keying{}, putLineCmd{Cart: cart, SKU: sku, Quantity: n}))
}

// KeyedTick encodes a command without an effect under a key.
func KeyedTick(scope, key string) []byte {
	return must(encodeCommand(cmdRelease, keying{scope, key, "hash"}, releaseCmd{Order: "none"}))
}

// ReserveGiven encodes the reservation of a cart whose identifier was given here.
func ReserveGiven(cart string) []byte {
	return must(encodeCommand(cmdReserve, keying{}, reserveCmd{Cart: cart, Order: "o1-x", Country: "DE", Method: "standard", Provider: "sandbox", Person: "o:o1-x", Given: true}))
}

// Keys, KeyBuckets and Carts count rows.
func (m *Machine) Keys() int { return m.rows(m.keys.Len) }

// KeyBuckets counts the places of keys by the hour of their end.
func (m *Machine) KeyBuckets() int { return m.rows(m.keyBuckets.Len) }

// Carts counts the carts with a row.
func (m *Machine) Carts() int { return m.rows(m.carts.Len) }

// LedgerKeys counts the lines of the ledger that are filed by SKU, and those in their order.
func (m *Machine) LedgerKeys() (bySKU, ordered int) {
	m.db.View(func() {
		m.movements.Ascend("", func(k string, _ movementRec) bool {
			if len(k) == 8 {
				ordered++
			} else {
				bySKU++
			}
			return true
		})
	})
	return bySKU, ordered
}

// Frames is the state of the gate for frames: calls inside, calls that wait, frames refused.
func (srv *Server) Frames() (inside, waiting int, refused uint64) {
	return srv.admission.frames.State()
}

// OpenDoors lets purchases pass waiting rooms without a ticket.
func (m *Machine) OpenDoors() { m.openDoors = true }

// Nameless are the commands that make rows under names of their own, with each of these as every name.
func Nameless(names ...string) (out [][]byte) {
	add := func(t commandType, k keying, body any) { out = append(out, must(encodeCommand(t, k, body))) }
	for _, n := range names {
		product := productRec{Handle: n, Title: "T"}
		for t, body := range map[commandType]any{
			cmdPutProducts: putProductsCmd{Products: []productRec{product}}, cmdPutCollection: collectionRec{Handle: n}, cmdPutAsset: assetRec{Name: n}, cmdCreateCart: createCartCmd{ID: n},
			cmdPutLine: putLineCmd{Cart: n, SKU: n, Currency: "EUR"}, cmdReserve: reserveCmd{Cart: n, Order: n, Person: n, Wrapped: []byte{1}, Given: true}, cmdCreateCustomer: createCustomerCmd{ID: n, EmailHash: n, TokenHash: n},
			cmdPatchCustomer: patchCustomerCmd{ID: n, EmailHash: n}, cmdOpenSession: openSessionCmd{TokenHash: n}, cmdPutStaff: staffRec{Email: n}, cmdRenewEdge: renewEdgeCmd{Edge: n}, cmdCutSlice: cutSliceCmd{Consumer: n, Max: 1},
			cmdAckSlice: ackSliceCmd{Consumer: n}, cmdStageImport: stageImportCmd{ID: n}, cmdPutMember: putMemberCmd{ID: n}, cmdJoinOutbox: joinOutboxCmd{Name: n}, cmdPutRoom: putRoomCmd{ID: n}, cmdFeed: feedCmd{n, []feedItemRec{{n, n, 1, 1}}},
			cmdChangeStock: changeStockCmd{SKU: n, Location: n, Delta: 1},
		} {
			add(t, keying{}, body)
		}
		add(cmdCreateCart, keying{n, n, "hash"}, createCartCmd{ID: "c"})
	}
	return out
}

// EraseTraces encodes an erasure of hashes.
func EraseTraces(hashes [][]byte) []byte {
	return must(encodeCommand(cmdEraseTraces, keying{}, eraseTracesCmd{Traces: hashes}))
}
