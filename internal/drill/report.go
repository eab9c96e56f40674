//go:build linux

package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is the run as a page of documentation; machine says where it was made.
func (s *Summary) Report(machine string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Losing everything, and restoring it\n")
	p("Written by `make drill`, never by hand. A shop is three real cores with `--backup`, an edge, the payment sandbox and a")
	p("real S3 server. Six clients adjust stock, four buy, one changes a product whose page the edge keeps. At a random moment every core is")
	p("killed with `kill -9` and every data directory deleted; `core check --backup` reads the backup, `core restore` makes the")
	p("first node of a new timeline, the others join. The next life begins with what came out, in the same bucket.\n")
	p("After each restore: what was acknowledged is looked for and the loss window measured (how long before the last kill the")
	p("earliest missing write was acknowledged), nothing was sold before the provider's charges were compared, orders, charges and stock")
	p("agree, the money of every lost order is back and reported, keys give their first answer, no order id or number is given twice over all")
	p("timelines, the edge shows nothing of the abandoned timeline, selling goes on; at the end `core check` of every replica.\n")
	p("| | |\n| --- | --- |")
	p("| started | %s, took %s |", s.Start.UTC().Format("2006-01-02 15:04 UTC"), s.Took.Round(time.Second))
	p("| machine | %s |", machine)
	p("| seed | %d for the first shop, one more for each after it; %d lives a shop |", s.Config.Seed, livesOfAShop)
	p("| restores | %d of %d%s |", len(s.Results), s.Config.Rounds, map[bool]string{true: "", false: " (not finished)"}[s.Finished])
	p("| restores with violations | **%d** |", s.Failed())
	var windows, closed, restoring []time.Duration
	var t Result
	for _, r := range s.Results {
		t.Writes, t.Orders, t.Charges, t.Differences = t.Writes+r.Writes, t.Orders+r.Orders, t.Charges+r.Charges, t.Differences+r.Differences
		closed, restoring = append(closed, r.Closed), append(restoring, r.Restoring)
		if mode(r.Mode).whole() {
			windows = append(windows, r.Window)
			t.LostWrites, t.LostOrders = t.LostWrites+r.LostWrites, t.LostOrders+r.LostOrders
		}
	}
	p("| acknowledged | %d adjustments, %d orders |", t.Writes, t.Orders)
	p("| loss window when everything was restored (goal: at most 1 s) | %s over %d restores; %d adjustments and %d orders in all |", spread(windows), len(windows), t.LostWrites, t.LostOrders)
	p("| charges compared before selling | %d, of which %d did not fit and were put right |", t.Charges, t.Differences)
	p("| `core restore` | %s |", spread(restoring))
	p("| from the last kill to the first sale, with reading the backup twice | %s |\n", spread(closed))
	p("`newest` and `voters` restore all there is, into one node that the others join or into three voters at once; `to-index` and `to-time` go")
	p("back to a moment in the middle of the load, so that their window is meant.\n")
	p("| shop | life | mode | acknowledged: adjustments, orders | lost: adjustments, orders | window | charges, differences | closed | |")
	p("| ---: | ---: | --- | --- | --- | ---: | --- | ---: | --- |")
	for _, r := range s.Results {
		verdict := "ok"
		if n := len(r.Problems); n > 0 {
			verdict = fmt.Sprintf("**%d violations**", n)
		}
		p("| %d | %d | `%s` | %d, %d | %d, %d | %d ms | %d, %d | %.1f s | %s |", r.Shop, r.Life, r.Mode, r.Writes, r.Orders, r.LostWrites, r.LostOrders, r.Window.Milliseconds(), r.Charges, r.Differences, r.Closed.Seconds(), verdict)
	}
	p("\n## Violations\n")
	if s.Failed() == 0 {
		p("None.\n")
	}
	for _, r := range s.Results {
		for _, text := range r.Problems {
			p("- shop %d, life %d (`%s`): %s", r.Shop, r.Life, replay(r.Seed), text)
		}
	}
	p("## Again\n")
	p("The whole run: `make drill DRILL_ARGS=\"--seed %d --report docs/DRILL.md\"`. One shop: `%s`. A seed draws the same times, modes", s.Config.Seed, replay(s.Config.Seed))
	p("and actions; how they interleave is the machine's doing.")
	return b.String()
}

func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	slices.Sort(d)
	return fmt.Sprintf("median %d ms, most %d ms", d[len(d)/2].Milliseconds(), d[len(d)-1].Milliseconds())
}
