package edge

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/api"
)

// visitEnding is the id of a visit whose last 32 bits are these.
func visitEnding(t *testing.T, tail uint32) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()[:28] + fmt.Sprintf("%08x", tail)
}

// TestHeldOut: the share of visits that is held out is the one asked for, a larger share holds the smaller one, and what is no id is in no arm.
func TestHeldOut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const visits = 100_000
	got := map[int]int{}
	for range visits {
		visit := visitEnding(t, r.Uint32())
		before := false
		for _, percent := range []int{0, 1, 5, 50} {
			held := heldOut(visit, percent)
			if before && !held {
				t.Fatalf("%s is held out of a smaller share only", visit)
			}
			if before = held; held {
				got[percent]++
			}
		}
	}
	for _, percent := range []int{1, 5, 50} {
		if share := 100 * float64(got[percent]) / visits; share < 0.9*float64(percent) || share > 1.1*float64(percent) {
			t.Errorf("%d %% are %.2f %%", percent, share)
		}
	}
	if got[0] > 0 {
		t.Errorf("%d are held out of nobody", got[0])
	}
	// The boundary is the script's: 5 % of 2^32 is 214748364.8.
	if !heldOut(visitEnding(t, 214748364), 5) || heldOut(visitEnding(t, 214748365), 5) {
		t.Error("the boundary is another")
	}
	for _, none := range []string{"", "nonsense", strings.Repeat("x", 36)} {
		if heldOut(none, 50) {
			t.Errorf("%q is held out", none)
		}
	}
}

// TestTheHoldoutGetsWhatIsPopular: from the API, the same for all of them and nothing that is sold out; no page that is cached knows an arm.
func TestTheHoldoutGetsWhatIsPopular(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations, c.Holdout = goesWith(t, "zebra", "apple"), 5 })
	f.sells(t, "gone")
	f.clicks.trending = []string{"gone", "hot", "mug", "new"}
	out, items := f.recommends(t, "slot=product&product=mug&limit=2&arm=holdout")
	if items != "hot new" || out.Algorithm != byTrend || out.Version != holdoutRules || out.Slot != "product" || out.Items[0].Reason != popularReason {
		t.Errorf("%q, %+v", items, out)
	}
	f.do("GET", "/api/v1/recommendations?arm=holdout&seen=mug", "").must(t, 422, `"seen"`)
	f.do("GET", "/api/v1/recommendations?arm=other", "").must(t, 422, `"arm"`)
	for _, path := range []string{"/", "/products/mug"} {
		if a := f.do("GET", path, "").must(t, 200, `data-holdout="5"`); strings.Contains(a.body, "data-arm") || strings.Contains(a.body, "data-visit") {
			t.Errorf("%s knows somebody", path)
		}
	}
}

// TestNewestIsBought: where nothing is popular, what is sold out does not stand in for it.
func TestNewestIsBought(t *testing.T) {
	f := newShopFixture(t, nil)
	gone, there := mug(), mug()
	gone.Handle, there.Handle = "gone", "there"
	gone.Variants = []api.Variant{{SKU: "G"}}
	f.core.says("products.list", api.List[api.Product]{Items: []api.Product{gone, there}})
	if _, items := f.recommends(t, "limit=4"); items != "there" {
		t.Errorf("%q", items)
	}
}

var shownArm = regexp.MustCompile(`data-recs="cart"[^>]*data-algorithm="([^"]*)" data-version="([^"]*)"(?: data-arm="([^"]*)" data-visit="([^"]*)")?`)

// TestCartsDecideByTheVisit: the edge keeps the table from visits whose id says so, and from no others; without a share, or without consent, there
// are no arms.
func TestCartsDecideByTheVisit(t *testing.T) {
	for _, c := range []struct {
		share                   int
		tail                    uint32
		algorithm, version, arm string
	}{
		{5, 1, byTrend, holdoutRules, armHoldout},
		{5, 1 << 31, byTable, "v7", armTable},
		{0, 1, byTable, "v7", ""},
	} {
		f := newShopFixture(t, func(s *ShopConfig) {
			s.Recommendations, s.Holdout = goesWith(t, "zebra", "apple", "bowl", "plate"), c.share
		})
		f.sells(t)
		f.clicks.trending = []string{"hot", "new", "red", "blue"}
		f.form("/privacy", "choice", "yes").must(t, 303)
		f.form("/cart", "sku", "MUG-S", "quantity", "1", "visit", url.QueryEscape(visitEnding(t, c.tail))).must(t, 303)
		a := f.do("GET", "/cart", "").must(t, 200)
		m := shownArm.FindStringSubmatch(strings.Join(strings.Fields(a.body), " "))
		if m == nil {
			t.Fatalf("no list in %.3000s", a.body)
		}
		tail := ""
		if c.arm != "" {
			tail = fmt.Sprintf("%08x", c.tail)
		}
		if m[1] != c.algorithm || m[2] != c.version || m[3] != c.arm || m[4] != tail {
			t.Errorf("%+v: %q", c, m[1:])
		}
		if strings.Contains(a.body, "data-holdout") {
			t.Error("the script would decide again")
		}
		f.setCookie(cookieConsent, "no")
		if a := f.do("GET", "/cart", "").must(t, 200, `data-recs="cart"`); strings.Contains(a.body, "data-arm") {
			t.Error("who declined is in an arm")
		}
	}
}
