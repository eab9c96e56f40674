package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"meridian/api"
	"meridian/backup"
	"meridian/internal/flagenv"
)

const backupUsage = `Usage: core backup [list | take | differences] [flags]

  list          how the backup stands and what can be restored (the default); with --from
                s3://bucket/prefix out of the bucket itself, for when no shop runs
  take          take a full backup now, and wait until it is in the bucket
  differences   charges that did not fit the orders after a restore, and what was done about them

core backup <command> --help lists the flags. The log is in the bucket a fraction of a second after it
was written anyway (core serve --backup); take one before work that you may want to undo as a whole.
To restore: core restore --help. To read a backup and verify it: core check --backup s3://bucket/prefix.
`

const backupPath = "/admin/api/v1/backups"

// backupCommand is one of the commands of `core backup`, with its flags.
type backupCommand struct {
	*flag.FlagSet
	staff staffFlags
	s3    bucketFlags
	from  string
	json  bool
	wait  time.Duration
}

// backups shows the backups of a running shop or of a bucket, and has one taken.
func backups(ctx context.Context, args []string) error {
	if wantsHelp(args) {
		fmt.Print(backupUsage)
		return flagenv.ErrHelp
	}
	command := "list"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	c := backupCommand{FlagSet: flag.NewFlagSet("core backup "+command, flag.ContinueOnError)}
	c.staff.add(c.FlagSet)
	c.BoolVar(&c.json, "json", false, "print the answer as JSON")
	if command == "list" {
		c.StringVar(&c.from, "from", "", "read s3://bucket/prefix instead of asking a shop")
		c.s3.add(c.FlagSet)
	}
	if command == "take" {
		c.DurationVar(&c.wait, "wait", 30*time.Minute, "how long to wait until it is in the bucket; 0: only ask for it")
	}
	if err := flagenv.Parse(c.FlagSet, "CORE", args); err != nil {
		return err
	}
	switch command {
	case "list":
		return c.list(ctx)
	case "take":
		return c.take(ctx)
	case "differences":
		return c.differences(ctx)
	}
	return &flagenv.UsageError{Setting: "backup command", Value: command, Want: "give one of list, take, differences"}
}

func (c *backupCommand) list(ctx context.Context) error {
	if c.from != "" {
		bucket, err := c.s3.open("from", c.from)
		if err != nil {
			return err
		}
		all, err := bucket.Timelines(ctx)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return flagenv.Errorf("from", "%s holds no backup: is it what --backup was on the cores, prefix included?", c.from)
		}
		v := bucketContents(ctx, bucket, all)
		if c.json {
			return printJSON(v)
		}
		if v.Problem != "" {
			fmt.Printf("PROBLEM: %s\n", v.Problem)
		}
		printBackups(os.Stdout, v)
		return nil
	}
	v, err := c.ask(ctx, http.MethodGet)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(v)
	}
	printStanding(os.Stdout, v)
	printBackups(os.Stdout, v)
	return nil
}

// ask has the shop tell how its backup stands; with POST it begins a full one as well.
func (c *backupCommand) ask(ctx context.Context, method string) (v api.Backups, err error) {
	b, err := c.staff.call(ctx, method, backupPath, "", nil)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, fmt.Errorf("read the shop's answer: %w", err)
	}
	return v, nil
}

// The steps of waiting for a full backup.
const (
	lookEvery     = 300 * time.Millisecond
	sayEvery      = 5 * time.Second
	askAgainAfter = 10 // looks without one running: the leader that was asked leads no more
)

