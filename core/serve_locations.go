package core

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"meridian/api"
)

const maxPriority = 1_000_000

func (s *Service) locationsList(c *call, _ api.None) (api.Locations, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return api.Locations{}, err
	}
	return s.m.locationView(), nil
}

func (s *Service) locationsPut(ctx context.Context, c *call, req api.PutLocations) (reply, error) {
	if err := need(c, roleMerchandiser); err != nil {
		return reply{}, err
	}
	k := s.key(c, c.scope(), req)
	var f fields
	cmd := putLocationsCmd{IfMatch: req.IfMatch.Raft, Match: !req.IfMatch.IsZero()}
	if len(req.Items) > api.MaxLocations {
		f.add("items", "At most %d locations.", api.MaxLocations)
	}
	seen := map[string]bool{}
	for i, l := range req.Items[:min(len(req.Items), api.MaxLocations)] {
		at := func(name string) string { return fmt.Sprintf("items.%d.%s", i, name) }
		if !locationPattern.MatchString(l.ID) {
			f.add(at("id"), "A location is a-z, 0-9 and dashes, at most 64.")
		}
		if seen[l.ID] {
			f.add(at("id"), "%s is in the list twice.", truncate(l.ID, 64))
		}
		seen[l.ID] = true
		f.text(at("name"), l.Name, 100, false)
		if l.Priority < 0 || l.Priority > maxPriority {
			f.add(at("priority"), "Give a number between 0 and %d; the smallest is reserved first.", maxPriority)
		}
		cmd.List = append(cmd.List, locationRec{ID: l.ID, Name: cmp.Or(strings.TrimSpace(l.Name), l.ID), Priority: l.Priority, Idle: !l.Active})
	}
	if len(f) > 0 {
		return s.storeRefusal(ctx, k, api.InvalidFields(f))
	}
	return s.propose(ctx, cmdPutLocations, k, cmd)
}

// stockView is the level at one location, as stockGet answers it, with all locations beside it.
func (s *Service) stockView(c *call, q api.StockQuery) (api.StockView, error) {
	level, err := s.stockGet(c, q)
	if err != nil {
		return api.StockView{}, err
	}
	return api.StockView{StockLevel: level, Locations: s.m.stockAt(q.SKU)}, nil
}

func (s *Service) shelfGet(c *call, q api.ShelfQuery) (api.List[api.Shelf], error) {
	list := api.List[api.Shelf]{Items: []api.Shelf{}}
	if err := need(c, roleMerchandiser); err != nil {
		return list, err
	}
	if len(q.SKUs) > api.MaxShelf {
		return list, api.Invalid("skus", "Ask for at most %d SKUs at once.", api.MaxShelf)
	}
	for _, sku := range q.SKUs {
		if _, ok := s.m.findSKU(sku); ok {
			list.Items = append(list.Items, api.Shelf{SKU: sku, Available: s.m.available(sku)})
		}
	}
	return list, nil
}
