package analytics

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/recommend"
)

//go:embed recommend/neighbours.sql
var neighboursSQL string

//go:embed recommend/items.sql
var itemsSQL string

// buildTimeout bounds the making of a table, and spillBytes what it groups in memory: reports want ClickHouse, too.
const (
	buildTimeout = 10 * time.Minute
	spillBytes   = 1 << 30
)

// ErrNothingToLearn says that there were no two products in one session.
var ErrNothingToLearn = errors.New("analytics: nobody has looked at two products in one visit yet")

// Neighbours makes the table of recommendations out of what people who are no bots looked at in [from, to).
func (a *Analytics) Neighbours(ctx context.Context, version string, from, to time.Time, p recommend.Params) (*recommend.Model, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	w, err := a.reader()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	return w.neighbours(ctx, version, from, to, p)
}

func (w *warehouse) neighbours(ctx context.Context, version string, from, to time.Time, p recommend.Params) (*recommend.Model, error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"max_execution_time": int(buildTimeout / time.Second), "max_bytes_before_external_group_by": spillBytes, "max_bytes_before_external_sort": spillBytes}))
	span := []any{clickhouse.Named("from", milliseconds(from)), clickhouse.Named("to", milliseconds(to))}
	names, err := w.itemNames(ctx, span)
	if err != nil {
		return nil, fmt.Errorf("read what people looked at: %w", err)
	}
	args := slices.Clone(span)
	for name, value := range map[string]any{"session_views": p.SessionViews, "sessions": p.Sessions, "session_items": p.SessionItems, "steps": p.Steps,
		"neighbours": p.Neighbours, "length": p.Length, "decay": p.Decay, "following": p.Following, "preceding": p.Preceding, "shrink": p.Shrink, "alpha": p.Alpha} {
		args = append(args, clickhouse.Named(name, fmt.Sprint(value)))
	}
	rows, err := w.conn.Query(ctx, neighboursSQL, args...)
	if err != nil {
		return nil, fmt.Errorf("make the neighbours: %w", err)
	}
	defer func() { _ = rows.Close() }()
	b := recommend.NewBuilder(version, time.Now())
	pairs := 0
	for rows.Next() {
		var of, to uint64
		var score float32
		if err := rows.Scan(&of, &to, &score); err != nil {
			return nil, fmt.Errorf("read the neighbours: %w", err)
		}
		item, neighbour := names[of], names[to]
		if item == "" || neighbour == "" {
			continue // came in between the two questions
		}
		if err := b.Add(item, neighbour, score); err != nil {
			return nil, err
		}
		pairs++
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("make the neighbours: %w", err)
	}
	if pairs == 0 {
		return nil, ErrNothingToLearn
	}
	return b.Model(), nil
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
