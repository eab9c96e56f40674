package analytics

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/api"
	"meridian/recommend"
)

//go:embed recommend/neighbours.sql
var neighboursSQL string

//go:embed recommend/bought.sql
var boughtSQL string

//go:embed recommend/items.sql
var itemsSQL string

// buildTimeout bounds the making of the tables, and spillBytes what they group in memory: reports want ClickHouse, too.
const (
	buildTimeout = 10 * time.Minute
	spillBytes   = 1 << 30
)

// ErrNothingToLearn says that there were no two products in one session.
var ErrNothingToLearn = errors.New("analytics: nobody has looked at two products in one visit yet, or bought them together twice")

// Tables makes the tables of recommendations out of what people looked at and ordered in [from, to) who are no bots and agreed to
// be remembered.
func (a *Analytics) Tables(ctx context.Context, version string, from, to time.Time, p recommend.Params, orders recommend.OrderParams) (*recommend.Model, error) {
	if err := errors.Join(p.Check(), orders.Check()); err != nil {
		return nil, err
	}
	w, err := a.reader()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	return w.makeTables(ctx, version, from, to, p, orders)
}

func (w *warehouse) makeTables(ctx context.Context, version string, from, to time.Time, p recommend.Params, orders recommend.OrderParams) (*recommend.Model, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(buildTimeout / time.Second), "max_bytes_before_external_group_by": spillBytes, "max_bytes_before_external_sort": spillBytes}))
	span := []any{clickhouse.Named("from", milliseconds(from)), clickhouse.Named("to", milliseconds(to)), clickhouse.Named("anonymous", api.AnonymousSession)}
	names, err := w.itemNames(ctx, span)
	if err != nil {
		return nil, fmt.Errorf("read what people looked at and bought: %w", err)
	}
	b := recommend.NewBuilder(version, time.Now())
	viewed, err := w.neighbours(ctx, b, recommend.Viewed, neighboursSQL, names, span, map[string]any{"session_views": p.SessionViews, "sessions": p.Sessions, "session_items": p.SessionItems, "steps": p.Steps,
		"neighbours": p.Neighbours, "length": p.Length, "decay": p.Decay, "following": p.Following, "preceding": p.Preceding, "shrink": p.Shrink, "alpha": p.Alpha})
	if err != nil {
		return nil, fmt.Errorf("make the neighbours: %w", err)
	}
	bought, err := w.neighbours(ctx, b, recommend.Bought, boughtSQL, names, span, map[string]any{"orders": orders.Orders, "order_items": orders.OrderItems, "together": orders.Together,
		"neighbours": orders.Neighbours, "length": orders.Length, "decay": orders.Decay, "shrink": orders.Shrink, "alpha": orders.Alpha})
	if err != nil {
		return nil, fmt.Errorf("make what is bought together: %w", err)
	}
	if viewed+bought == 0 {
		return nil, ErrNothingToLearn
	}
	return b.Model(), nil
}

// neighbours adds the pairs that a query makes to a table, and says how many there were.
func (w *warehouse) neighbours(ctx context.Context, b *recommend.Builder, t recommend.Table, query string, names map[uint64]string, span []any, params map[string]any) (pairs int, err error) {
	args := append([]any{}, span...)
	for name, value := range params {
		args = append(args, clickhouse.Named(name, fmt.Sprint(value)))
	}
	rows, err := w.conn.Query(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var of, to uint64
		var score float32
		if err := rows.Scan(&of, &to, &score); err != nil {
			return 0, err
		}
		item, neighbour := names[of], names[to]
		if item == "" || neighbour == "" {
			continue // came in between the questions
		}
		if err := b.Add(t, item, neighbour, score); err != nil {
			return 0, err
		}
		pairs++
	}
	return pairs, rows.Err()
}

func (w *warehouse) itemNames(ctx context.Context, span []any) (map[uint64]string, error) {
	rows, err := w.conn.Query(ctx, itemsSQL, span...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names := map[uint64]string{}
	for rows.Next() {
		var hash uint64
		var item string
		if err := rows.Scan(&hash, &item); err != nil {
			return nil, err
		}
		if other, taken := names[hash]; taken && other != item {
			return nil, fmt.Errorf("the products %s and %s have the same hash; rename one", other, item)
		}
		names[hash] = item
	}
	return names, rows.Err()
}
