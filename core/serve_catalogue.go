package core

import (
	"context"

	"meridian/api"
)

func checkList(currency, sort string) error {
	if !knownCurrency(currency) {
		return api.Invalid("currency", "Prices exist in EUR and USD.")
	}
	if !sortings[sort] {
		return api.Invalid("sort", "Sort by featured, newest, price, -price or title.")
	}
	return nil
}

func noProduct(handle string) *api.Error {
	return api.NewError(api.CodeNotFound, "There is no product %s.", handle)
}

func (s *Service) productsList(_ *call, q api.ProductsQuery) (api.List[api.Product], error) {
	if err := checkList(q.Currency, q.Sort); err != nil {
		return api.List[api.Product]{}, err
	}
	handles := s.m.byCreation
	if q.Collection != "" {
		if !s.m.hasCollection(q.Collection) {
			return api.List[api.Product]{}, api.NewError(api.CodeNotFound, "There is no collection %s.", q.Collection)
		}
		handles = s.m.members[q.Collection]
	}
	l, refusal := s.m.listed(handles, q.Currency, q.Sort, q.Page)
	briefly(l.Items, q.Brief)
	return l, orNil(refusal)
}

// briefly takes the descriptions out, if nobody wants them.
func briefly(items []api.Product, brief bool) {
	for i := range items {
		if brief {
			items[i].DescriptionHTML = ""
		}
	}
}

// hasCollection: a collection exists if it was described or if a product is in it.
func (m *Machine) hasCollection(handle string) bool {
	_, described := m.collections.Get(handle)
	return described || len(m.members[handle]) > 0
}

func (s *Service) productsGet(_ *call, q api.ProductQuery) (api.Product, error) {
	if err := checkList(q.Currency, ""); err != nil {
		return api.Product{}, err
	}
	rec, ok := s.m.products.Get(q.Handle)
	if !ok || rec.Draft {
		return api.Product{}, noProduct(q.Handle)
	}
	p, ok := s.m.product(rec, q.Currency)
	if !ok {
		return api.Product{}, noProduct(q.Handle)
	}
	return p, nil
}

func (s *Service) productsSet(_ *call, q api.ProductSetQuery) (api.List[api.Product], error) {
	if len(q.Handles) > 100 {
		return api.List[api.Product]{}, api.Invalid("handles", "Ask for at most 100 products at once.")
	}
	items := s.m.sorted(q.Handles, q.Currency, "")
	briefly(items, q.Brief)
	return api.List[api.Product]{Items: items}, nil
}

func (s *Service) collectionsList(_ *call, _ api.Locale) (api.List[api.Collection], error) {
	var recs []collectionRec
	s.m.collections.Ascend("", func(_ string, c collectionRec) bool { recs = append(recs, c); return true })
	out := api.List[api.Collection]{Items: make([]api.Collection, len(recs))}
	for i := range recs { // in order of creation
		n := 0
		for _, other := range recs {
			if other.Seq < recs[i].Seq {
				n++
			}
		}
		out.Items[n] = s.m.collection(recs[i])
	}
	return out, nil
}

func (s *Service) collectionsGet(c *call, q api.CollectionQuery) (api.CollectionPage, error) {
	l, err := s.productsList(c, api.ProductsQuery{Page: q.Page, Locale: q.Locale, Collection: q.Handle, Sort: q.Sort, Brief: q.Brief})
	if err != nil {
		return api.CollectionPage{}, err
	}
	rec, ok := s.m.collections.Get(q.Handle)
	if !ok {
		rec = collectionRec{Handle: q.Handle, Title: q.Handle}
	}
	return api.CollectionPage{Collection: s.m.collection(rec), Products: l}, nil
}

func (s *Service) staffProductGet(c *call, q api.StaffHandle) (api.StaffProduct, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return api.StaffProduct{}, err
	}
	rec, ok := s.m.products.Get(q.Handle)
	if !ok {
		return api.StaffProduct{}, noProduct(q.Handle)
	}
	return s.m.staffProduct(rec), nil
}

func (s *Service) staffProducts(c *call, q api.ProductsQuery) (api.List[api.StaffProduct], error) {
	out := api.List[api.StaffProduct]{Items: []api.StaffProduct{}}
	if err := need(c, roleMerchandiser); err != nil {
		return out, err
	}
	limit, refusal := limitOf(q.Page)
	if refusal != nil {
		return out, refusal
	}
	s.m.products.Ascend(q.After, func(k string, p productRec) bool {
		if k == q.After {
			return true
		}
		if len(out.Items) == limit {
			next := out.Items[limit-1].Handle
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, s.m.staffProduct(p))
		return true
	})
	return out, nil
}

func (s *Service) staffProductPut(ctx context.Context, c *call, req api.PutProduct) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	rec, stock, bad := toRecord(req.Product)
	if len(bad) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(bad))
	}
	return s.propose(ctx, cmdPutProducts, k,
		putProductsCmd{Products: []productRec{rec}, Stock: stock, IfMatch: req.IfMatch.Raft, Match: !req.IfMatch.IsZero()})
}

