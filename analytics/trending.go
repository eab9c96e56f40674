package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"meridian/api"
	"meridian/internal/pause"
)

// trendsMax bounds what is asked for and what is kept in memory; trendsEvery is how old it may be. elsewhereMost is the interest of all other
// regions together that counts in one: once it has seen so much of its own in two weeks, its own weighs more.
const (
	trendsMax     = 100
	trendsEvery   = time.Minute
	elsewhereMost = 500
)

// trendSQL ranks products by how far interest in the last six hours is above what these hours of the
// day have seen over two weeks, in units of its own noise: (now - usual) / sqrt(usual + 3). A
// product that is merely always popular comes after one that is rising; with little traffic it is
// plain popularity. Interest is that of the region, with what there is elsewhere scaled down to elsewhereMost views added to it (shrinkage towards
// the whole shop, as by that many observations before): where there is little of its own, the whole shop speaks.
const trendSQL = `
SELECT product
FROM
(
    SELECT
        product,
        if(sum(elsewhere_recent + 14 * elsewhere_usual) OVER () = 0, 0, least(1, {elsewhere:Float64} / sum(elsewhere_recent + 14 * elsewhere_usual) OVER ())) AS share,
        here_recent + share * elsewhere_recent AS recent,
        here_usual + share * elsewhere_usual AS usual
    FROM
    (
        SELECT
            product,
            toStartOfHour({now:DateTime('UTC')}, 'UTC') AS now_hour,
            toFloat64(sumIf(viewers + 3 * carters, region = {region:String} AND hour >= now_hour - INTERVAL 5 HOUR)) AS here_recent,
            toFloat64(sumIf(viewers + 3 * carters, region = {region:String} AND hour < now_hour - INTERVAL 5 HOUR)) / 14 AS here_usual,
            toFloat64(sumIf(viewers + 3 * carters, region != {region:String} AND hour >= now_hour - INTERVAL 5 HOUR)) AS elsewhere_recent,
            toFloat64(sumIf(viewers + 3 * carters, region != {region:String} AND hour < now_hour - INTERVAL 5 HOUR)) / 14 AS elsewhere_usual
        FROM @interest_hours
        WHERE hour > now_hour - INTERVAL 14 DAY AND hour <= now_hour
          AND (dateDiff('hour', hour, now_hour) % 24) <= 5
        GROUP BY product
    )
)
WHERE recent + usual > 0
ORDER BY (recent - usual) / sqrt(usual + 3) DESC, recent DESC, product
LIMIT {n:UInt32}`

// Trending asks ClickHouse for product handles, best first in the region of this edge.
func (a *Analytics) Trending(ctx context.Context, n int) ([]string, error) {
	if n < 1 || n > trendsMax {
		return nil, api.Invalid("n", "must be from 1 to %d", trendsMax)
	}
	w, err := a.reader()
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	from, to := dayOf(now.Add(-14*aDay)), dayOf(now).Add(aDay)
	k, err := w.knownNow(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	rows, err := w.conn.Query(ctx, k.expand(trendSQL, from, to, now), clickhouse.Named("from", milliseconds(from)), clickhouse.Named("to", milliseconds(to)), clickhouse.Named("now", now.Format(time.DateTime)), clickhouse.Named("n", fmt.Sprint(n)),
		clickhouse.Named("region", a.cfg.Region), clickhouse.Named("elsewhere", fmt.Sprint(elsewhereMost)))
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { _ = rows.Close() }()
	handles := []string{}
	for rows.Next() {
		var h string
		if err := rows.Scan(&h); err != nil {
			return nil, unavailable(err)
		}
		handles = append(handles, h)
	}
	return handles, unavailable(rows.Err())
}

// TrendingNow is the last known answer of Trending, from memory; the slice is not to be changed.
func (a *Analytics) TrendingNow() []string {
	if a == nil {
		return nil
	}
	if t := a.trending.Load(); t != nil {
		return *t
	}
	return nil
}

// watchTrends keeps TrendingNow fresh until ctx ends. After a failure the last answer stays.
func (a *Analytics) watchTrends(ctx context.Context) {
	for a.connected(ctx) != nil {
		attempt, cancel := context.WithTimeout(ctx, reportTimeout)
		if t, err := a.Trending(attempt, trendsMax); err == nil {
			a.trending.Store(&t)
		} else if !ended(ctx, err) {
			a.log.Debug("analytics: trends", "err", err)
		}
		cancel()
		if pause.For(ctx, trendsEvery) != nil {
			return
		}
	}
}
