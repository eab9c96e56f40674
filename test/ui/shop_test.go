package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPurchase buys with JavaScript, and then looks for the visit in ClickHouse: what the page's script
// saw and what the edge saw must carry the same session.
func TestPurchase(t *testing.T) {
	o := shared.play(t, "purchase", 0)
	if len(o.Visit) != 36 || o.Product == "" {
		t.Fatalf("the scenario answered %+v", o)
	}
	inTime(t, "the view of "+o.Product, "1", fmt.Sprintf(
		"SELECT count() FROM clickstream WHERE type = 'view_item' AND session = '%s' AND has(item_ids, '%s') FORMAT TSV", o.Visit, o.Product))
	// The edge is the only one to record these two.
	inTime(t, "the edge's events of the visit", "add_to_cart\nbegin_checkout", fmt.Sprintf(
		"SELECT DISTINCT type FROM clickstream WHERE type IN ('add_to_cart', 'begin_checkout') AND session = '%s' ORDER BY type FORMAT TSV", o.Visit))
	inTime(t, "the order", "1", fmt.Sprintf("SELECT count() FROM sales WHERE number = '%s' AND kind = 'order_placed' AND session = '%s' FORMAT TSV", o.Number, o.Visit))
	// All of it is one visitor's, who agreed before anything was recorded under a name.
	inTime(t, "the visitor", "1\t1", fmt.Sprintf(
		"SELECT uniqExact(visitor), any(visitor) IN (SELECT visitor FROM sales WHERE number = '%s' AND visitor != '') FROM clickstream WHERE session = '%s' FORMAT TSV", o.Number, o.Visit))
}

// inTime waits up to 15 s until ClickHouse answers want.
func inTime(t *testing.T, what, want, query string) {
	t.Helper()
	start := time.Now()
	for {
		got, err := shared.ClickHouse(query)
		if err == nil && strings.TrimSpace(got) == want {
			t.Logf("%s was in ClickHouse %v later", what, time.Since(start).Round(time.Millisecond))
			return
		}
		if time.Since(start) > 15*time.Second {
			t.Fatalf("%s: after 15 s ClickHouse answers %q, %v; want %q", what, got, err, want)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestPurchaseWithoutJavaScript buys as somebody whom nobody asked: the order and what the edge saw are of one anonymous session.
func TestPurchaseWithoutJavaScript(t *testing.T) {
	o := shared.play(t, "purchase-without-javascript", 1)
	inTime(t, "the order", "1", fmt.Sprintf("SELECT count() FROM sales WHERE number = '%s' AND kind = 'order_placed' AND startsWith(session, 'anon-') AND visitor = '' FORMAT TSV", o.Number))
	inTime(t, "the edge's events", "add_to_cart\nbegin_checkout", fmt.Sprintf(
		"SELECT DISTINCT type FROM clickstream WHERE type IN ('add_to_cart', 'begin_checkout') AND visitor = '' AND session IN (SELECT session FROM sales WHERE number = '%s') ORDER BY type FORMAT TSV", o.Number))
}

// The purchases above count the stock; the others may meet.

func TestDeclinedCard(t *testing.T) {
	t.Parallel()
	shared.play(t, "declined", 0)
}

func TestMistakenAddress(t *testing.T) {
	t.Parallel()
	shared.play(t, "mistaken", 0)
}

func TestAnotherCountry(t *testing.T) {
	t.Parallel()
	shared.play(t, "elsewhere", 0)
}

func TestSoldOut(t *testing.T) {
	t.Parallel()
	shared.play(t, "sold-out", 2)
}

func TestEveryKindOfPage(t *testing.T) {
	t.Parallel()
	shared.play(t, "pages", 0)
}

// TestArms looks at products as a visit of each arm, and then for its exposures in ClickHouse.
func TestArms(t *testing.T) {
	for scenario, arm := range map[string]string{"held-out": "holdout", "with-the-table": "table"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			o := shared.play(t, scenario, 0)
			inTime(t, "the exposure", arm+"\tproduct", fmt.Sprintf(
				"SELECT DISTINCT algorithm, slot FROM clickstream WHERE type = 'rec_exposure' AND session = '%s' FORMAT TSV", o.Visit))
		})
	}
}

func TestUnfollowed(t *testing.T) {
	t.Parallel()
	shared.play(t, "unfollowed", 0)
}

func TestAsked(t *testing.T) {
	t.Parallel()
	shared.play(t, "asked", 0)
}
