package core

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"meridian/api"
	"meridian/core/productcsv"
)

// partBytes bounds the products of one staging command.
const partBytes = 100 << 10

// staffImport imports a product CSV. The whole file is checked first; then the products are staged in
// parts and made real in one step, so that nobody ever sees half of it.
func (s *Service) staffImport(ctx context.Context, c *call, req api.ImportProducts) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	products, bad := productcsv.Parse(bytes.NewReader(req.CSV), productcsv.Limits{})
	report := api.ImportReport{DryRun: req.DryRun, Errors: append([]api.ImportError{}, bad...), Warnings: []api.ImportError{}}
	var recs []productRec
	stock := map[string]int64{}
	for _, p := range products {
		rec, levels, wrong := toRecord(p.StaffProduct)
		for _, w := range wrong {
			report.Errors = append(report.Errors, api.ImportError{Line: p.Line, Column: w.Field, Message: w.Message})
		}
		if len(wrong) > 0 {
			continue
		}
		recs = append(recs, rec)
		for k, v := range levels {
			stock[k] = v
		}
	}
	k := s.key(c, c.scope(), req)
	var earlier result
	var known bool
	at := s.m.View(func() {
		earlier, known = s.m.recall(k)
		recs = s.checkImport(&report, products, recs)
	})
	if known && earlier.err != nil {
		return reply{index: at}, earlier.err
	}
	if known {
		return imported(report, reply{raw: earlier.raw, status: earlier.status, replay: true, index: at}, nil)
	}
	if len(report.Errors) > 0 && !req.Partial {
		report.Created, report.Updated, report.Unchanged = 0, 0, 0
		if !req.DryRun {
			return reply{index: at}, brokenImport(report.Errors)
		}
	}
	if req.DryRun || len(recs) == 0 {
		return reply{value: report, status: 200, index: at}, nil
	}
	return s.stage(ctx, k, recs, stock, report)
}

// imported completes a report with what the import made of the catalogue.
func imported(report api.ImportReport, r reply, refusal error) (reply, error) {
	if refusal != nil || r.status >= 400 {
		return r, refusal
	}
	out, err := as[putOutcome](r)
	if err != nil {
		return r, err
	}
	report.Created, report.Updated, report.Unchanged = out.Created, out.Updated, out.Unchanged
	return reply{value: report, status: 200, replay: r.replay, index: r.index}, nil
}

// brokenImport refuses a file of which nothing was imported.
func brokenImport(bad []api.ImportError) *api.Error {
	e := api.NewError(api.CodeInvalid, "Nothing was imported. Correct the lines that are named and send the file again, or import the rest with partial=true.")
	for _, b := range bad {
		e.Errors = append(e.Errors, api.FieldError{Field: cmp.Or(b.Column, "file"), Message: b.Message, Line: b.Line, Column: b.Column})
	}
	return e
}

// checkImport holds an import against the catalogue: SKUs of other products, pictures that are not
// there, and what would be created or changed. Products with errors are left out.
func (s *Service) checkImport(report *api.ImportReport, products []productcsv.Product, recs []productRec) []productRec {
	line := map[string]int{}
	for _, p := range products {
		line[p.Handle] = p.Line
	}
	kept := recs[:0]
	for _, r := range recs {
		ok := true
		for _, v := range r.Variants {
			if ref, taken := s.m.findSKU(v.SKU); taken && ref.handle != r.Handle {
				ok = false
				report.Errors = append(report.Errors, api.ImportError{Line: line[r.Handle], Column: "Variant SKU",
					Message: fmt.Sprintf("SKU %s belongs to the product %s already.", v.SKU, ref.handle)})
			}
		}
		for _, i := range r.Images {
			if _, there := s.m.assets.Get(i.Asset); !there {
				report.Warnings = append(report.Warnings, api.ImportError{Line: line[r.Handle], Column: "Image Src",
					Message: fmt.Sprintf("%s is not uploaded yet; the product is shown without it until it is.", i.Asset)})
			}
		}
		if !ok {
			continue
		}
		kept = append(kept, r)
		r.Clips = s.m.clipNames(r.Clips)
		switch old, exists := s.m.products.Get(r.Handle); {
		case !exists:
			report.Created++
		case sameProduct(old, r):
			report.Unchanged++
		default:
			report.Updated++
		}
	}
	return kept
}

// sameProduct compares what a merchandiser can change.
func sameProduct(old, next productRec) bool {
	next.Seq, next.Index = old.Seq, old.Index
	return bytes.Equal(must(encMode.Marshal(old)), must(encMode.Marshal(next)))
}

func (s *Service) stage(ctx context.Context, k keying, recs []productRec, stock map[string]int64, report api.ImportReport) (reply, error) {
	id := newID(8)
	parts := uint64(0)
	for len(recs) > 0 {
		part := stageImportCmd{ID: id, Part: parts, Stock: map[string]int64{}}
		for size := 0; len(recs) > 0 && size < partBytes; recs = recs[1:] {
			part.Products = append(part.Products, recs[0])
			for _, v := range recs[0].Variants {
				part.Stock[v.SKU] = stock[v.SKU]
			}
			size += len(must(encMode.Marshal(recs[0])))
		}
		if _, err := s.propose(ctx, cmdStageImport, keying{}, part); err != nil {
			return reply{}, err
		}
		parts++
	}
	r, err := s.propose(ctx, cmdCommitImport, k, commitImportCmd{ID: id, Parts: parts})
	if r.replay || api.CodeOf(err) == api.CodeKeyReused {
		// Another import with this key was faster, and these parts are of no use.
		if _, derr := s.propose(ctx, cmdCommitImport, keying{}, commitImportCmd{ID: id, Parts: parts, Drop: true}); derr != nil {
			return reply{}, derr
		}
	}
	return imported(report, r, err)
}

func (s *Service) staffExport(c *call, _ api.None) (api.ExportedCSV, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return api.ExportedCSV{}, err
	}
	var all []api.StaffProduct
	s.m.products.Ascend("", func(_ string, p productRec) bool { all = append(all, s.m.staffProduct(p)); return true })
	var b bytes.Buffer
	if err := productcsv.Write(&b, all); err != nil {
		return api.ExportedCSV{}, api.Internal(err)
	}
	return api.ExportedCSV{CSV: b.Bytes()}, nil
}
