package edge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/edge/recommender"
	"meridian/recommend"
)

// ownTables are recommendations as a test has them.
type ownTables struct {
	model    *recommend.Model
	demanded int
	cannot   error
}

func (t *ownTables) Model() *recommend.Model { return t.model }
func (t *ownTables) State() recommender.State {
	return recommender.State{Version: "v7", Making: t.demanded > 0}
}
func (t *ownTables) Demand() error { t.demanded++; return t.cannot }

// goesWith is a table in which the mug goes with some things, best first.
func goesWith(t *testing.T, items ...string) *ownTables {
	t.Helper()
	b := recommend.NewBuilder("v7", time.Now())
	for i, item := range items {
		if err := b.Add(recommend.Viewed, "mug", item, 1/float32(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return &ownTables{model: b.Model()}
}

// sells makes the core know products, of which those named sold are sold out.
func (f *shopFixture) sells(t *testing.T, sold ...string) {
	f.core.on("products.set", func(c wireCall) wireAnswer {
		var q api.ProductSetQuery
		if err := json.Unmarshal(c.Body, &q); err != nil {
			t.Error(err)
		}
		var list api.List[api.Product]
		slices.Sort(q.Handles) // in an order of its own
		for _, h := range q.Handles {
			p := mug()
			p.Handle, p.Title = h, "The "+h
			p.Variants = p.Variants[:1]
			if slices.Contains(sold, h) {
				p.Variants[0].Available = 0
			}
			list.Items = append(list.Items, p)
		}
		return wireAnswer{V: list}
	})
}

func (f *shopFixture) recommends(t *testing.T, query string) (out api.Recommendations, items string) {
	t.Helper()
	a := f.do("GET", "/api/v1/recommendations?"+query, "").must(t, 200)
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range out.Items {
		list = append(list, i.Handle)
	}
	return out, strings.Join(list, " ")
}

// TestTheTableRecommends: what goes with a visit comes first and in the table's order, never what is sold out or was seen; what is popular
// fills the rest; and the answer says which of both it was.
func TestTheTableRecommends(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = goesWith(t, "zebra", "gone", "apple", "bowl") })
	f.sells(t, "gone")
	f.clicks.trending = []string{"hot", "apple", "mug"}
	for _, c := range []struct{ query, items, algorithm, version, reason string }{
		{"product=mug&limit=2", "zebra apple", byTable, "v7", besideReason},
		{"seen=mug&limit=3", "zebra apple bowl", byTable, "v7", viewedReason + "The mug"},
		{"seen=mug,bowl&limit=2", "zebra apple", byTable, "v7", viewedReason + "The mug"},
		{"product=mug&seen=zebra&limit=3", "apple bowl hot", byTable + "+" + byTrend, "v7", besideReason},
		{"product=plate&limit=2", "mug apple", byShelf + "+" + byTrend, trendRules, shelfReason + "Kitchen"},
		{"limit=2", "apple hot", byTrend, trendRules, popularReason},
	} {
		out, items := f.recommends(t, c.query)
		if got := strings.Fields(items); c.algorithm == byTrend {
			slices.Sort(got)
			items = strings.Join(got, " ")
		}
		if items != c.items || out.Algorithm != c.algorithm || out.Version != c.version || out.Items[0].Reason != c.reason {
			t.Errorf("%s: %q, %+v", c.query, items, out)
		}
	}
	page := f.do("GET", "/products/mug", "").must(t, 200, "The zebra", besideReason, `data-algorithm="item-to-item`, `data-version="v7"`)
	if strings.Contains(page.body, "The gone") {
		t.Error("what is sold out is recommended")
	}
	f.form("/cart", "sku", "MUG-S", "quantity", "1").must(t, 303)
	f.do("GET", "/cart", "").must(t, 200, "The zebra", withReason+"The mug")
}

// TestWhatIsBoughtTogether: in carts and orders it comes first, then what is looked at together, then what is popular, each once and none sold out;
// elsewhere it says nothing.
func TestWhatIsBoughtTogether(t *testing.T) {
	b := recommend.NewBuilder("v8", time.Now())
	for _, pair := range []struct {
		table recommend.Table
		item  string
		score float32
	}{{recommend.Bought, "spoon", 0.2}, {recommend.Bought, "gone", 0.9}, {recommend.Bought, "plate", 0.5}, {recommend.Viewed, "plate", 0.9}, {recommend.Viewed, "zebra", 0.8}} {
		if err := b.Add(pair.table, "mug", pair.item, pair.score); err != nil {
			t.Fatal(err)
		}
	}
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = &ownTables{model: b.Model()} })
	f.sells(t, "gone")
	f.clicks.trending = []string{"hot"}
	for _, c := range []struct{ query, items, algorithm, reason string }{
		{"slot=cart&seen=mug&limit=2", "plate spoon", byOrders, boughtReason + "The mug"},
		{"slot=order&product=mug&limit=3", "plate spoon zebra", byOrders + "+" + byTable, boughtReason + "The mug"},
		{"slot=cart&seen=mug&limit=4", "plate spoon zebra hot", byOrders + "+" + byTable + "+" + byTrend, boughtReason + "The mug"},
		{"slot=product&product=mug&limit=2", "plate zebra", byTable, besideReason},
	} {
		out, items := f.recommends(t, c.query)
		if items != c.items || out.Algorithm != c.algorithm || out.Version != "v8" || out.Items[0].Reason != c.reason {
			t.Errorf("%s: %q, %+v", c.query, items, out)
		}
	}
	f.form("/cart", "sku", "MUG-S", "quantity", "1").must(t, 303)
	f.do("GET", "/cart", "").must(t, 200, "The plate", boughtReason+"The mug", `data-algorithm="`+byOrders+"+"+byTable+"+"+byTrend+`"`)
}

