package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"meridian/internal/pause"
	"meridian/test/bench/process"
	"meridian/test/bench/report"
	"meridian/test/bench/shop"
)

const (
	// panelVisit is how many events a session has; panelShare is one in how many sessions that orders.
	panelVisit, panelShare = 10, 33
)

// panels is how long each report takes over many events.
type panels struct {
	fill, count time.Duration
	names       []string
	times       map[string][]time.Duration
}

// measurePanels fills ClickHouse with sessions, waits until an edge has counted the days that are over, and asks for every report of all days, of a week, and by region and
// device, a number of times each, in turns.
func measurePanels(ctx context.Context, o options) (f panels, err error) {
	at, err := process.FreePort()
	if err != nil {
		return f, err
	}
	s, err := shop.Start(ctx, shop.Options{Bin: o.bin, Cores: 1, Edge: func(cmd *exec.Cmd) error { return process.Pin(cmd, edgeCPU) }, EdgeArgs: []string{"--unlimited", "127.0.0.0/8", "--clickhouse-url", "http://" + at}})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.Stop(), os.RemoveAll(s.Dir)) }()
	engine, err := startEngine(ctx, o, s.Dir, at)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, process.StopAll([]*process.Process{engine})) }()
	if err := tables(ctx, at); err != nil {
		return f, err
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	began := time.Now()
	for n := range o.days {
		day := today.AddDate(0, 0, n+1-o.days)
		if err := fillDay(ctx, at, day, o.panels/o.days); err != nil {
			return f, fmt.Errorf("fill %s: %w", day.Format(time.DateOnly), err)
		}
		if n%10 == 9 {
			fmt.Fprintf(os.Stderr, "%d of %d days filled after %v\n", n+1, o.days, time.Since(began).Round(time.Second))
		}
	}
	f.fill = time.Since(began)
	began = time.Now()
	for {
		left, err := sql(ctx, at, "SELECT uniqExact(toDate(stored_at)) - (SELECT uniqExact(day) FROM rolled WHERE day >= toDate('"+today.AddDate(0, 0, 1-o.days).Format(time.DateOnly)+"') AND day < today()) FROM events")
		if err != nil {
			return f, err
		}
		if strings.TrimSpace(left) == "1" { // today is not over
			break
		}
		if time.Since(began) > 30*time.Minute {
			return f, fmt.Errorf("after half an hour the days are not counted")
		}
		if err := pause.For(ctx, time.Second); err != nil {
			return f, err
		}
	}
	f.count = time.Since(began)
	fmt.Fprintf(os.Stderr, "counted after %v\n", f.count.Round(time.Second))
	err = ask(ctx, o, s, today, &f)
	return f, err
}

// ask asks for the panels.
func ask(ctx context.Context, o options, s *shop.Shop, today time.Time, f *panels) error {
	var list struct{ Items []struct{ Name string } }
	staff := shop.Client{Base: s.Edge, Token: s.Token}
	if err := staff.Do(ctx, "GET", "/admin/api/v1/analytics", nil, &list); err != nil {
		return err
	}
	f.times = map[string][]time.Duration{}
	spans := map[string]string{"all days": "from=" + today.AddDate(0, 0, 1-o.days).Format(time.DateOnly) + "&interval=day", "7 days, by the hour": "from=" + today.AddDate(0, 0, -6).Format(time.DateOnly) + "&interval=hour",
		"all days, one region on phones": "from=" + today.AddDate(0, 0, 1-o.days).Format(time.DateOnly) + "&interval=week&region=eu&device=mobile"}
	for range o.clicks {
		for _, item := range list.Items {
			for span, query := range spans {
				name := item.Name + ", " + span
				began := time.Now()
				if err := staff.Do(ctx, "GET", "/admin/api/v1/analytics/"+item.Name+"?"+query+"&to="+today.AddDate(0, 0, 1).Format(time.DateOnly), nil, nil); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if f.times[name] == nil {
					f.names = append(f.names, name)
				}
				f.times[name] = append(f.times[name], time.Since(began))
			}
		}
	}
	slices.Sort(f.names)
	return nil
}

func (f panels) lines() (out []report.Line) {
	if len(f.names) == 0 {
		return nil
	}
	out = append(out, report.Line{Group: "panels", Title: "days that are over, until all are counted for the first time", Unit: "s", Goal: report.Shown(), Value: f.count.Seconds(), Rounds: []float64{f.count.Seconds()}})
	for _, name := range f.names {
		all := slices.Clone(f.times[name])
		slices.Sort(all)
		l := report.Line{Group: "panels", Title: name + ", p95", Unit: "ms", Goal: report.AtMost(200), Value: ms(all[min(len(all)*95/100, len(all)-1)])}
		for _, d := range all {
			l.Rounds = append(l.Rounds, ms(d))
		}
		out = append(out, l)
	}
	return out
}