func (s *Service) staffProductDelete(ctx context.Context, c *call, req api.StaffHandle) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	return s.propose(ctx, cmdDeleteProduct, s.key(c, c.scope(), req), deleteProductCmd{Handle: req.Handle, IfMatch: req.IfMatch.Raft, Match: !req.IfMatch.IsZero()})
}

func (s *Service) staffCollection(ctx context.Context, c *call, req api.Collection) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	if !handlePattern.MatchString(req.Handle) {
		return reply{}, api.Invalid("handle", handleRule)
	}
	if req.Title == "" || len(req.Title) > maxTitle || !clean(req.Title) {
		return reply{}, api.Invalid("title", "Give a title of 1 to %d characters.", maxTitle)
	}
	if len(req.Description) > maxText || !clean(req.Description) {
		return reply{}, api.Invalid("description", "At most %d characters.", maxText)
	}
	rec := collectionRec{Handle: req.Handle, Title: req.Title, Description: req.Description}
	if req.Image != nil {
		rec.Image = req.Image.URL
	}
	return s.propose(ctx, cmdPutCollection, s.key(c, c.scope(), req), rec)
}

func (s *Service) staffAssetPut(ctx context.Context, c *call, req api.Asset) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	if !assetPattern.MatchString(req.Name) || !stemPattern.MatchString(req.Stem) {
		return reply{}, api.Invalid("name", "Asset names are letters, digits, dots, dashes and underscores, at most 128.")
	}
	if (req.Kind != "image" && req.Kind != "clip") || req.Width < 1 || req.Height < 1 || len(req.Widths) > 16 || len(req.Formats) > 8 {
		return reply{}, api.Invalid("kind", "An asset is an image or a clip with a size.")
	}
	return s.propose(ctx, cmdPutAsset, s.key(c, c.scope(), req), assetRec{Name: req.Name, Kind: req.Kind, Stem: req.Stem, Width: req.Width,
		Height: req.Height, Widths: req.Widths, Formats: req.Formats, Bytes: req.Bytes, Poster: req.Poster})
}

func (s *Service) staffAssets(c *call, q api.Page) (api.List[api.Asset], error) {
	out := api.List[api.Asset]{Items: []api.Asset{}}
	if err := need(c, roleMerchandiser); err != nil {
		return out, err
	}
	limit, refusal := limitOf(q)
	if refusal != nil {
		return out, refusal
	}
	s.m.assets.Ascend(q.After, func(k string, a assetRec) bool {
		if k == q.After {
			return true
		}
		if len(out.Items) == limit {
			next := out.Items[limit-1].Name
			out.Next = &next
			return false
		}
		out.Items = append(out.Items, assetView(a))
		return true
	})
	return out, nil
}

func (s *Service) stockGet(c *call, q api.StockQuery) (api.StockLevel, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return api.StockLevel{}, err
	}
	location := orMain(q.Location)
	if _, ok := s.m.findSKU(q.SKU); !ok {
		return api.StockLevel{}, api.NewError(api.CodeNotFound, "There is no SKU %s.", q.SKU)
	}
	if refusal := s.m.noLocation(location); refusal != nil {
		return api.StockLevel{}, refusal
	}
	rec, _ := s.m.stock.Get(stockKey(q.SKU, location))
	return s.m.stockLevel(q.SKU, location, rec), nil
}

func orMain(location string) string {
	if location == "" {
		return api.DefaultLocation
	}
	return location
}

func (s *Service) stockSet(ctx context.Context, c *call, req api.SetStock) (reply, error) {
	return s.changeStock(ctx, c, req, changeStockCmd{SKU: req.SKU, Location: orMain(req.Location), Set: true, OnHand: req.OnHand,
		IfMatch: req.IfMatch.Raft, Match: !req.IfMatch.IsZero()})
}

func (s *Service) changeStock(ctx context.Context, c *call, req any, cmd changeStockCmd) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	var refusal *api.Error
	switch {
	case !locationPattern.MatchString(cmd.Location):
		refusal = api.Invalid("location", "A location is a-z, 0-9 and dashes, at most 64.")
	case cmd.OnHand < 0 || cmd.OnHand > maxOnHand:
		refusal = api.Invalid("on_hand", "Give a count between 0 and %d.", maxOnHand)
	}
	if refusal != nil {
		return s.storeRefusal(ctx, k, refusal)
	}
	return s.propose(ctx, cmdChangeStock, k, cmd)
}

// storeRefusal makes a refusal the answer of its key, so that a repeat gets it again and the key is
// not used for something else. An edge's own key is for one request only, which is refused again.
func (s *Service) storeRefusal(ctx context.Context, k keying, e *api.Error) (reply, error) {
	if k.Key == "" || isEdgeKey(k.Key) {
		return reply{}, e
	}
	raw, err := jsonOf(e)
	if err != nil {
		return reply{}, err
	}
	r, err := s.propose(ctx, cmdKeyOutcome, k, keyOutcomeCmd{Status: e.Status, Body: raw})
	if err != nil {
		return r, err
	}
	if r.replay {
		return r, nil
	}
	return reply{status: e.Status, index: r.index}, e
}
