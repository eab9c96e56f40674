package analytics

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"meridian/api"
	"meridian/internal/pause"
)

// OutboxSource is the core's outbox for one consumer. Next gives the oldest slice that is not done,
// the same one again until Done; a slice without entries means that there is nothing to do.
type OutboxSource interface {
	Next(ctx context.Context) (api.OutboxSlice, error)
	Done(ctx context.Context, slice uint64) error
}

// outboxIdle is the pause when the outbox is empty.
const outboxIdle = 500 * time.Millisecond

// RunOutbox carries the outbox into ClickHouse until ctx ends. Several edges may run it at once:
// they insert the same slices under the same tokens.
func (a *Analytics) RunOutbox(ctx context.Context, source OutboxSource) {
	if a == nil || a.cfg.Addr == "" {
		<-ctx.Done()
		return
	}
	backoff := newBackoff(a.cfg.RetryMax)
	for ctx.Err() == nil {
		n, err := a.DeliverOutbox(ctx, source)
		switch {
		case err != nil && !ended(ctx, err):
			if backoff.first() {
				a.log.Warn("analytics: the outbox waits", "err", err)
			}
			backoff.wait(ctx)
		case err == nil:
			backoff = newBackoff(a.cfg.RetryMax)
			if n == 0 {
				_ = pause.For(ctx, outboxIdle)
			}
		}
	}
}

// DeliverOutbox carries one slice over and says how many entries it had.
func (a *Analytics) DeliverOutbox(ctx context.Context, source OutboxSource) (int, error) {
	w := a.connected(ctx)
	if w == nil {
		return 0, ctx.Err()
	}
	slice, err := source.Next(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the outbox: %w", err)
	}
	if err := w.leaveBehind(ctx, slice.Abandoned); err != nil {
		a.failed(w, err)
		return 0, err
	}
	if len(slice.Entries) == 0 {
		return 0, nil
	}
	rows, err := orderRows(slice)
	if err != nil {
		return 0, err
	}
	if err := w.sendOrders(ctx, rows); err != nil {
		a.failed(w, err)
		a.stats.retried(err)
		return 0, err
	}
	if err := source.Done(ctx, slice.Slice); err != nil {
		return 0, fmt.Errorf("acknowledge outbox slice %d: %w", slice.Slice, err)
	}
	a.stats.outboxSlices.Add(1)
	a.stats.outboxEntries.Add(int64(len(rows)))
	a.stats.reached()
	return len(rows), nil
}

// leaveBehind notes what restores of the core have abandoned: orders that were carried over before the
// restore, and are lost there, count in no report. A connection notes each once; a repeat is harmless.
func (w *warehouse) leaveBehind(ctx context.Context, all []api.Abandoned) error {
	for _, g := range all {
		if _, known := w.abandoned.Load(g); known {
			continue
		}
		if err := w.conn.Exec(ctx, fmt.Sprintf("INSERT INTO abandoned (timeline, after_seq) SELECT %d, %d", g.Timeline, g.AfterSeq)); err != nil {
			return fmt.Errorf("note that timeline %d was left after its entry %d: %w", g.Timeline, g.AfterSeq, err)
		}
		w.abandoned.Store(g, true)
	}
	return nil
}

// orderRow is one outbox entry as the table orders holds it.
type orderRow struct {
	entry *api.OutboxEntry
	slice uint64
	// timeline is the slice's, in which its number is unique.
	timeline uint32
	id       uuid.UUID
	at       time.Time
}

func orderRows(s api.OutboxSlice) ([]orderRow, error) {
	rows := make([]orderRow, len(s.Entries))
	for i := range s.Entries {
		e := &s.Entries[i]
		at, err := time.Parse(time.RFC3339, e.At)
		if err != nil {
			return nil, fmt.Errorf("outbox entry %d-%d: time %q: %w", e.Timeline, e.Seq, e.At, err)
		}
		rows[i] = orderRow{entry: e, slice: s.Slice, timeline: s.Timeline, id: orderID(e.Timeline, e.Seq), at: at.UTC()}
	}
	return rows, nil
}

// orderID is the event id of an outbox entry: the same on every edge and at every repeat, as a
// name-based UUID (version 8, SHA-256).
func orderID(timeline uint32, seq uint64) uuid.UUID {
	name := binary.BigEndian.AppendUint32([]byte("meridian outbox "), timeline)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(name, seq))
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

func outboxToken(rows []orderRow) string {
	return fmt.Sprintf("outbox/%d/%d", rows[0].timeline, rows[0].slice)
}

const insertOrders = `INSERT INTO orders (id, timeline, seq, slice, kind, at, inserted_at, order_id, number, country, currency, subtotal, discount,
	shipping, tax, total, refunded, session, visitor, item_ids, skus, quantities, amounts)`

// sendOrders inserts a slice and looks whether it is there, since any slice may be a repeat. See
// holdsSegment for why an acknowledged repeat is not enough.
func (w *warehouse) sendOrders(ctx context.Context, rows []orderRow) error {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	add := func(b driver.Batch) error {
		for i := range rows {
			if err := appendOrder(b, &rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	token := outboxToken(rows)
	if err := w.send(ctx, insertOrders, token, add); err != nil {
		return err
	}
	there, err := w.holdsOrders(ctx, rows)
	if err != nil || there {
		return err
	}
	if err := w.send(ctx, insertOrders, fmt.Sprintf("%s/again/%d", token, time.Now().UnixNano()), add); err != nil {
		return err
	}
	if there, err = w.holdsOrders(ctx, rows); err == nil && !there {
		err = errors.New("ClickHouse acknowledged orders that it does not hold")
	}
	return err
}

func (w *warehouse) holdsOrders(ctx context.Context, rows []orderRow) (bool, error) {
	if err := w.catchUp(ctx, "orders"); err != nil {
		return false, err
	}
	first, last := rows[0].entry, rows[len(rows)-1].entry
	var n uint64
	err := w.conn.QueryRow(ctx, "SELECT uniqExact(id) FROM orders WHERE (timeline, seq) >= ({t1:UInt32}, {s1:UInt64}) AND (timeline, seq) <= ({t2:UInt32}, {s2:UInt64})",
		clickhouse.Named("t1", fmt.Sprint(first.Timeline)), clickhouse.Named("s1", fmt.Sprint(first.Seq)),
		clickhouse.Named("t2", fmt.Sprint(last.Timeline)), clickhouse.Named("s2", fmt.Sprint(last.Seq))).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for outbox slice %d: %w", rows[0].slice, err)
	}
	return n >= uint64(len(rows)), nil
}

func appendOrder(b driver.Batch, r *orderRow) error {
	o := &r.entry.Order
	n := len(o.Lines)
	ids, skus, quantities, amounts := make([]string, n), make([]string, n), make([]uint32, n), make([]int64, n)
	for i := range o.Lines {
		l := &o.Lines[i]
		ids[i], skus[i], amounts[i] = l.Handle, l.SKU, l.LineTotal.Amount
		quantities[i] = uint32(max(0, min(l.Quantity, math.MaxUint32)))
	}
	var refunded int64
	if r.entry.Refunded != nil {
		refunded = r.entry.Refunded.Amount
	}
	t := &o.Totals
	return b.Append(r.id, r.entry.Timeline, r.entry.Seq, r.slice, r.entry.Type, r.at, time.Now(), o.ID, o.Number, r.entry.Country, t.Total.Currency,
		t.Subtotal.Amount, t.Discount.Amount, t.Shipping.Amount, t.Tax.Amount, t.Total.Amount, refunded, r.entry.Session, r.entry.Visitor,
		ids, skus, quantities, amounts)
}