// TestTheShelfComesBeforeWhatIsPopular: beside a product of which a table says too little are products of its collection, none of them sold out or there
// already; then what is popular.
func TestTheShelfComesBeforeWhatIsPopular(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = goesWith(t, "zebra") })
	f.sells(t)
	f.clicks.trending = []string{"hot"}
	var shelf []api.Product
	for _, h := range []string{"gone", "zebra", "mug", "bowl", "cup"} {
		p := mug()
		p.Handle, p.Title, p.Variants = h, "The "+h, p.Variants[:1]
		if h == "gone" {
			p.Variants = []api.Variant{{SKU: "G"}}
		}
		shelf = append(shelf, p)
	}
	f.core.says("collections.get", api.CollectionPage{Collection: api.Collection{Handle: "kitchen", Title: "Kitchen"}, Products: api.List[api.Product]{Items: shelf}})
	for _, c := range []struct{ query, items, algorithm, version string }{
		{"product=mug&limit=2", "zebra bowl", byTable + "+" + byShelf, "v7"},
		{"product=mug&limit=4", "zebra bowl cup hot", byTable + "+" + byShelf + "+" + byTrend, "v7"},
		{"product=plate&limit=2", "zebra mug", byShelf, trendRules},
	} {
		out, items := f.recommends(t, c.query)
		if items != c.items || out.Algorithm != c.algorithm || out.Version != c.version || out.Items[1].Reason != shelfReason+"Kitchen" {
			t.Errorf("%s: %q, %+v", c.query, items, out)
		}
	}
	f.do("GET", "/products/mug", "").must(t, 200, shelfReason+"Kitchen", `data-algorithm="`+byTable+"+"+byShelf+"+"+byTrend+`"`)
	f.core.on("collections.get", func(wireCall) wireAnswer { return wireAnswer{V: api.NewError(api.CodeNotFound, "Gone.")} })
	if out, items := f.recommends(t, "product=plate&limit=1"); items != "hot" || out.Algorithm != byTrend {
		t.Errorf("without a collection: %q, %+v", items, out)
	}
}

// TestWhatWasSeen: the last first, each once, without the present one and what is sold out or gone.
func TestWhatWasSeen(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = goesWith(t, "zebra") })
	f.sells(t, "gone")
	for query, want := range map[string]string{
		"slot=recent&seen=plate,gone,bowl,plate,cup":  "cup plate bowl",
		"slot=recent&seen=plate,bowl,cup&product=cup": "bowl plate",
		"slot=recent&seen=plate,bowl,cup&limit=2":     "cup bowl",
		"slot=recent&seen=gone":                       "",
		"slot=recent":                                 "",
		"slot=recent&seen=cup&product=cup":            "",
	} {
		if out, items := f.recommends(t, query); items != want || out.Algorithm != byMemory || out.Version != trendRules || out.Slot != "recent" {
			t.Errorf("%s: %q, %+v", query, items, out)
		}
	}
}

