package edge

import (
	"context"
	"unicode/utf8"

	"meridian/api"
)

// Bounds of what staff send.
const (
	productBodyMax = 1 << 20
	importBodyMax  = 64 << 20
	assetBodyMax   = 20 << 20
	staffBodyMax   = 16 << 10
	importTimeout  = 5 * 60 * 1e9
)

func (s *Shop) staffProductOperations() []operation {
	const products = "/admin/api/v1/products"
	return []operation{
		{Route: Route{Method: "GET", Pattern: products, Class: Staff, Query: []string{"after", "collection", "limit", "sort"}, Handler: s.staffProducts},
			ID: "staffListProducts", Summary: "Products as they are edited, drafts too", Result: api.List[api.StaffProduct]{}},
		{Route: Route{Method: "GET", Pattern: products + "/{handle}", Class: Staff, Handler: s.staffProduct},
			ID: "staffGetProduct", Summary: "One product as it is edited; its ETag is for If-Match", Result: api.StaffProduct{}},
		{Route: Route{Method: "PUT", Pattern: products + "/{handle}", Class: Staff, MaxBody: productBodyMax, Handler: s.staffPutProduct},
			ID: "staffPutProduct", Summary: "Create or replace a product; what GET answers may be sent back", Body: api.StaffProduct{}, Result: api.StaffProduct{}, Refusals: []api.Code{api.CodePrecondition, api.CodeConflict}},
		{Route: Route{Method: "DELETE", Pattern: products + "/{handle}", Class: Staff, Handler: s.staffDeleteProduct},
			ID: "staffDeleteProduct", Summary: "Delete a product", Status: 204, Refusals: []api.Code{api.CodePrecondition, api.CodeConflict}},
		{Route: Route{Method: "POST", Pattern: products + "/import", Class: Staff, Query: []string{"dry_run", "partial"}, MaxBody: importBodyMax, Types: []string{"text/csv"}, Timeout: importTimeout, Handler: s.staffImport},
			ID: "staffImport", Summary: "Import Shopify's product CSV; all or nothing unless partial=true", BodyType: "text/csv", Result: api.ImportReport{}},
		{Route: Route{Method: "GET", Pattern: products + "/export", Class: Staff, Timeout: importTimeout, Handler: s.staffExport},
			ID: "staffExport", Summary: "All products as Shopify's product CSV", ResultType: "text/csv"},
		{Route: Route{Method: "PUT", Pattern: "/admin/api/v1/collections/{handle}", Class: Staff, MaxBody: staffBodyMax, Handler: s.staffPutCollection},
			ID: "staffPutCollection", Summary: "Create or change a collection; image and count are informational", Body: api.Collection{}, Result: api.Collection{}},
		{Route: Route{Method: "POST", Pattern: "/admin/api/v1/assets", Class: Staff, Query: []string{"name", "poster"}, MaxBody: assetBodyMax, Types: assetTypes, Timeout: importTimeout, Handler: s.staffUpload},
			ID: "staffUpload", Summary: "Upload a picture or clip under a name", BodyType: "image/*", Result: api.Asset{}, Status: 201},
		{Route: Route{Method: "PUT", Pattern: "/admin/api/v1/assets/{name}", Class: Staff, MaxBody: staffBodyMax, Handler: s.staffPutAsset},
			ID: "staffPutAsset", Summary: "Register a picture or clip whose files are in the store already", Body: api.Asset{}, Result: api.Asset{}},
		{Route: Route{Method: "GET", Pattern: "/admin/api/v1/assets", Class: Staff, Query: []string{"after", "limit"}, Handler: s.staffAssets},
			ID: "staffListAssets", Summary: "Uploaded pictures and clips", Result: api.List[api.Asset]{}},
	}
}

// askStaff passes a question of a member of staff on and answers what comes back.
func askStaff[Req, Resp any](ctx context.Context, s *Shop, r *Request, e api.Endpoint[Req, Resp], req Req) (*Answer, error) {
	t := s.staff(r)
	resp, err := ask(ctx, t, e, req)
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 200, resp)
}

func withETag(a *Answer, i api.Index) {
	if !i.IsZero() {
		a.Header = append(a.Header, [2]string{"ETag", `"` + i.String() + `"`})
	}
}

