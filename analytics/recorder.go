package analytics

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/api"
)

// Client is who sent a batch of events.
type Client struct {
	// UserAgent tells programs that say so from people.
	UserAgent string
	// Bot is set when the caller knows better.
	Bot bool
	// Device is what the client is used on: one of Devices, or empty.
	Device string
}

// Devices are the kinds of devices that events are told apart by.
var Devices = []string{"desktop", "mobile", "tablet"}

// Record takes a batch from a browser and returns when it is safe on disk. A batch that is not well
// formed is refused as a whole, with the fields named; ids this edge has just stored are dropped.
func (a *Analytics) Record(ctx context.Context, batch api.EventBatch, from Client) error {
	if a == nil {
		return nil
	}
	rows, err := a.rows(batch, from)
	if err != nil {
		a.stats.invalid.Add(1)
		return err
	}
	kept := rows[:0]
	inBatch := make(map[uuid.UUID]struct{}, len(rows))
	for _, r := range rows {
		if _, twice := inBatch[r.ID]; twice || a.seen.has(r.ID) {
			a.stats.repeats.Add(1)
			continue
		}
		inBatch[r.ID] = struct{}{}
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		return nil
	}
	if err := a.spool.Append(ctx, kept); err != nil {
		return err // not remembered: the sender will repeat
	}
	for i := range kept {
		a.seen.add(kept[i].ID)
		if kept[i].Bot {
			a.stats.bots.Add(1)
		}
	}
	return nil
}

// rows validates a batch and turns it into rows.
func (a *Analytics) rows(batch api.EventBatch, from Client) ([]Row, error) {
	received := a.now().UTC().Truncate(time.Millisecond)
	v := validator{}
	rows := v.batch(batch, received, from.Bot || botAgent(from.UserAgent))
	if len(v.errors) > 0 {
		return nil, api.InvalidFields(v.errors)
	}
	for i := range rows {
		rows[i].Device = from.Device
	}
	return rows, nil
}

// Import takes events of the past, any number at once, and returns when they are safe on disk. Their times are true, so nothing is moved; nobody is
// taken for a bot; and repeats are told by their ids where they are read, not here. Events that are not well formed are refused as a whole.
func (a *Analytics) Import(ctx context.Context, events []api.Event) error {
	received := a.now().UTC().Truncate(time.Millisecond)
	v := validator{}
	rows := make([]Row, len(events))
	for i := range events {
		rows[i] = v.event(i, &events[i], received)
		if stated, err := time.Parse(time.RFC3339, events[i].At); err == nil {
			rows[i].At = stated.UTC().Truncate(time.Millisecond)
		}
	}
	if len(v.errors) > 0 {
		a.stats.invalid.Add(1)
		return api.InvalidFields(v.errors)
	}
	if len(rows) == 0 {
		return nil
	}
	return a.spool.Append(ctx, rows)
}

// botWords appear in the user agents of programs and in no browser's.
var botWords = [...]string{"bot", "crawl", "spider", "slurp", "headless", "lighthouse", "phantomjs", "python", "curl/", "wget/",
	"go-http-client", "okhttp", "java/", "libwww", "httpclient", "monitor", "preview", "facebookexternalhit"}

func botAgent(agent string) bool {
	if agent == "" {
		return false // events that the edge itself saw carry none
	}
	agent = strings.ToLower(agent)
	for _, w := range botWords {
		if strings.Contains(agent, w) {
			return true
		}
	}
	return false
}