// TestAnEmptySearchRecommends: what is popular, and nothing sold out; a search that finds something recommends nothing.
func TestAnEmptySearchRecommends(t *testing.T) {
	f := newShopFixture(t, nil)
	f.sells(t, "gone")
	f.clicks.trending = []string{"gone", "hot"}
	if a := f.do("GET", "/search?q=mug", "").must(t, 200); strings.Contains(a.body, "data-recs") {
		t.Error("beside results something is recommended")
	}
	f.core.says("search", api.SearchResult{})
	if a := f.do("GET", "/search?q=zeppelin", "").must(t, 200, `data-recs="search"`, `data-algorithm="trending"`, "The hot"); strings.Contains(a.body, "The gone") {
		t.Error("what is sold out is recommended")
	}
}

// TestWithoutTables: an edge that has none yet, or whose core does not answer what is in one, is as it was.
func TestWithoutTables(t *testing.T) {
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = &ownTables{} })
	f.sells(t)
	f.clicks.trending = []string{"hot"}
	if out, _ := f.recommends(t, "product=mug"); out.Algorithm != byTrend {
		t.Errorf("%+v", out)
	}
	f.do("GET", "/products/mug", "").must(t, 200, `data-algorithm="trending"`)
}

// TestManyAreRecommended: no number of them is more than the core answers at once.
func TestManyAreRecommended(t *testing.T) {
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprint("item-", i))
	}
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = goesWith(t, many...) })
	f.sells(t)
	if out, _ := f.recommends(t, "seen=mug,a,b,c,d,e,f,g,h,i&limit=100"); len(out.Items) != picksMax {
		t.Errorf("%d are recommended", len(out.Items))
	}
	for _, c := range f.core.called("products.set") {
		var q api.ProductSetQuery
		if err := json.Unmarshal(c.Body, &q); err != nil || len(q.Handles) > 100 {
			t.Errorf("%d are asked for at once: %v", len(q.Handles), err)
		}
	}
}

func TestSeenIsChecked(t *testing.T) {
	f := newShopFixture(t, nil)
	many := strings.TrimSuffix(strings.Repeat("mug,", seenMax+1), ",")
	for _, seen := range []string{"NO", "mug,,bowl", "mug,", many, strings.Repeat("m", 200)} {
		f.do("GET", "/api/v1/recommendations?seen="+seen, "").must(t, 422, `"seen"`)
	}
	if _, items := f.recommends(t, "seen="+strings.TrimSuffix(many, ",mug")); items == "mug" {
		t.Error("what was seen comes again")
	}
}

// TestStaffMakeTables: staff see which table is served, and ask for the next.
func TestStaffMakeTables(t *testing.T) {
	own := goesWith(t, "bowl")
	f := newShopFixture(t, func(c *ShopConfig) { c.Recommendations = own })
	const path = "/admin/api/v1/recommendations"
	f.do("GET", path, "").must(t, 401)
	f.do("POST", path, "").must(t, 401)
	f.core.says("staff.whoami", api.StaffIdentity{Email: "a@example.com", Role: roleMerchandiser})
	f.core.says("recommendations.get", api.RecommendationTable{Version: "v7", Items: 2, Gone: []string{}})
	staff := []string{"Authorization", "Bearer s-token", "Idempotency-Key", "k"}
	f.do("GET", path, "", staff...).must(t, 200, `"serving":"v7"`, `"making":false`, `"items":2`)
	f.do("POST", path, "", staff...).must(t, 202, `"making":true`)
	if own.demanded != 1 {
		t.Errorf("asked %d times", own.demanded)
	}
	own.cannot = fmt.Errorf("no ClickHouse")
	f.do("POST", path, "", staff...).must(t, 503, "--clickhouse-url")
}