func (s *Shop) staffProducts(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	q := api.ProductsQuery{Page: p.page(), Locale: r.Locale, Collection: p.handle("collection"), Sort: p.choice("sort", sorts)}
	if err := p.err(); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.StaffProducts, q)
}

func (s *Shop) staffProduct(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	return s.answerStaffProduct(ctx, r, func(t *trip) (api.StaffProduct, error) {
		return ask(ctx, t, api.StaffProductGet, api.StaffHandle{Handle: handle})
	})
}

func (s *Shop) staffPutProduct(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleToWrite(r)
	if err != nil {
		return nil, err
	}
	match, err := ifMatch(r.IfMatch)
	if err != nil {
		return nil, err
	}
	var product api.StaffProduct
	if err := decodeJSON(r.Body, &product); err != nil {
		return nil, err
	}
	if product.Handle == "" {
		product.Handle = handle
	}
	if product.Handle != handle {
		return nil, api.Invalid("handle", "must be the handle in the address, %s", handle)
	}
	return s.answerStaffProduct(ctx, r, func(t *trip) (api.StaffProduct, error) {
		return ask(ctx, t, api.StaffProductPut, api.PutProduct{Product: product, IfMatch: match})
	})
}

func (s *Shop) answerStaffProduct(_ context.Context, r *Request, get func(*trip) (api.StaffProduct, error)) (*Answer, error) {
	t := s.staff(r)
	product, err := get(t)
	if err != nil {
		return t.refused(err)
	}
	a := t.answer()
	withETag(a, product.Index)
	return reply(a, 200, product)
}

func (s *Shop) staffDeleteProduct(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleParam(r)
	if err != nil {
		return nil, err
	}
	match, err := ifMatch(r.IfMatch)
	if err != nil {
		return nil, err
	}
	t := s.staff(r)
	if _, err := ask(ctx, t, api.StaffProductDel, api.StaffHandle{Handle: handle, IfMatch: match}); err != nil {
		return t.refused(err)
	}
	return nothing(t.answer())
}

func (s *Shop) staffImport(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	req := api.ImportProducts{CSV: r.Body, Partial: p.flag("partial"), DryRun: p.flag("dry_run")}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(r.Body) == 0 {
		return nil, badBody("The body is empty. Send a CSV file with a header line.")
	}
	if !utf8.Valid(r.Body) {
		return nil, badBody("The file is not valid UTF-8. Save it as CSV UTF-8 and send it again.")
	}
	t := s.staff(r)
	report, err := ask(ctx, t, api.StaffImport, req)
	if e := api.AsError(err); e != nil && e.Code == api.CodeInvalid {
		return brokenImport(t, e)
	}
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 200, report)
}

// importRefusal is a problem document that reads as the report of an import, too.
type importRefusal struct {
	*api.Error
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
}

func brokenImport(t *trip, e *api.Error) (*Answer, error) {
	e.RequestID = t.r.Call.RequestID
	a, err := reply(t.answer(), e.Status, importRefusal{Error: e})
	if err != nil {
		return nil, err
	}
	a.ContentType = problemType
	return a, nil
}

func (s *Shop) staffExport(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	out, err := ask(ctx, t, api.StaffExport, api.None{})
	if err != nil {
		return nil, err
	}
	a := t.answer()
	a.ContentType, a.Body = "text/csv; charset=utf-8", out.CSV
	a.Header = append(a.Header, [2]string{"Content-Disposition", `attachment; filename="products.csv"`})
	return a, nil
}

func (s *Shop) staffPutCollection(ctx context.Context, r *Request) (*Answer, error) {
	handle, err := handleToWrite(r)
	if err != nil {
		return nil, err
	}
	var body api.Collection
	if err := decodeJSON(r.Body, &body); err != nil {
		return nil, err
	}
	if body.Handle == "" {
		body.Handle = handle
	}
	if body.Handle != handle {
		return nil, api.Invalid("handle", "must be the handle in the address, %s", handle)
	}
	return askStaff(ctx, s, r, api.StaffCollection, body)
}

func (s *Shop) staffAssets(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	page := p.page()
	if err := p.err(); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.StaffAssets, page)
}