// take waits for a full backup that holds everything that was written before it was asked for.
func (c *backupCommand) take(ctx context.Context) error {
	before, err := c.ask(ctx, http.MethodGet)
	if err != nil {
		return err
	}
	began, told, idle := time.Now(), time.Now(), 0
	v, err := c.ask(ctx, http.MethodPost)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "a full backup of index %s or later was asked for\n", before.Index)
	if c.wait == 0 {
		fmt.Fprintln(os.Stderr, "core backup list says when it is there")
		return nil
	}
	problem := ""
	for {
		if v.Foreign {
			return fmt.Errorf("%s: this shop is not backed up, and what core backup list shows is not its own", v.Problem)
		}
		if done, ok := holding(v, before.Index); ok && v.Complete {
			if c.json {
				return printJSON(done)
			}
			fmt.Printf("full backup of index %s, %s, %s, hash %s, is in the bucket after %v\n", done.Index, done.At, megabytes(done.Bytes), done.Hash, time.Since(began).Round(100*time.Millisecond))
			return nil
		}
		if v.Problem != problem && v.Problem != "" {
			fmt.Fprintf(os.Stderr, "%s; it will be tried again\n", v.Problem)
		}
		problem = v.Problem
		if time.Since(told) >= sayEvery {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%v: %s\n", time.Since(began).Round(time.Second), map[bool]string{true: "it is being written", false: "it has not begun"}[v.Running])
		}
		if time.Since(began) > c.wait {
			return fmt.Errorf("it is not in the bucket after %v; look at core backup list and at the leading core's log, and whether the S3 server answers: %s", c.wait, cmp.Or(problem, "no problem is known"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
		method := http.MethodGet
		if idle++; v.Running {
			idle = 0
		} else if idle == askAgainAfter {
			method, idle = http.MethodPost, 0
		}
		next, err := c.ask(ctx, method)
		var refused *shopError
		switch {
		case err == nil:
			v = next
		case errors.As(err, &refused) && refused.status < 500, ctx.Err() != nil:
			return err
		default: // the leader changes, or S3 is away: what was asked for may still come
			problem = err.Error()
		}
	}
}

// holding finds the oldest full backup of an index's timeline that is not older than it.
func holding(v api.Backups, at api.Index) (found api.Backup, ok bool) {
	for _, b := range v.Backups { // the newest first
		if b.Index.Covers(at) {
			found, ok = b, true
		}
	}
	return found, ok
}

func (c *backupCommand) differences(ctx context.Context) error {
	v, err := c.ask(ctx, http.MethodGet)
	if err != nil {
		return err
	}
	if v.Restore != nil && !v.Restore.Done {
		return errors.New("the provider's charges are not compared with the orders yet, and nothing is sold until they are; core backup list and the leading core's log say how it goes")
	}
	all := []api.Difference{}
	for after, more := "", true; more; {
		b, err := c.staff.call(ctx, http.MethodGet, backupPath+"/differences?limit=100&after="+url.QueryEscape(after), "", nil)
		if err != nil {
			return err
		}
		var page api.List[api.Difference]
		if err := json.Unmarshal(b, &page); err != nil {
			return fmt.Errorf("read the shop's answer: %w", err)
		}
		all = append(all, page.Items...)
		if more = page.Next != nil && *page.Next != after; more {
			after = *page.Next
		}
	}
	if c.json {
		return printJSON(all)
	}
	if len(all) == 0 {
		if v.Restore == nil {
			fmt.Println("none: this timeline did not begin with a restore")
		} else {
			fmt.Printf("none: all of %d charges fit their orders\n", v.Restore.Charges)
		}
	}
	for _, d := range all {
		fmt.Printf("%s  order %-28s charge %-24s found %-10s %-13s %d %s%s\n", d.At, d.Order, d.Charge, d.Found, d.Action, d.Amount.Amount, d.Amount.Currency, map[bool]string{true: "", false: "  (not done yet)"}[d.Done])
	}
	return nil
}

// bucketContents is what a bucket holds, as a shop would list it.
func bucketContents(ctx context.Context, bucket *backup.Bucket, all []backup.Timeline) api.Backups {
	v := api.Backups{Backups: []api.Backup{}, Ranges: []api.BackupRange{}}
	for i := len(all) - 1; i >= 0; i-- {
		t := all[i]
		for k := len(t.Fulls) - 1; k >= 0; k-- {
			m := t.Fulls[k]
			v.Backups = append(v.Backups, api.Backup{Index: api.Index{Timeline: t.Number, Raft: m.Index}, At: clock(m.TimeMS), Bytes: m.Bytes, Hash: m.Hash})
		}
		for _, err := range t.Damaged {
			v.Problem = strings.TrimPrefix(v.Problem+"; "+err.Error(), "; ")
		}
		if h, ok := t.Hole(); ok && len(t.Fulls) > 0 {
			v.Problem = strings.TrimPrefix(fmt.Sprintf("%s; timeline %d: %v", v.Problem, t.Number, h), "; ")
		}
		for _, r := range t.Ranges() {
			from, to := bucket.When(ctx, t, r)
			v.Ranges = append(v.Ranges, api.BackupRange{From: api.Index{Timeline: t.Number, Raft: r.From}, To: api.Index{Timeline: t.Number, Raft: r.To}, FromAt: moment(from), ToAt: moment(to)})
		}
	}
	return v
}

// printStanding says what a running shop knows beyond its bucket.
func printStanding(w io.Writer, v api.Backups) {
	switch {
	case v.Complete && v.LagMS <= 1000:
		fmt.Fprintf(w, "everything up to index %s is in the bucket; %d ms at risk now, %d ms at most since this leader leads\n", v.Shipped, v.LagMS, v.LagMaxMS)
	case v.Complete:
		fmt.Fprintf(w, "BEHIND: the bucket has index %s; %d ms would be lost with every node\n", v.Shipped, v.LagMS)
	default:
		fmt.Fprintln(w, "INCOMPLETE: a full backup has yet to be there; core backup take waits for one")
	}
	if v.Running {
		fmt.Fprintln(w, "a full backup is being written")
	}
	if v.Problem != "" {
		fmt.Fprintf(w, "PROBLEM: %s\n", v.Problem)
	}
	if r := v.Restore; r != nil {
		state := "selling waits until the provider's charges were compared with the orders"
		if r.Done {
			state = fmt.Sprintf("%d charges were compared, %d did not fit (core backup differences)", r.Charges, r.Differences)
		}
		fmt.Fprintf(w, "this timeline began with a restore of index %s, %s: %s\n", r.Fork, r.At, state)
	}
}

func printBackups(w io.Writer, v api.Backups) {
	fmt.Fprintf(w, "%-18s %-26s %10s %s\n", "full backup of", "log time", "size", "hash")
	for _, b := range v.Backups {
		fmt.Fprintf(w, "%-18s %-26s %10s %s\n", b.Index, b.At, megabytes(b.Bytes), b.Hash)
	}
	for _, r := range v.Ranges {
		fmt.Fprintf(w, "can be restored: timeline %d, to any index from %d (%s) to %d (%s)\n", r.From.Timeline, r.From.Raft, cmp.Or(r.FromAt, "time not known"), r.To.Raft, cmp.Or(r.ToAt, "time not known"))
	}
}

// moment is an end of a range, empty when its time is not known.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return clock(ms)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