// tables waits until the edge has made them.
func tables(ctx context.Context, at string) error {
	for end := time.Now().Add(time.Minute); ; {
		if _, err := sql(ctx, at, "SELECT count() FROM cart_days"); err == nil {
			return nil
		} else if time.Now().After(end) {
			return err
		}
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// fillDay makes a day's events and orders, of sessions of ten events: lists, products of which few are popular, searches, recommendations, carts and checkouts. Today's are all over.
func fillDay(ctx context.Context, at string, day time.Time, events int) error {
	from := "toDateTime64('" + day.Format(time.DateTime) + "', 3, 'UTC')"
	length := "86000"
	if until := time.Since(day) - time.Minute; until < 86_000*time.Second {
		length = fmt.Sprint(int(max(until.Seconds()-200, 1)))
	}
	inner := `
		SELECT n, visit, h, step, toUInt64(cityHash64(n, h) % 1000) AS dice,
			'p-' || toString(toUInt32(5000 * pow((cityHash64(h, step % 8) % 10000) / 10000., 3))) AS product,
			` + from + ` + toIntervalMillisecond((h % (` + length + ` * 1000)) + step * 19000) AS at,
			['eu', 'us', 'ap'][1 + h % 3] AS region, ['desktop', 'mobile', 'mobile', 'tablet'][1 + intDiv(h, 3) % 4] AS device,
			multiIf(step = 0, 'view_item_list', step < 6, 'view_item', step = 6, 'rec_impression', step = 7 AND dice < 300, 'search', step = 7 AND dice < 330, 'rec_click',
				step = 8 AND dice < 100, 'add_to_cart', step = 9 AND visit % ` + fmt.Sprint(panelShare) + ` = 0, 'begin_checkout', 'view_item') AS type
		FROM (SELECT number AS n, intDiv(number, ` + fmt.Sprint(panelVisit) + `) AS visit, number % ` + fmt.Sprint(panelVisit) + ` AS step, cityHash64(visit, '` + day.Format(time.DateOnly) + `') AS h FROM numbers(` + fmt.Sprint(events) + `))`
	_, err := sql(ctx, at, `INSERT INTO events (id, type, at, received_at, stated_day, stored_at, inserted_at, batch, edge, region, device, session, visitor, bot,
			item_ids, skus, quantities, prices, currencies, query, results, slot, algorithm, version)
		SELECT toUUID(UUIDNumToString(toFixedString(reinterpretAsString(h) || reinterpretAsString(n + 1), 16))), type, at, at, toDate(at), toDateTime(at, 'UTC'), at, 'fill', 'fill', region, device,
			lower(hex(h)) || '-session-of-the-fill', if(h % 10 < 7, lower(hex(h % 3000000)) || '-visitor', ''), 0,
			if(type IN ('search'), [], [product]), if(type IN ('search'), [], [product || '-1']), if(type = 'add_to_cart', [1], []), if(type = 'add_to_cart', [toInt64(1999)], []), if(type = 'add_to_cart', ['EUR'], []),
			if(type = 'search', 'words ' || toString(cityHash64(h, 7) % 4000), ''), if(type = 'search', toInt64(h % 9), -1),
			if(type LIKE 'rec%', 'product', ''), if(type LIKE 'rec%', 'item-to-item', ''), if(type LIKE 'rec%', toString(toYYYYMMDD(at)), '')
		FROM (`+inner+`) SETTINGS max_insert_block_size = 2000000, min_insert_block_size_rows = 2000000, min_insert_block_size_bytes = 2000000000`)
	if err != nil {
		return err
	}
	_, err = sql(ctx, at, `INSERT INTO orders (id, timeline, seq, slice, kind, at, inserted_at, order_id, number, country, currency, subtotal, discount, shipping, tax, total, refunded, session, visitor, item_ids, skus, quantities, amounts)
		SELECT generateUUIDv4(), 1, toYYYYMMDD(at) * 1000000 + n, 1, 'order_placed', at, at, lower(hex(h)), toString(n), 'DE', 'EUR', 1999, 0, 490, 300, 2489, 0, lower(hex(h)) || '-session-of-the-fill', '', [product], [product || '-1'], [1], [1999]
		FROM (`+inner+`) WHERE type = 'begin_checkout'`)
	return err
}

// sql asks the engine itself.
func sql(ctx context.Context, at, query string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+at+"/?"+url.Values{"database": {"default"}}.Encode(), strings.NewReader(query))
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("ClickHouse says %d: %.500s", res.StatusCode, body)
	}
	return string(body), err
}
